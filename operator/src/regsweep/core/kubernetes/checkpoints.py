"""Checkpoints in a run's pods: the volume that `spec.trainer.checkpoints` names, and in it a folder for the run's point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from regsweep.api import constants as names
from regsweep.api.spec import Checkpoints
from regsweep.core.ownership import JsonObject
from regsweep.errors import InvalidTemplate

MOUNT_PATH: Final = "/regsweep/checkpoints"
"""Where the volume is mounted; in it each point has a folder."""


def checkpoint_environment(checkpoints: Checkpoints, folder: str) -> dict[str, str]:
    """folder: of the point's checkpoints."""
    return {"REGSWEEP_CHECKPOINTS": folder, "REGSWEEP_CHECKPOINT_EPOCHS": str(checkpoints.every_epochs)}


def with_checkpoints(template: JsonObject, checkpoints: Checkpoints | None, point_key: str) -> JsonObject:
    """The pod template with the volume mounted into the trainer's container, and what tells it the folder; itself without checkpoints.

    Raises InvalidTemplate where the volume is not there.
    """
    spec = template.get("spec")
    if checkpoints is None or not isinstance(spec, dict):
        return template
    volumes, containers = spec.get("volumes"), spec.get("containers")
    there = [str(_name(volume)) for volume in volumes] if isinstance(volumes, list) else []
    if checkpoints.volume_name not in there:
        raise InvalidTemplate(
            f"spec.trainer.checkpoints.volumeName: the pod template has no volume {checkpoints.volume_name!r}; it has "
            f"{', '.join(map(repr, there)) or 'none'}. Add one to spec.template.spec.volumes or to the PodTemplate"
        )
    environment = checkpoint_environment(checkpoints, f"{MOUNT_PATH}/{point_key}")
    entries: list[JsonValue] = [
        _mounted(entry, checkpoints.volume_name, environment)
        if isinstance(entry, dict) and _is_trainer(entry)
        else entry
        for entry in (containers if isinstance(containers, list) else ())
    ]
    return {**template, "spec": {**spec, "containers": entries}}


def _mounted(container: JsonObject, volume: str, environment: Mapping[str, str]) -> JsonObject:
    """The container with the mount, which takes the place of another one at its path, and the variables, which win over others."""
    env, mounts = container.get("env"), container.get("volumeMounts")
    others = [entry for entry in env if _name(entry) not in environment] if isinstance(env, list) else []
    elsewhere = [entry for entry in mounts if _path(entry) != MOUNT_PATH] if isinstance(mounts, list) else []
    owned: list[JsonValue] = [{"name": name, "value": value} for name, value in environment.items()]
    return {
        **container,
        "env": [*owned, *others],
        "volumeMounts": [*elsewhere, {"name": volume, "mountPath": MOUNT_PATH}],
    }


def _is_trainer(entry: JsonValue) -> bool:
    return _name(entry) == names.TRAINER_CONTAINER


def _name(entry: JsonValue) -> JsonValue:
    return entry.get("name") if isinstance(entry, dict) else None


def _path(entry: JsonValue) -> JsonValue:
    return entry.get("mountPath") if isinstance(entry, dict) else None
