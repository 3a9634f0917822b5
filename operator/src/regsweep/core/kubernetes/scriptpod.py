"""A pod that trains with a script of a ConfigMap, or is given arguments: command, arguments, mount and volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from regsweep.api.status import Resolved
from regsweep.core.ownership import JsonObject
from regsweep.core.scripts import copy_name
from regsweep.core.sweep import Sweep

SCRIPT_VOLUME: Final = "regsweep-script"
SCRIPT_PATH: Final = "/regsweep/script"
"""Where the files of `spec.trainer.script` are."""
PYTHON: Final = "python"
WRAPPER: Final = (PYTHON, "-m", "regsweep_kit", "run", "--")
"""Keeps the training contract for a script that does not."""


def command_of(container: Mapping[str, JsonValue], resolved: Resolved) -> JsonObject:
    """Fields of the training container; none where neither a script nor arguments are pinned."""
    args: list[JsonValue] = [*(resolved.args or ())]
    if resolved.script is None:
        return {"args": args} if args else {}
    wrapper: list[JsonValue] = [*WRAPPER] if resolved.report is not None else []
    mount: JsonObject = {"name": SCRIPT_VOLUME, "mountPath": SCRIPT_PATH, "readOnly": True}
    return {
        "command": [*wrapper, PYTHON, f"{SCRIPT_PATH}/{resolved.script.entrypoint}"],
        "args": args,
        "volumeMounts": [*_others(container.get("volumeMounts")), mount],
    }


def volumes_of(spec: Mapping[str, JsonValue], sweep: Sweep) -> JsonObject:
    """The pod's volumes with that of the sweep's copy of its script; no field where there is none."""
    if sweep.resolved.script is None:
        return {}
    copied: JsonObject = {"name": copy_name(sweep, sweep.resolved.script)}
    return {"volumes": [*_others(spec.get("volumes")), {"name": SCRIPT_VOLUME, "configMap": copied}]}


def _others(entries: JsonValue) -> list[JsonValue]:
    """Those of a list by name that are not ours."""
    listed = entries if isinstance(entries, list) else []
    return [entry for entry in listed if not isinstance(entry, dict) or entry.get("name") != SCRIPT_VOLUME]
