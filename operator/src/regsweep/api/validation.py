"""Every rule of validity: from a manifest to a typed spec, or to all of its problems at once.

Rules of single fields are part of the types (`spec`); rules that look at several fields are here, and in `rules` and
`grid_rules`. The API server checks the same types; what it cannot check (`values` of any type, the whole grid) is checked
here, by the operator and by the local runner alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, TypeGuard, TypeVar

from pydantic import JsonValue, ValidationError

from regsweep.api import wording
from regsweep.api.canonical import canonical_json, normal_number
from regsweep.api.constants import API_VERSION, DATA_PARAMETERS, MAX_COMBINATIONS, MAX_NAME_LENGTH, SWEEP_KIND
from regsweep.api.grid_rules import grid_problems
from regsweep.api.model import ApiModel
from regsweep.api.objective import objective_goal
from regsweep.api.rules import rule_problems
from regsweep.api.schema import Schema, spec_schema
from regsweep.api.size_rules import size_problems
from regsweep.api.spec import Objective, Range, Scale, SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.values import range_values
from regsweep.errors import InvalidSweep, Problem

__all__ = ["NAME_RULE", "changed_pinned_fields", "is_sweep_name", "objective_goal", "parse_sweep"]

_TOP_LEVEL: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_ANY_VALUE: Final = "a number, a string, true, false, a list or a mapping"
_DNS_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
NAME_RULE: Final = f"at most {MAX_NAME_LENGTH} lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part"
_Model = TypeVar("_Model", bound=ApiModel)


def is_sweep_name(name: str) -> bool:
    """Whether the API server accepts the name for a sweep (NAME_RULE says which it accepts)."""
    return len(name) <= MAX_NAME_LENGTH and _DNS_SUBDOMAIN.fullmatch(name) is not None


def parse_sweep(
    manifest: Mapping[str, object], max_combinations: int = MAX_COMBINATIONS, *, how_to_raise: str = ""
) -> SweepSpec:
    """The typed spec of a RegularizationSweep's manifest, as read from YAML or from the API server.

    `apiVersion`, `kind` and `metadata` are checked where they are given. Numbers are taken as the API server stores them
    (1.0 is 1).

    max_combinations: how many the sweep may train, after `exclude` and `sample`.
    how_to_raise: how a person has that limit raised, as part of a sentence; empty: it cannot be raised.

    Raises:
        InvalidSweep: with one Problem per field that breaks a rule: what is too large alone; else fields around the spec first,
            then types, then the rest.
    """
    content = manifest.get("spec")
    if too_large := size_problems(content):
        raise InvalidSweep(too_large)
    problems = _envelope(manifest)
    spec = _plain(content, (), problems)
    if not isinstance(spec, dict):
        if "spec" in manifest:
            problems.append(Problem("spec", f"must be a mapping with `flags`, got {wording.shown(spec)}."))
        else:
            problems.append(Problem("spec", "is required: it has the `flags` to vary."))
        raise InvalidSweep(problems)
    spec = _without_nulls(spec, _schema())
    parsed, typed = _typed(SweepSpec, spec)
    problems += typed
    flags = spec.get("flags")
    excludes = spec.get("exclude")
    of_grid = _flag_problems(flags) if isinstance(flags, list) else []
    of_grid += _exclude_problems(flags, excludes) if isinstance(flags, list) and isinstance(excludes, list) else []
    problems += of_grid
    problems += _objective_problems(spec.get("objective"))
    grid_only, _ = _typed(SweepSpec, {key: spec[key] for key in ("flags", "exclude", "sample") if key in spec})
    if grid_only is not None and not of_grid:
        problems += grid_problems(grid_only, max_combinations, how_to_raise)
    if parsed is not None:
        problems += rule_problems(parsed)
    if parsed is None or problems:
        raise InvalidSweep(list({problem.field: problem for problem in reversed(problems)}.values())[::-1])
    return parsed


def changed_pinned_fields(spec: SweepSpec, resolved: Resolved) -> list[Problem]:
    """The fields that differ from what was pinned when the sweep was accepted; empty if none does.

    An absent image is no change: the pinned one is kept, independently of the operator's present default.
    """
    trainer = spec.trainer
    changed = []
    if trainer.image is not None and trainer.image != resolved.image:
        changed.append(_pinned("spec.trainer.image", resolved.image, trainer.image))
    for name in sorted(trainer.parameters.keys() | resolved.parameters.keys()):
        field = f"spec.trainer.parameters.{name}"
        if name not in trainer.parameters:
            changed.append(_pinned(field, resolved.parameters[name], None))
        elif name not in resolved.parameters:
            changed.append(_pinned(field, None, trainer.parameters[name]))
        elif canonical_json(trainer.parameters[name]) != canonical_json(resolved.parameters[name]):
            changed.append(_pinned(field, resolved.parameters[name], trainer.parameters[name]))
    single: list[tuple[str, JsonValue, JsonValue]] = [
        ("spec.trainer.args", _listed(resolved.args), _listed(trainer.args)),
        ("spec.trainer.report", _object(resolved.report), _object(trainer.report)),
        ("spec.trainer.gpus", resolved.gpus, trainer.gpus),
        ("spec.seed", resolved.seed, spec.seed),
        ("spec.resampling", resolved.resampling.to_json(), spec.resampling.to_json()),
    ]
    changed += [_pinned(field, pinned, wanted) for field, pinned, wanted in single if pinned != wanted]
    if trainer.gpu_resource is not None and trainer.gpu_resource != resolved.gpu_resource:
        changed.append(_pinned("spec.trainer.gpuResource", resolved.gpu_resource, trainer.gpu_resource))
    return changed


def _listed(arguments: list[str] | None) -> JsonValue:
    return None if arguments is None else [*arguments]


def _object(value: ApiModel | None) -> JsonValue:
    return None if value is None else value.to_json()


def _pinned(field: str, pinned: JsonValue, wanted: JsonValue) -> Problem:
    was, now = ("absent" if value is None else wording.shown(value) for value in (pinned, wanted))
    advice = "Runs continue with the pinned value. Restore it, or create a new sweep."
    return Problem(
        field, f"cannot change: {was} was pinned when the sweep was accepted, and the spec has {now}. {advice}"
    )


def _envelope(manifest: Mapping[str, object]) -> list[Problem]:
    """Problems of what is around the spec."""
    problems = []
    for field, wanted in (("apiVersion", API_VERSION), ("kind", SWEEP_KIND)):
        if field in manifest and manifest[field] != wanted:
            problems.append(Problem(field, f"must be {wanted}, got {wording.shown(manifest[field])}."))
    metadata = manifest.get("metadata", {})
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping):
        problems.append(Problem("metadata", f"must be a mapping with `name`, got {wording.shown(metadata)}."))
    elif name is not None and not (isinstance(name, str) and is_sweep_name(name)):
        problems.append(Problem("metadata.name", f"must be {NAME_RULE}, got {wording.shown(name)}."))
    for key in manifest:
        if key not in _TOP_LEVEL:
            hint = wording.closest(str(key), _TOP_LEVEL)
            known = " It belongs under `spec`." if key in _schema()["properties"] else hint
            problems.append(Problem(str(key), f"unknown field.{known} Allowed: {', '.join(_TOP_LEVEL)}."))
    return problems


def _plain(value: object, location: wording.Location, problems: list[Problem]) -> JsonValue:
    """The value as JSON, its numbers as the API server stores them; what cannot be JSON becomes a problem, and null."""
    if isinstance(value, str) and not _is_unicode(value):
        problems.append(Problem(wording.path(location), f"must be Unicode text, got half of a character in {value!a}."))
        return None
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        try:
            return normal_number(value)
        except ValueError:
            text = f"is {wording.shown(value)}, which cannot be stored: numbers must be finite."
            problems.append(Problem(wording.path(location), text))
            return None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                message = f"the key {wording.shown(key)} must be a string. Write it in quotes."
                problems.append(Problem(wording.path((*location, str(key))), message))
            elif not _is_unicode(key):
                problems.append(Problem(wording.path(location), f"the name {key!a} must be Unicode text."))
        return {str(key): _plain(item, (*location, str(key)), problems) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, (*location, place), problems) for place, item in enumerate(value)]
    kind = type(value).__name__
    message = f"must be {_ANY_VALUE}, got a {kind}, {wording.shown(value)}. Write it in quotes."
    problems.append(Problem(wording.path(location), message))
    return None


def _is_unicode(text: str) -> bool:
    """False where it holds half of a surrogate pair, which neither JSON nor a file can keep."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_nulls(spec: dict[str, JsonValue], schema: Schema) -> dict[str, JsonValue]:
    """The object without fields that are null, as the API server prunes them: `trainer:` without a value is absent."""
    fields: Schema = schema.get("properties", {})
    kept: dict[str, JsonValue] = {}
    for name, value in spec.items():
        below: Schema = fields.get(name, {})
        if isinstance(value, dict):
            kept[name] = _without_nulls(value, below)
        elif isinstance(value, list) and below.get("type") == "array":
            items = below["items"]
            kept[name] = [_without_nulls(item, items) if isinstance(item, dict) else item for item in value]
        elif value is not None or name not in fields:
            kept[name] = value
    return kept


