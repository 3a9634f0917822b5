"""The API's types as structural OpenAPI v3 schemas, as a CustomResourceDefinition takes them.

Pydantic's JSON Schema says the same in another dialect: `$ref`, null as an alternative, free-form values as `{}`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from regsweep.api.final_spec import FinalSpec
from regsweep.api.model import ApiModel
from regsweep.api.spec import Constraint, Flag, Racing, Range, Resampling, SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.api.sweep_result import SweepResult

Schema = dict[str, Any]
"""A schema is JSON that the API server, not we, gives a meaning to; its shape is that of OpenAPI v3."""

_OPEN: Final = "x-kubernetes-preserve-unknown-fields"
_KEPT: Final[tuple[str, ...]] = (
    "type", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "required", "default",
)  # fmt: skip

RULES: Final[Mapping[type[ApiModel], list[Mapping[str, str]]]] = {
    Range: [
        {
            "rule": "self.from < self.to",
            "message": "`from` must be below `to`",
            "fieldPath": ".from",
        },
        {
            "rule": "!has(self.scale) || self.scale != 'Log' || self.from > 0.0",
            "message": "a log range must start above 0: use a small number such as 0.0001 for `from`, or scale Linear",
            "fieldPath": ".from",
        },
        {
            "rule": "!has(self.min) || self.min <= self.from",
            "message": "`min` must be at most `from`",
            "fieldPath": ".min",
        },
        {
            "rule": "!has(self.max) || self.max >= self.to",
            "message": "`max` must be at least `to`",
            "fieldPath": ".max",
        },
        {
            "rule": "!has(self.min) || !has(self.scale) || self.scale != 'Log' || self.min > 0.0",
            "message": "`min` of a log range must be above 0",
            "fieldPath": ".min",
        },
    ],
    Constraint: [
        {"rule": "has(self.max) || has(self.min)", "message": "a constraint needs `max`, `min` or both"},
        {
            "rule": "!has(self.max) || !has(self.min) || self.min <= self.max",
            "message": "`min` must be at most `max`",
            "fieldPath": ".min",
        },
    ],
    Resampling: [
        {
            "rule": "(has(self.kind) && self.kind != 'Holdout') == has(self.folds)",
            "message": "`folds` is required with kind KFold or RepeatedKFold, and not allowed with Holdout",
        },
    ],
    FinalSpec: [
        {
            "rule": "(has(self.evaluate) && self.evaluate == 'Nested') == has(self.folds)",
            "message": "`folds` is required with evaluate Nested, and not allowed with Test",
        },
    ],
    SweepSpec: [
        {
            "rule": "has(self.managedBy) == has(oldSelf.managedBy) && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",
            "message": "`managedBy` cannot be changed: create a new sweep",
        },
        {
            "rule": "!has(self.racing) || !has(self.racing.minimumDifference) || !has(self.objective) || "
            "!has(self.objective.minimumDifference) || self.racing.minimumDifference == self.objective.minimumDifference",
            "message": "`racing.minimumDifference` (deprecated) and `objective.minimumDifference` differ: keep that of the objective",
            "fieldPath": ".racing",
        },
        {
            "rule": "!(has(self.racing) && has(self.final) && has(self.final.folds))",
            "message": "evaluate Nested cannot be combined with `racing`",
            "fieldPath": ".racing",
        },
        {
            "rule": "!(has(self.refinement) && (has(self.racing) || (has(self.final) && has(self.final.folds))))",
            "message": "`refinement` cannot be combined with `racing` or with evaluate Nested",
            "fieldPath": ".refinement",
        },
        {
            "rule": "!has(self.refinement) || self.flags.exists(flag, has(flag.range))",
            "message": "`refinement` needs a flag with a `range`",
            "fieldPath": ".refinement",
        },
        {
            "rule": "!has(self.refinement) || self.replicates >= 3",
            "message": "`refinement` needs at least 3 replicates, since it goes by the tied set",
            "fieldPath": ".refinement",
        },
    ],
    Racing: [
        {
            "rule": "self.initialReplicates <= self.maxReplicates",
            "message": "`initialReplicates` must be at most `maxReplicates`",
            "fieldPath": ".initialReplicates",
        },
    ],
}
"""CEL rules: what the API server itself can refuse, with the words that a person reads."""

_MAP_KEYS: Final[Mapping[tuple[type[ApiModel], str], list[str]]] = {
    (SweepSpec, "flags"): ["name"],
    (SweepSpec, "references"): ["name"],
    (SweepStatus, "conditions"): ["type"],
    (SweepResult, "points"): ["key"],
    (SweepResult, "environments"): ["key"],
}
"""Lists whose items have keys: the server refuses two alike, and server-side apply merges by them."""


def spec_schema(model: type[ApiModel]) -> Schema:
    """The schema of what a person writes: with defaults, which the server then fills in."""
    return _object(model, defaults=True)


def status_schema(model: type[ApiModel]) -> Schema:
    """The schema of what the operator writes: without defaults, since it writes all of it."""
    return _object(model, defaults=False)


def _object(model: type[ApiModel], *, defaults: bool) -> Schema:
    """The schema of an object: its own description, its fields, its rules."""
    source = model.model_json_schema(by_alias=True)
    models = {f"#/$defs/{kind.__name__}": kind for kind in _models_within(model)}
    properties = {}
    for field, info in model.model_fields.items():
        name = info.alias or field
        properties[name] = _field(source["properties"][name], source.get("$defs", {}), models, defaults=defaults)
        default_model = info.default_factory if inspect.isclass(info.default_factory) else None
        if defaults and default_model is not None and issubclass(default_model, ApiModel):
            properties[name]["default"] = {}
        if (keys := _MAP_KEYS.get((model, name))) is not None:
            properties[name] |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    schema: Schema = {"type": "object", "description": _words(inspect.getdoc(model)), "properties": properties}
    if source.get("required"):
        schema["required"] = source["required"]
    if model is Flag:
        schema["oneOf"] = [{"required": ["values"]}, {"required": ["range"]}]
    if model in RULES:
        schema["x-kubernetes-validations"] = [dict(rule) for rule in RULES[model]]
    return schema


def _models_within(model: type[ApiModel]) -> set[type[ApiModel]]:
    """All models that the fields of this one refer to."""
    found: set[type[ApiModel]] = set()
    waiting: list[object] = [info.annotation for info in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if inspect.isclass(annotation) and issubclass(annotation, ApiModel):
            found.add(annotation)
            waiting += [info.annotation for info in annotation.model_fields.values()] if annotation is not model else []
        waiting += getattr(annotation, "__args__", ())
    return found


def _field(source: Schema, shared: Schema, models: Mapping[str, type[ApiModel]], *, defaults: bool) -> Schema:
    """The schema of a field or of an item."""
    description = source.get("description")
    default = source.get("default")
    alternatives = [kind for kind in source.get("anyOf", ()) if kind.get("type") != "null"]
    if len(alternatives) == 1:
        source = source | alternatives[0]
    reference: str | None = source.get("$ref")
    if reference is not None and reference in models:
        schema = _object(models[reference], defaults=defaults)
    elif reference is not None:
        schema = _field(shared[reference.removeprefix("#/$defs/")], shared, models, defaults=defaults)
    elif len(alternatives) > 1:
        schema = _int_or_string(alternatives)
    else:
        schema = _plain(source, shared, models, defaults=defaults)
    schema.pop("default", None)
    if description is not None:
        head = {"type": schema["type"]} if "type" in schema else {}
        schema = {**head, "description": "", **schema} | {"description": _words(description)}
    if defaults and default is not None:
        schema["default"] = default
    return schema


def _plain(source: Schema, shared: Schema, models: Mapping[str, type[ApiModel]], *, defaults: bool) -> Schema:
    """The schema of anything that is not one of our models: a scalar, a list, a map, or any JSON at all."""
    schema: Schema = {key: source[key] for key in _KEPT if key in source}
    if "exclusiveMinimum" in source:  # a number to pydantic, a mark beside `minimum` to Kubernetes
        schema |= {"minimum": source["exclusiveMinimum"], "exclusiveMinimum": True}
    if "type" not in schema:
        schema[_OPEN] = True
    elif schema["type"] == "array":
        schema["items"] = _field(source["items"], shared, models, defaults=defaults)
        schema["x-kubernetes-list-type"] = "atomic"
    elif schema["type"] == "object":
        values = _field(_of_map(source), shared, models, defaults=defaults)
        schema |= {_OPEN: True} if _OPEN in values else {"additionalProperties": values}
    return schema


def _of_map(source: Schema) -> Schema:
    """The schema of a map's values."""
    values = source.get("additionalProperties", {})
    return values if isinstance(values, dict) else {}


def _int_or_string(alternatives: list[Schema]) -> Schema:
    """A field that takes an integer or a string, as `maxUnavailable` of a Deployment does.

    Raises:
        TypeError: for any other alternatives: a structural schema has no words for them.
    """
    if sorted(kind.get("type", "") for kind in alternatives) != ["integer", "string"]:
        raise TypeError(f"no structural schema for {alternatives}")
    limits = {key: kind[key] for kind in alternatives for key in _KEPT if key in kind and key != "type"}
    return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], **limits}


def _words(docstring: str | None) -> str:
    """A docstring as one paragraph."""
    return " ".join((docstring or "").split())


def at(schema: Schema, location: tuple[int | str, ...]) -> Schema | None:
    """The schema of the field at the location, such as `("flags", 1, "range")`; None where there is no such field."""
    for step in location:
        following: JsonValue | Schema = (
            schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
        )
        if not isinstance(following, dict):
            return None
        schema = following
    return schema
