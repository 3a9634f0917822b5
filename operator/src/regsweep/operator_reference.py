"""The page of the operator's settings and metrics, as Markdown."""

from __future__ import annotations

import json
from typing import Final

from pydantic import JsonValue

from regsweep.api.markdown import generated_from, table
from regsweep.metrics import METRICS, MetricSpec
from regsweep.settings import Settings, variable_of

_TYPES: Final = {"array": "JSON list of strings", "object": "JSON object of strings"}


def operator_page() -> str:
    """The page: every setting with its variable, type and default, then every metric with its labels and buckets."""
    return "".join(
        (
            generated_from("operator/src/regsweep/settings.py and metrics.py", "the declarations"),
            "# Settings and metrics of the operator\n",
            "## Settings\nEnvironment variables of the operator's container. An empty one counts as absent. "
            "The chart sets them from its values.\n\n",
            table(("Variable", "Type", "Default", "Meaning"), map(_setting, Settings.model_fields)),
            "\n## Metrics\nServed at `/metrics` of the operator; those of the trainers are in "
            "[trainer-contract.md](trainer-contract.md). A histogram has the series `_bucket`, `_sum` and `_count`.\n\n",
            table(("Metric", "Type", "Unit", "Labels", "Meaning", "Buckets"), map(_metric, METRICS)),
        )
    )


def _setting(name: str) -> tuple[str, ...]:
    field = Settings.model_fields[name]
    default = json.dumps(field.get_default(call_default_factory=True))
    return f"`{variable_of(name)}`", _type(name), f"`{default}`", field.description or ""


def _type(name: str) -> str:
    """Type and limits, such as `integer, 1 to 100`, or the words that are allowed."""
    schema: dict[str, JsonValue] = Settings.model_json_schema(by_alias=False)["properties"][name]
    words = schema.get("enum")
    if isinstance(words, list):
        return " or ".join(f"`{word}`" for word in words)
    kind = str(schema["type"])
    if "exclusiveMinimum" in schema:
        return f"{kind}, above {schema['exclusiveMinimum']}"
    if "maximum" in schema:
        return f"{kind}, {schema['minimum']} to {schema['maximum']}"
    return f"{kind}, at least {schema['minimum']}" if "minimum" in schema else _TYPES.get(kind, kind)


def _metric(spec: MetricSpec) -> tuple[str, ...]:
    labels = "; ".join(f"`{name}`: {values}" for name, values in spec.labels.items())
    buckets = ", ".join(f"{bound:g}" for bound in spec.buckets)
    return f"`{spec.name}`", spec.type.value, spec.unit, labels, spec.help, buckets
