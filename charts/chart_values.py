"""The chart's values from their one source, values.yaml: values.schema.json, files/required.yaml and the table of README.md.

The comment above a value is its documentation. A line `@schema {...}` in it adds to the type that the default shows. A mapping
without such a line is a group: its values are documented one by one, and others are refused. Types that several values share
stand in value_types.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import JsonValue

from regsweep.settings import PREFIX, Settings, variable_of

CHART: Final = Path(__file__).with_name("regsweep")
TYPES: Final = Path(__file__).with_name("value_types.yaml")
TABLE_BEGIN: Final = "<!-- values: generated from values.yaml, make manifests -->"
TABLE_END: Final = "<!-- end of values -->"
REQUIRED_HEAD: Final = """\
# Values that are never null, not even after an upgrade from a chart that did not know them. Written by charts/render.py.
"""

_INDENT: Final = 2
_KEY: Final = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_MARK: Final = "@schema "
_KINDS: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Value:
    """One value, or a group of values."""

    path: tuple[str, ...]
    default: JsonValue
    description: str
    schema: Mapping[str, JsonValue]
    """What the comment adds to the type that the default shows."""
    is_group: bool
    """Whether its keys are values of their own."""


def values_of(text: str) -> list[Value]:
    """Every value of a values.yaml, groups before their members.

    Raises ValueError, naming the value, where one has no description.
    """
    defaults = yaml.safe_load(text)
    found: list[Value] = []
    closed: tuple[str, ...] | None = None
    for path, comment in _commented_keys(text):
        if closed is not None and path[: len(closed)] == closed:
            continue  # part of a default
        description, schema = _read_comment(comment)
        if not description:
            raise ValueError(f"values.yaml: {'.'.join(path)} has no comment that says what it is")
        default = _at(defaults, path)
        is_group = isinstance(default, dict) and (not schema or "additionalProperties" in schema) and bool(default)
        found.append(Value(path, default, description, schema, is_group))
        closed = None if is_group else path
    return found


def schema_of(values: list[Value]) -> dict[str, JsonValue]:
    """The JSON Schema of the values."""
    definitions: dict[str, JsonValue] = yaml.safe_load(TYPES.read_text())
    definitions["operatorEnvironment"] = _operator_environment()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the regsweep chart; generated from values.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": _properties(values, ()),
        "definitions": definitions,
    }


def table_of(values: list[Value]) -> str:
    """The values as a Markdown table."""
    rows = [
        f"| `{'.'.join(value.path)}` | {_shown(value.default)} | {_cell(value.description)} |"
        for value in values
        if not value.is_group
    ]
    return "\n".join(("| Value | Default | Meaning |", "|---|---|---|", *rows)) + "\n"


def required_of(values: list[Value]) -> str:
    """The values without which the chart cannot be rendered, groups before their members, as YAML.

    The schema does not say so: an editor checks a person's values by it, and those hold only what differs from the defaults.
    """
    found = (".".join(value.path) for value in values if value.is_group or _needs_a_value(value))
    return "".join((REQUIRED_HEAD, *(f"- {path}\n" for path in found)))


def rendered(chart: Path = CHART) -> dict[Path, str]:
    """What each file of the chart that is generated from its values.yaml is to hold."""
    values = values_of((chart / "values.yaml").read_text())
    readme = chart / "README.md"
    before, _, rest = readme.read_text().partition(TABLE_BEGIN)
    _, _, after = rest.partition(TABLE_END)
    return {
        chart / "values.schema.json": json.dumps(schema_of(values), indent=2) + "\n",
        chart / "files" / "required.yaml": required_of(values),
        readme: f"{before}{TABLE_BEGIN}\n{table_of(values)}{TABLE_END}{after}",
    }


def _commented_keys(text: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The path of each key in block style, with the lines of the comment directly above it."""
    comment: list[str] = []
    path: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        key = _KEY.match(line)
        if key is not None:
            del path[len(key["indent"]) // _INDENT :]
            path.append(key["key"])
            yield tuple(path), comment
        comment = []


def _read_comment(lines: list[str]) -> tuple[str, Mapping[str, JsonValue]]:
    marks = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    words = " ".join(line for line in lines if not line.startswith(_MARK))
    return words, yaml.safe_load(marks[0]) if marks else {}


def _at(values: JsonValue, path: tuple[str, ...]) -> JsonValue:
    for key in path:
        assert isinstance(values, dict), path
        values = values[key]
    return values


def _properties(values: list[Value], parent: tuple[str, ...]) -> dict[str, JsonValue]:
    return {value.path[-1]: _type_of(value, values) for value in values if value.path[:-1] == parent}


def _type_of(value: Value, values: list[Value]) -> JsonValue:
    about: dict[str, JsonValue] = {"description": value.description}
    if value.is_group:
        closed: dict[str, JsonValue] = {"type": "object", "additionalProperties": False}
        return about | closed | dict(value.schema) | {"properties": _properties(values, value.path)}
    if "$ref" in value.schema or "type" in value.schema or "enum" in value.schema:
        return about | dict(value.schema)
    kind = _KINDS[type(value.default)]
    if not value.schema and kind in ("array", "object"):
        raise ValueError(f"values.yaml: {'.'.join(value.path)} needs a @schema that says what it holds")
    return about | {"type": kind} | dict(value.schema)


def _needs_a_value(value: Value) -> bool:
    """Whether its absence means nothing. That of a text, a list or a mapping means an empty one, where that is the default."""
    allowed = value.schema.get("type", ())
    may_be_null = isinstance(allowed, list) and "null" in allowed
    return not isinstance(value.default, (list, dict)) and value.default != "" and not may_be_null


def _operator_environment() -> JsonValue:
    """Variables that the operator reads, and any others that do not pretend to be its own."""
    settings: list[JsonValue] = [variable_of(name) for name in Settings.model_fields]
    return {
        "type": "object",
        "propertyNames": {
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "anyOf": [{"not": {"pattern": f"^{PREFIX}"}}, {"enum": settings}],
        },
        "additionalProperties": {"type": "string"},
    }


def _shown(default: JsonValue) -> str:
    return f"`{_cell(json.dumps(default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