def _typed(
    model: type[_Model], value: JsonValue, location: wording.Location = ()
) -> tuple[_Model | None, list[Problem]]:
    """The value as the model, and no problem; or None and the problems. As strict as the API server: "5" is not a number."""
    try:
        return model.model_validate_json(json.dumps(value), strict=True, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, wording.problems(error.errors(include_url=False), _schema(), location)


@cache
def _schema() -> Schema:
    return spec_schema(SweepSpec)


def _flag_problems(flags: Sequence[JsonValue]) -> list[Problem]:
    """What the types cannot express about flags: names and values that clash, values of different types, ranges."""
    problems: list[Problem] = []
    by_name: dict[str, str] = {}
    by_label: dict[str, tuple[str, str]] = {}
    for place, flag in enumerate(flags):
        if not isinstance(flag, dict):
            continue
        field = f"spec.flags[{place}]"
        name, values, points = flag.get("name"), flag.get("values"), flag.get("range")
        if isinstance(name, str):
            problems += _flag_name_problems(field, name, by_name, by_label)
        if values is not None and points is not None:
            problems.append(Problem(field, "has both `values` and `range`. Give one of them."))
        if values is None and points is None and flag.keys() <= {"name", "values", "range"}:
            message = "needs `values`, such as [0, 0.001, 0.01], or `range`, such as {from: 0, to: 0.5, points: 6}."
            problems.append(Problem(field, message))
        if isinstance(values, list):
            problems += _value_problems(f"{field}.values", values)
        if isinstance(points, dict):
            problems += _range_problems(f"{field}.range", points)
    return problems


def _flag_name_problems(
    field: str, name: str, by_name: dict[str, str], by_label: dict[str, tuple[str, str]]
) -> list[Problem]:
    """A name that another flag has, in the spec or in Prometheus, or that is not a flag's; then it is one of the others."""
    problems = []
    metric_label = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if name in by_name:
        message = f'"{name}" is the name of {by_name[name]} too. Put all of its values into one flag.'
        problems.append(Problem(f"{field}.name", message))
    elif metric_label in by_label:
        other, where = by_label[metric_label]
        message = f'"{name}" and "{other}" ({where}) would have one label in Prometheus, `flag_{metric_label}`. Rename one of them.'
        problems.append(Problem(f"{field}.name", message))
    if name in DATA_PARAMETERS:
        message = (
            f'"{name}" cannot be swept: it says what the data are, and combinations are compared on the same data. '
            "Put it into spec.trainer.parameters, and create a sweep for each value."
        )
        problems.append(Problem(f"{field}.name", message))
    by_name.setdefault(name, field)
    by_label.setdefault(metric_label, (name, field))
    return problems


def _value_problems(field: str, values: Sequence[JsonValue]) -> list[Problem]:
    """Values that are equal, not allowed, or not all of one type."""
    problems = []
    kinds = [_kind(value) for value in values]
    if "number" in kinds or all(wording.spells_number(value) for value in values):
        for place, value in enumerate(values):
            if isinstance(value, str) and wording.spells_number(value):
                kinds[place] = "number"
                problems.append(Problem(f"{field}[{place}]", f"{wording.number_in_quotes(value)}."))
    seen: dict[str, int] = {}
    for place, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        where = f"{field}[{place}]"
        if (refusal := wording.no_flag_value(value)) is not None:
            problems.append(Problem(where, refusal))
            continue
        if (first := seen.setdefault(canonical_json(value), place)) != place:
            problems.append(
                Problem(where, f"{wording.shown(value)} is listed already, as values[{first}]. Remove one of them.")
            )
        elif kind != kinds[0] and wording.no_flag_value(values[0]) is None:
            first_value = f"a {kinds[0]}, {wording.shown(values[0])}"
            message = (
                f"is a {kind}, {wording.shown(value)}, but the first value is {first_value}. All must be of one type."
                f"{_word_hint(value, kinds[0]) or _word_hint(values[0], kind)}"
            )
            problems.append(Problem(where, message))
    return problems


def _kind(value: JsonValue) -> str:
    """Number, string, boolean, list, mapping or null."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "boolean"),
        (int, "number"),
        (float, "number"),
        (str, "string"),
        (list, "list"),
        (dict, "mapping"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _range_problems(field: str, raw: Mapping[str, JsonValue]) -> list[Problem]:
    """Ends in the wrong order, a log range through 0, points that coincide; nothing if the types are wrong already."""
    start, end, scale = raw.get("from"), raw.get("to"), raw.get("scale")
    if not (_is_number(start) and _is_number(end)):
        return []
    if start >= end:
        swap = "Swap them." if start > end else "For a single value, write `values: [...]`."
        return [Problem(f"{field}.from", f"must be below `to`, got from {start} to {end}. {swap}")]
    if scale == Scale.LOG and start <= 0:
        message = f"a log range must start above 0, got {start}. Use a small number such as 0.0001, or `scale: Linear`."
        return [Problem(f"{field}.from", message)]
    points, _ = _typed(Range, {**raw})
    if points is not None and len(set(range_values(points))) < points.points:
        return [Problem(field, f"its ends are too close for {points.points} different points. Use fewer points.")]
    return []


def _is_number(value: JsonValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _exclude_problems(flags: Sequence[JsonValue], excludes: Sequence[JsonValue]) -> list[Problem]:
    """Entries that name an unknown flag, exclude everything, or have a value of another type than the flag."""
    kinds = {name: kind for name, kind in map(_flag_kind, flags) if name is not None}
    problems = []
    for place, entry in enumerate(excludes):
        if not isinstance(entry, dict):
            continue
        field = f"spec.exclude[{place}]"
        if not entry:
            message = "names no flag, so it would exclude everything. Name at least one, such as {l2: 0}, or remove the entry."
            problems.append(Problem(field, message))
        for name, value in entry.items():
            if name not in kinds:
                hint = _key_hint(name, kinds) or wording.closest(name, kinds)
                message = f'the sweep has no flag "{name}".{hint} Flags: {", ".join(kinds)}.'
                problems.append(Problem(f"{field}.{name}", message))
            elif kinds[name] == "number" and wording.spells_number(value):
                problems.append(Problem(f"{field}.{name}", f"{wording.number_in_quotes(str(value))}."))
            elif kinds[name] is not None and _kind(value) != kinds[name]:
                got = "null" if value is None else f"a {_kind(value)}, {wording.shown(value)}"
                message = (
                    f"is {got}, but the values of this flag are of type {kinds[name]}: it can never match."
                    f"{_word_hint(value, kinds[name])}"
                )
                problems.append(Problem(f"{field}.{name}", message))
    return problems


def _word_hint(value: JsonValue, wanted: str | None) -> str:
    """What to do about a boolean among strings; empty if there is none."""
    return wording.unquoted_word(value) if wanted == "string" else ""


def _key_hint(name: str, names: Iterable[str]) -> str:
    """What to do about a key that was a flag's name without quotes, such as `y`, which YAML reads as true."""
    spellings = {"true": ("y", "yes", "on"), "false": ("n", "no", "off")}.get(name, ())
    meant = [known for known in names if known.lower() in spellings]
    return f" YAML reads {meant[0]} as {name} unless quoted. Put it in quotes." if meant else ""


def _flag_kind(flag: JsonValue) -> tuple[str | None, str | None]:
    """The flag's name, and the kind of its values; None for what is not known."""
    if not isinstance(flag, dict):
        return None, None
    name, values = flag.get("name"), flag.get("values")
    kind = (
        "number" if flag.get("range") is not None else _kind(values[0]) if isinstance(values, list) and values else None
    )
    return name if isinstance(name, str) else None, kind


def _objective_problems(raw: JsonValue) -> list[Problem]:
    """An objective whose goal cannot be derived."""
    objective, _ = _typed(Objective, {} if raw is None else raw)
    if objective is None:
        return []
    try:
        objective_goal(objective)
    except InvalidSweep as error:
        return list(error.problems)
    return []
