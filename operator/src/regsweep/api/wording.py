"""Pydantic's errors in the words of a person who writes a sweep: what was found, what is allowed, what to do."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from pydantic import JsonValue
from pydantic_core import ErrorDetails

from regsweep.api.constants import METRIC_NAME
from regsweep.api.schema import Schema, at
from regsweep.errors import Problem

Location = tuple[int | str, ...]

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_SHOWN: Final = 60
_FLAG_VALUE: Final = "a number, a string, true, false or a list of these"
_LONGEST_EXPONENT: Final = 4
"""Characters with the sign: no number that a float can be has more, and 1e999999999 as a plain number has a gigabyte."""
_LONGEST_NAME: Final = 253
"""Characters of a name that is compared with the known ones."""

_TYPES: Final[Mapping[str, str]] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a mapping, such as {name: value}",
    "string": "a string",
}
_WRONG_TYPE: Final = re.compile(
    r"(string|int|float|bool|list|dict|model|enum|model_attributes)_type|int_parsing_size|int_from_float"
)


def path(location: Location, root: str = "spec") -> str:
    """The field as `kubectl explain` and people write it, such as `spec.flags[1].range.to`."""
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)


def shown(value: object) -> str:
    """The value as YAML writes it, cut where it is long."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return "a number of thousands of digits"  # more than Python turns into text
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def cut(text: str, most: int) -> str:
    """The text in at most so many characters, with dots where something is missing."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def plural(count: int, noun: str) -> str:
    """Such as `1 run`, `2 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def spells_number(value: object) -> bool:
    """Whether the value is a string that spells a number, such as "1e-4"."""
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _spells_integer(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value) is not None


def number_in_quotes(text: str) -> str:
    """What to do about a string that spells a number: in quotes, or from YAML that kubectl's reader did not read."""
    mantissa, mark, exponent = text.lower().partition("e")
    if not mark or len(exponent) > _LONGEST_EXPONENT:
        short = len(text) <= _LONGEST_SHOWN
        return f"{shown(text)} is a string, not a number. Write it without quotes{f': {text}' if short else ''}"
    dotted = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"
    try:
        plain = format(Decimal(text), "f")
    except InvalidOperation:
        plain = dotted
    write = dotted if len(plain) > 12 else f"{plain} or {dotted}"
    return f'"{text}" is a string, not a number (it is in quotes, or its YAML was read by a tool that needs a dot). Write {write}'


def no_flag_value(value: JsonValue) -> str | None:
    """Why the value cannot be a flag's, or None if it can."""
    nested = isinstance(value, list) and any(no_flag_value(item) is not None for item in value)
    if value is None or isinstance(value, dict) or nested:
        return f"must be {_FLAG_VALUE}, got {shown(value)}."
    return None


def unquoted_word(value: object) -> str:
    """What to do about a boolean where a string belongs; empty where the value is no boolean."""
    if not isinstance(value, bool):
        return ""
    words = "y, yes, on and true as true" if value else "n, no, off and false as false"
    return f" YAML reads {words} unless quoted. Put the word in quotes."


def closest(name: str, names: Iterable[str]) -> str:
    """` Did you mean ...?` with the closest of the names, or nothing if none is close. Case and `_` are ignored."""
    name, plain = name[:_LONGEST_NAME], {known.lower().replace("_", ""): known for known in names}
    matches = difflib.get_close_matches(name.lower().replace("_", "").replace("-", ""), plain, n=1, cutoff=0.5)
    return f" Did you mean `{plain[matches[0]]}`?" if matches else ""


def problems(
    errors: Iterable[ErrorDetails], schema: Schema, within: Location = (), root: str = "spec"
) -> list[Problem]:
    """One Problem per field that pydantic reports; `within` is the place of the parsed part under `root`."""
    problems_by_field: dict[str, Problem] = {}
    for error in errors:
        location = _known(schema, (*within, *error["loc"]), error["type"])
        field = path(location, root)
        problems_by_field.setdefault(field, Problem(field, _message(error, location, schema)))
    return list(problems_by_field.values())


def _known(schema: Schema, location: Location, kind: str) -> Location:
    """The location without the steps that are pydantic's own (which alternative of a union it tried)."""
    if kind == "extra_forbidden":
        return location
    while location and at(schema, location) is None:
        location = location[:-1]
    return location


def _message(error: ErrorDetails, location: Location, schema: Schema) -> str:
    """The message for one error."""
    kind, got = error["type"], error["input"]
    field = at(schema, location) or {}
    if kind == "extra_forbidden":
        known = (at(schema, location[:-1]) or {}).get("properties", {})
        return f"unknown field.{closest(str(location[-1]), known)} Allowed: {', '.join(known)}."
    if kind == "missing":
        purpose = field.get("description", "").split(". ")[0].rstrip(".")
        return f"is required: {purpose}."
    if "enum" in field:
        hint = closest(got, field["enum"]) if isinstance(got, str) else unquoted_word(got)
        return f"must be {_either(field['enum'])}, got {shown(got)}.{hint}"
    if field.get("x-kubernetes-int-or-string"):
        return f"must be an integer such as 3, or a percentage from 0% to 100%, got {shown(got)}."
    if _WRONG_TYPE.fullmatch(kind):
        return _wrong_type(got, field)
    return _broken_limit(error, field)


def _broken_limit(error: ErrorDetails, field: Schema) -> str:
    """The message for a value of the right type that is too small, too large, too long or of another form."""
    kind, got, context = error["type"], error["input"], error.get("ctx", {})
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be {_between(field.get('minimum'), field.get('maximum'))}, got {shown(got)}."
    if kind == "greater_than":
        return f"must be above {context.get('gt')}, got {shown(got)}."
    if kind in ("too_short", "too_long"):
        allowed = _between(field.get("minItems"), field.get("maxItems", field.get("maxProperties")))
        return f"must have {allowed} entries, got {context['actual_length']}."
    if kind in ("string_too_short", "string_too_long"):
        return f"must have {_between(field.get('minLength'), field.get('maxLength'))} characters, got {shown(got)}."
    if kind == "string_pattern_mismatch":
        pattern = str(field.get("pattern"))
        return f"must be {_PATTERNS.get(pattern, f'of the form {pattern}')}, got {shown(got)}."
    return f"{error['msg']}, got {shown(got)}."


_PATTERNS: Final[Mapping[str, str]] = {
    r"^[A-Za-z_][A-Za-z0-9_.-]*$": "letters, digits, `_`, `.` and `-`, starting with a letter or `_`",
    r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$": "letters, digits, `_`, `.` and `-`, with a letter or digit at both ends",
    rf"^(train|val)_{METRIC_NAME}$": "the name of a metric with its split first, such as `val_average_loss` or `val_AUC`: letters, "
    "digits, `_`, `.` and `-` after `train_` or `val_`",
}


def _wrong_type(got: object, field: Schema) -> str:
    wanted = _TYPES.get(field.get("type", ""), "of another type")
    if (field.get("type") == "number" and spells_number(got)) or (
        field.get("type") == "integer" and _spells_integer(got)
    ):
        return f"must be {wanted}, but {number_in_quotes(str(got))}."
    if field.get("type") == "boolean" and isinstance(got, str) and got.lower() in ("yes", "no", "on", "off"):
        return f"must be true or false, got {shown(got)}. Write {'true' if got.lower() in ('yes', 'on') else 'false'}."
    if field.get("type") == "array" and "items" in field:
        return f"must be a list, got {shown(got)}. Write it in brackets, such as [a, b], or each entry on a line after `- `."
    if field.get("type") == "string":
        number = isinstance(got, int | float) and not isinstance(got, bool)
        return f"must be {wanted}, got {shown(got)}.{' Put it in quotes.' if number else unquoted_word(got)}"
    return f"must be {wanted}, got {shown(got)}."


def _either(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _between(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f"from {least} to {most}"
    return f"at least {least}" if most is None else f"at most {most}"
