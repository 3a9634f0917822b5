"""From the arguments of `tuning_run` to a manifest: which trainer, which flags, how many trainings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from regsweep.api.canonical import canonical_json
from regsweep.api.constants import API_VERSION, SWEEP_KIND
from regsweep.api.spec import MAX_EXCLUDES
from regsweep.api.validation import is_sweep_name, parse_sweep
from regsweep.cli.manifest import Manifest, load_manifest
from regsweep.core.grid import combinations
from regsweep.errors import RegsweepError
from regsweep.local.scripts import script_name, script_trainer
from regsweep.local.trainer import TrainerCommand, custom_trainer, reference_trainer

MANIFESTS: Final = frozenset({".yaml", ".yml", ".json"})
USUAL_NAME: Final = "tuning"

Grid = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Any
"""Flags: values by name, or combinations as a list of mappings or a data frame."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be trained."""

    manifest: Manifest
    trainer: TrainerCommand


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a call asks for beside the file and its flags; None: as the manifest has it, or the default."""

    parameters: Mapping[str, Any] | None = None
    replicates: int | None = None
    objective: str | Mapping[str, Any] | None = None
    sample: float | None = None
    """Part of the combinations, above 0 and at most 1."""
    name: str | None = None
    trainer_command: str | None = None


def request_of(file: str | Path | Mapping[str, Any] | None, flags: Grid | None, wishes: Wishes) -> Request:
    """The manifest that a call means. Raises RegsweepError, and InvalidSweep where it breaks a rule of the API.

    file: a manifest, its content, a script that keeps the training contract, or None for the reference trainer.
    """
    document, script = _document(file, wishes)
    spec = document["spec"]
    if flags is not None:
        spec |= _flag_spec(flags)
    if "flags" not in spec:
        raise RegsweepError("flags: is missing. Give the values to try, such as flags={'dropout': [0.2, 0.3]}.")
    if wishes.parameters is not None:
        trainer = spec.setdefault("trainer", {})
        trainer["parameters"] = {**trainer.get("parameters", {}), **_plain(wishes.parameters)}
    if wishes.replicates is not None:
        spec["replicates"] = wishes.replicates
    if wishes.objective is not None:
        objective = wishes.objective
        spec["objective"] = {"metric": objective} if isinstance(objective, str) else _plain(objective)
    if wishes.name is not None:
        document["metadata"]["name"] = wishes.name
    name = str(document["metadata"]["name"])
    if not is_sweep_name(name):
        raise RegsweepError(f"name: got {name!r}, want lower-case letters, digits and `-`.")
    parsed = parse_sweep(document)
    if wishes.sample is not None:
        spec["sample"] = {"size": _sample_size(wishes.sample, spec, document)}
        parsed = parse_sweep(document)
    if wishes.trainer_command is not None:
        return Request(Manifest(name, parsed), custom_trainer(wishes.trainer_command))
    return Request(Manifest(name, parsed), script_trainer(script) if script is not None else reference_trainer())


def _document(file: str | Path | Mapping[str, Any] | None, wishes: Wishes) -> tuple[dict[str, Any], Path | None]:
    """(a manifest that may lack flags, the training script; None: there is none)."""
    if isinstance(file, Mapping):
        content = _plain(file)
        if "spec" in content:
            return {"metadata": {"name": USUAL_NAME}, **content}, None
        return _new(USUAL_NAME, content), None
    if file is None:
        return _new(USUAL_NAME, {}), None
    path = Path(file)
    if not path.is_file():
        raise RegsweepError(f"{path}: no such file. Give a manifest or a training script.")
    if path.suffix.lower() in MANIFESTS:
        manifest = load_manifest(path, wishes.name)
        return _new(manifest.name, manifest.spec.to_json()), None
    return _new(script_name(path), {}), path


def _new(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": SWEEP_KIND, "metadata": {"name": name}, "spec": dict(spec)}


def _flag_spec(flags: Grid) -> dict[str, Any]:
    """`flags` and `exclude` of a spec."""
    if isinstance(flags, Mapping):
        return {"flags": [_flag(name, values) for name, values in flags.items()], "exclude": []}
    rows = [_plain(row) for row in _combinations(flags)]
    if not rows or not rows[0]:
        raise RegsweepError("flags: has no combination. Give values by name, or one combination or more.")
    names = list(rows[0])
    for row in rows:
        if list(row) != names and set(row) != set(names):
            raise RegsweepError(f"flags: combinations have different flags: {', '.join(names)} and {', '.join(row)}.")
    values = {name: list({canonical_json(row[name]): row[name] for row in rows}.values()) for name in names}
    wanted = {canonical_json([row[name] for name in names]) for row in rows}
    left_out = [
        dict(zip(names, each, strict=True))
        for each in product(*values.values())
        if canonical_json(list(each)) not in wanted
    ]
    if len(left_out) > MAX_EXCLUDES:
        raise RegsweepError(
            f"flags: of the grid of all values {len(left_out):,} combinations are left out; at most {MAX_EXCLUDES:,} can be. "
            "Give the values by name, with sample=..., or train several sweeps."
        )
    return {"flags": [{"name": name, "values": each} for name, each in values.items()], "exclude": left_out}


def _flag(name: str, values: Any) -> dict[str, Any]:
    """A flag of a spec: a list of values, one value, or a range such as `{"from": 0, "to": 0.5, "points": 6}`."""
    plain = _json(values)
    if isinstance(plain, dict):
        return {"name": name, "range": plain}
    return {"name": name, "values": plain if isinstance(plain, list) else [plain]}


def _combinations(flags: Any) -> Iterable[Mapping[str, Any]]:
    records = flags.to_dict("records") if hasattr(flags, "to_dict") else list(flags)
    for each in records:
        if not isinstance(each, Mapping):
            raise RegsweepError(f"flags: {each!r} is no combination; want mappings such as {{'dropout': 0.2}}.")
    return list(records)


def _sample_size(part: float, spec: Mapping[str, Any], document: Mapping[str, Any]) -> int:
    if not 0 < part <= 1:
        raise RegsweepError(f"sample: got {part}, want a part of the combinations, above 0 and at most 1.")
    whole = parse_sweep({**document, "spec": {name: value for name, value in spec.items() if name != "sample"}})
    return math.ceil(part * len(combinations(whole)))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _json(value) for name, value in values.items()}


def _json(value: Any) -> JsonValue:
    """The value as JSON has it: NumPy's and pandas' numbers and arrays become Python's."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | range | set | frozenset):
        return [_json(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return value  # type: ignore[no-any-return]  # what JSON does not have, the API's validation refuses by name
