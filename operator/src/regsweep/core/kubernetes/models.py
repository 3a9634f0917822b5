"""Models of the final evaluation: the volume that `spec.trainer.models` names, and in it a folder for each pick."""

from __future__ import annotations

from typing import Final

from regsweep.api.spec import Models
from regsweep.core.kubernetes.mounts import Mount, with_mount
from regsweep.core.ownership import JsonObject
from regsweep.core.sweep import Point

MOUNT_PATH: Final = "/regsweep/models"
"""Where the volume is mounted."""


def with_models(template: JsonObject, models: Models | None, point: Point) -> JsonObject:
    """The pod template with the volume mounted into the trainer's container, and what tells it the folder: of the sweep's final
    evaluation alone. Itself where nothing is saved.

    Raises InvalidTemplate where the volume is not there, whatever the pod trains: it is missed before the sweep, not after it.
    """
    if models is None:
        return template
    mount = Mount("spec.trainer.models.volumeName", models.volume_name, MOUNT_PATH)
    mounted = with_mount(template, mount, {"REGSWEEP_MODELS": f"{MOUNT_PATH}/{point.key}"})
    return mounted if point.final else template
