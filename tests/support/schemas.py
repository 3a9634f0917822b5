"""JSON Schemas for kubeconform from an API server's OpenAPI: what that server knows, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import JsonValue

LOCATION: Final = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""How kubeconform names the file of a kind, below the folder."""
_DEFINITIONS: Final = "definitions.json"
_LOOSE: Final[dict[str, JsonValue]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}
"""Types that OpenAPI calls strings, and that the server reads as numbers too."""


def write_schemas(openapi: str, folder: Path) -> list[str]:
    """Writes a file for each kind; returns their names. openapi: version 2, as the server has it at /openapi/v2."""
    definitions: dict[str, dict[str, JsonValue]] = json.loads(openapi)["definitions"]
    strict = {name: _LOOSE.get(name) or _strict(schema) for name, schema in definitions.items()}
    (folder / _DEFINITIONS).write_text(json.dumps({"definitions": strict}))
    names = []
    for name, schema in definitions.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        assert isinstance(kinds, list)
        for kind in kinds:
            assert isinstance(kind, dict)
            parts = [str(kind["kind"]), str(kind["group"]).partition(".")[0], str(kind["version"])]
            file = f"{'-'.join(part for part in parts if part)}.json".lower()
            (folder / file).write_text(json.dumps({"$ref": f"{_DEFINITIONS}#/definitions/{name}"}))
            names.append(file)
    return names


def _strict(schema: JsonValue) -> JsonValue:
    """The schema, under which an object has no other properties than those that it names."""
    if not isinstance(schema, dict):
        return schema
    found: dict[str, JsonValue] = {key: value for key, value in schema.items() if not key.startswith("x-")}
    for key in ("items", "additionalProperties"):
        if key in schema:
            found[key] = _strict(schema[key])
    properties = schema.get("properties")
    if isinstance(properties, dict):
        found["properties"] = {name: _strict(value) for name, value in properties.items()}
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    return found
