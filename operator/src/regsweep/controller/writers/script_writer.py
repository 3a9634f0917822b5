"""Writes the copy of a training script that a sweep owns: later edits of the original do not reach its pods."""

from __future__ import annotations

from typing import Final

from regsweep.adapters.kubeapi import CONFIG_MAPS, KubeApi, KubeObject
from regsweep.core.ownership import owner_uid
from regsweep.core.scripts import copy_name, script_copy, script_files
from regsweep.core.sweep import Sweep
from regsweep.errors import AlreadyExists, InvalidTemplate, NotFound

REMEDY: Final = "Restore it, or create a new sweep"


class ScriptWriter:
    """Copies of scripts."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def ensure(self, sweep: Sweep, original: KubeObject | None) -> None:
        """Sees to it that the copy of the pinned script is there. original: the ConfigMap that the spec names; None: it is gone.

        Raises InvalidTemplate where it cannot be, and ApiError.
        """
        pinned = sweep.resolved.script
        if pinned is None:
            return
        name = copy_name(sweep, pinned)
        if original is not None and script_files(name, original).digest == pinned.digest:
            try:
                await self._api.create(CONFIG_MAPS, script_copy(sweep, pinned, original))
                return
            except AlreadyExists:
                pass
        try:
            present = await self._api.get(CONFIG_MAPS, sweep.namespace, name)
        except NotFound:
            raise InvalidTemplate(
                f"spec.trainer.script: ConfigMap {name}, the sweep's copy of its script, is gone, and the original is not what it "
                f"was. {REMEDY}"
            ) from None
        if owner_uid(present) != sweep.uid or script_files(name, present).digest != pinned.digest:
            raise InvalidTemplate(
                f"spec.trainer.script: ConfigMap {name} is not this sweep's copy of its script. Delete it"
            )
