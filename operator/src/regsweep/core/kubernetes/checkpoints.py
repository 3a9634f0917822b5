"""Checkpoints in a run's pods: the volume that `spec.trainer.checkpoints` names, and in it a folder for the run's point."""

from __future__ import annotations

from typing import Final

from regsweep.api.spec import Checkpoints
from regsweep.core.kubernetes.mounts import Mount, with_mount
from regsweep.core.ownership import JsonObject

MOUNT_PATH: Final = "/regsweep/checkpoints"
"""Where the volume is mounted; in it each point has a folder."""


def checkpoint_environment(checkpoints: Checkpoints, folder: str) -> dict[str, str]:
    """folder: of the point's checkpoints."""
    return {"REGSWEEP_CHECKPOINTS": folder, "REGSWEEP_CHECKPOINT_EPOCHS": str(checkpoints.every_epochs)}


def with_checkpoints(template: JsonObject, checkpoints: Checkpoints | None, point_key: str) -> JsonObject:
    """The pod template with the volume mounted into the trainer's container, and what tells it the folder; itself without checkpoints.

    Raises InvalidTemplate where the volume is not there.
    """
    if checkpoints is None:
        return template
    mount = Mount("spec.trainer.checkpoints.volumeName", checkpoints.volume_name, MOUNT_PATH)
    return with_mount(template, mount, checkpoint_environment(checkpoints, f"{MOUNT_PATH}/{point_key}"))
