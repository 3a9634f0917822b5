"""The reference page of the API: every field with its type, default, limits and description, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from regsweep.api.constants import API_VERSION, RESULT_KIND, SWEEP_KIND
from regsweep.api.crd import RESULT_DESCRIPTION, SWEEP_DESCRIPTION, result_schema, sweep_schema
from regsweep.api.markdown import generated_from, table
from regsweep.api.schema import Schema

_HEAD: Final = """\
# Reference of the API `{version}`
`kubectl explain rsweep.spec` says the same. A field without a default may be absent, unless it is *required*.
"""


def reference_page() -> str:
    """The page as Markdown."""
    sweep, result = sweep_schema()["properties"], result_schema()
    parts = [
        generated_from("operator/src/regsweep/api", "the docstrings") + _HEAD.format(version=API_VERSION),
        f"## {SWEEP_KIND}\n{SWEEP_DESCRIPTION}\n",
        "### What you write: `spec`\n" + _fields("spec", sweep["spec"]),
        "### What you read: `status`\n" + _fields("status", sweep["status"]),
        f"## {RESULT_KIND}\n{RESULT_DESCRIPTION}\n",
        _fields("", {**result, "properties": _content(result)}),
    ]
    return "\n".join(parts)


def _content(schema: Schema) -> Schema:
    """The fields that are ours."""
    return {
        name: field for name, field in schema["properties"].items() if name not in ("apiVersion", "kind", "metadata")
    }


def _fields(path: str, schema: Schema) -> str:
    rows = ((f"`{field}`", *others) for field, *others in _rows(path, schema))
    return table(("Field", "Type", "Default", "Description"), rows)


def _rows(path: str, schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    """Path, type with limits, default, description of every field below, in order."""
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        below = f"{path}.{name}".lstrip(".")
        default = "*required*" if name in required else _default(field)
        yield below, _kind(field), default, field.get("description", "")
        inner, suffix = (field["items"], "[]") if field.get("type") == "array" else (field, "")
        if "properties" in inner:
            yield from _rows(below + suffix, inner)


def _default(field: Schema) -> str:
    """The default as JSON; nothing for an object, whose fields have their own."""
    default = field.get("default")
    return "" if default in (None, {}) else f"`{json.dumps(default)}`"


def _kind(field: Schema) -> str:
    """Type and limits, such as `integer, 1 to 1000`."""
    if field.get("x-kubernetes-int-or-string"):
        return "integer or percentage"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    kind: str = field.get("type", "any value")
    if kind == "array":
        return f"list of {_plural(_kind(field['items']))}" + _limits(field.get("minItems"), field.get("maxItems"))
    if kind == "object":
        if "additionalProperties" in field:
            return f"map of {_plural(_kind(field['additionalProperties']))}"
        return "object" if "properties" in field else "map of any values"
    if kind == "string":
        return f"string, at most {field['maxLength']} characters"
    if field.get("exclusiveMinimum"):
        return f"{kind}, above {field['minimum']}"
    return kind + _limits(field.get("minimum"), field.get("maximum"))


def _plural(kind: str) -> str:
    if kind.startswith("string, "):
        return f"strings of {kind.removeprefix('string, ')}"
    words = {"object": "objects", "any value": "any values", "map of any values": "maps", "number": "numbers"}
    return words.get(kind, kind)


def _limits(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f", at most {most}"
    return f", at least {least}" if most is None else f", {least} to {most}"
