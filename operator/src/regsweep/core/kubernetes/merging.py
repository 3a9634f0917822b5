"""Pod templates laid over one another, as kubectl's strategic merge does it.

Objects merge field by field, `null` deletes a field, and a list is replaced, unless Kubernetes gives it a merge key:
then its entries merge by that key, the base's first. `$patch: delete` removes the entry (or empties the object) that
it stands in, `$patch: replace` puts the overlay in place of the base.

Two things differ from `kubectl patch`, for otherwise the result would have two sources, which the API server always
refuses: an entry of `volumes` or `resourceClaims` keeps only the fields that the overlay names (what `kubectl apply`
says with $retainKeys), and `value` and `valueFrom` of an environment variable exclude each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from regsweep.core.ownership import JsonObject
from regsweep.errors import InvalidTemplate

MERGE_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "containers": "name",
        "initContainers": "name",
        "ephemeralContainers": "name",
        "env": "name",
        "volumes": "name",
        "imagePullSecrets": "name",
        "resourceClaims": "name",
        "schedulingGates": "name",
        "volumeMounts": "mountPath",
        "volumeDevices": "devicePath",
        "ports": "containerPort",
        "hostAliases": "ip",
        "topologySpreadConstraints": "topologyKey",
    }
)
"""Lists of a PodTemplateSpec that merge, and by what.

Source: x-kubernetes-patch-merge-key in the OpenAPI document of Kubernetes 1.35.
"""

_UNIONS: Final = frozenset({"volumes", "resourceClaims"})
"""Source: x-kubernetes-patch-strategy `merge,retainKeys` there."""

_MAY_REPEAT: Final = frozenset({"ports", "topologySpreadConstraints"})
"""Lists in which two entries may share the merge key, such as port 53 for TCP and for UDP."""

_REPLACE: Final[JsonObject] = {"$patch": "replace"}
"""As an entry of a list: the overlay's list takes the place of the base's."""

_OPAQUE: Final = frozenset(
    {
        "labels",
        "annotations",
        "nodeSelector",
        "limits",
        "requests",
        "matchLabels",
        "overhead",
        "volumeAttributes",
        "options",
    }
)
"""Maps whose keys are a person's own: no key in them names one of the lists above."""


def merge_templates(base: Mapping[str, JsonValue], overlay: Mapping[str, JsonValue], path: str) -> JsonObject:
    """The base with the overlay on top; neither is changed.

    path: path of the overlay, such as `spec.template`; for the error's text.

    Raises InvalidTemplate, naming the field: a list or object where the other has something else, an entry without its
    merge key, two entries with the same one, or a directive other than `$patch: delete`, `replace` or `merge`.
    """
    return _merge_objects(base, overlay, path)


def _merge_objects(base: Mapping[str, JsonValue], overlay: Mapping[str, JsonValue], path: str) -> JsonObject:
    directive = _directive(overlay, path)
    if directive == "delete":
        return {}
    merged: JsonObject = {} if directive == "replace" else dict(base)
    for name, value in overlay.items():
        if name == "$patch":
            continue
        if name.startswith("$"):
            raise InvalidTemplate(f"{path}.{name}: is not supported; $patch is the only patch directive that is")
        if value is None:
            merged.pop(name, None)
            continue
        merged[name] = _merge_values(name, merged.get(name), value, f"{path}.{name}")
    return merged


def _merge_values(name: str, base: JsonValue, overlay: JsonValue, path: str) -> JsonValue:
    key = MERGE_KEYS.get(name)
    if key is not None and not isinstance(overlay, list):
        raise InvalidTemplate(f"{path}: got {_kind(overlay)}, want a list of objects with a field {key} each")
    if isinstance(overlay, dict):
        if base is not None and not isinstance(base, dict):
            raise InvalidTemplate(f"{path}: got an object, want {_kind(base)}")
        if name in _OPAQUE:
            return _merge_opaque(base or {}, overlay)
        return _merge_objects(base or {}, overlay, path)
    if isinstance(base, dict):
        raise InvalidTemplate(f"{path}: got {_kind(overlay)}, want an object")
    if base is not None and isinstance(base, list) is not isinstance(overlay, list):
        raise InvalidTemplate(f"{path}: got {_kind(overlay)}, want {_kind(base)}")
    if key is None or not isinstance(overlay, list):
        return _without_nulls(overlay)
    return _merge_lists(name, key, base if isinstance(base, list) else [], overlay, path)


def _merge_opaque(base: Mapping[str, JsonValue], overlay: Mapping[str, JsonValue]) -> JsonObject:
    if overlay.get("$patch") in ("replace", "delete"):
        base = {}
    merged = {**base, **overlay}
    return {name: value for name, value in merged.items() if value is not None and name != "$patch"}


def _merge_lists(name: str, key: str, base: list[JsonValue], overlay: list[JsonValue], path: str) -> list[JsonValue]:
    if _REPLACE in overlay:
        base, overlay = [], [entry for entry in overlay if entry != _REPLACE]
    merged = [_entry(entry, key, f"{path}, below it") for entry in base]
    for number, raw in enumerate(overlay):
        here = f"{path}[{number}]"
        entry, value = (found := _entry(raw, key, here)).fields, found.key
        directive = _directive(entry, here)
        same = [present for present in merged if present.key == value]
        if any(present.touched for present in same) and name not in _MAY_REPEAT:
            raise InvalidTemplate(f"{here}.{key}: {value} appears twice; entries of this list are identified by {key}")
        if directive == "delete":
            merged = [present for present in merged if present not in same]
            continue
        target = next((present for present in same if not present.touched), None)
        if target is None:
            target = _Entry(value, {})
            merged.append(target)
        below = {} if directive == "replace" else _without_rivals(name, target.fields, entry)
        target.fields = _merge_objects(below, entry, f"{path}[{key}={value}]")
        target.touched = True
    return [present.fields for present in merged]


@dataclass(slots=True, eq=False)
class _Entry:
    """An entry of a list that is being merged."""

    key: str | int
    fields: JsonObject
    touched: bool = False
    """An entry of the overlay has already been merged into it."""


def _entry(entry: JsonValue, key: str, path: str) -> _Entry:
    if not isinstance(entry, dict):
        raise InvalidTemplate(f"{path}: got {_kind(entry)}, want an object with a field {key}")
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidTemplate(f"{path}.{key}: got {_kind(value)}; entries of this list are identified by {key}")
    return _Entry(value, entry)


def _without_rivals(name: str, base: JsonObject, overlay: Mapping[str, JsonValue]) -> JsonObject:
    """The base without fields that exclude the overlay's: another source of the same volume, claim or variable."""
    if name in _UNIONS and len(overlay) > 1:
        return {field: value for field, value in base.items() if field in overlay}
    if name == "env":
        rival = (
            "valueFrom" if overlay.get("value") is not None else "value" if overlay.get("valueFrom") is not None else ""
        )
        return {field: value for field, value in base.items() if field != rival}
    return base


def _directive(overlay: Mapping[str, JsonValue], path: str) -> str:
    directive = overlay.get("$patch", "merge")
    if directive not in ("merge", "replace", "delete"):
        raise InvalidTemplate(f"{path}.$patch: got {directive!r}, want delete, replace or merge")
    return str(directive)


def _without_nulls(value: JsonValue) -> JsonValue:
    """A list that is not merged; a null in an object of it means an absent field, as everywhere."""
    if isinstance(value, list):
        return [_without_nulls(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _without_nulls(field) for name, field in value.items() if field is not None}
    return value


def _kind(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    return f"the value {value!r}" if len(repr(value)) <= 60 else "a long string"
