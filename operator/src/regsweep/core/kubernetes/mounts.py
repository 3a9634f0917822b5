"""A volume of the pod template, mounted into the trainer's container, with variables that tell the trainer where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from regsweep.api import constants as names
from regsweep.core.ownership import JsonObject
from regsweep.errors import InvalidTemplate


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume, and where it is mounted."""

    field: str
    """Of the spec, which names the volume."""
    volume: str
    path: str


def with_mount(template: JsonObject, mount: Mount, environment: Mapping[str, str]) -> JsonObject:
    """The pod template with the volume mounted into the trainer's container, and the variables in it.

    Raises InvalidTemplate where the volume is not there.
    """
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    volumes, containers = spec.get("volumes"), spec.get("containers")
    there = [str(_name(volume)) for volume in volumes] if isinstance(volumes, list) else []
    if mount.volume not in there:
        raise InvalidTemplate(
            f"{mount.field}: the pod template has no volume {mount.volume!r}; it has "
            f"{', '.join(map(repr, there)) or 'none'}. Add one to spec.template.spec.volumes or to the PodTemplate"
        )
    entries: list[JsonValue] = [
        _mounted(entry, mount, environment) if isinstance(entry, dict) and _is_trainer(entry) else entry
        for entry in (containers if isinstance(containers, list) else ())
    ]
    return {**template, "spec": {**spec, "containers": entries}}


def _mounted(container: JsonObject, mount: Mount, environment: Mapping[str, str]) -> JsonObject:
    """The container with the mount, which takes the place of another one at its path, and the variables, which win over others."""
    env, mounts = container.get("env"), container.get("volumeMounts")
    others = [entry for entry in env if _name(entry) not in environment] if isinstance(env, list) else []
    elsewhere = [entry for entry in mounts if _path(entry) != mount.path] if isinstance(mounts, list) else []
    owned: list[JsonValue] = [{"name": name, "value": value} for name, value in environment.items()]
    return {
        **container,
        "env": [*owned, *others],
        "volumeMounts": [*elsewhere, {"name": mount.volume, "mountPath": mount.path}],
    }


def _is_trainer(entry: JsonValue) -> bool:
    return _name(entry) == names.TRAINER_CONTAINER


def _name(entry: JsonValue) -> JsonValue:
    return entry.get("name") if isinstance(entry, dict) else None


def _path(entry: JsonValue) -> JsonValue:
    return entry.get("mountPath") if isinstance(entry, dict) else None
