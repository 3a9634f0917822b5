"""Deletes sweeps that have outlived themselves."""

from __future__ import annotations

import logging

from regsweep.adapters.kubeapi import SWEEPS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.errors import Conflict, NotFound

logger = logging.getLogger(__name__)


class SweepWriter:
    """Deletes sweeps; everything else about them is written by people, or is their status."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def delete(self, sweep: KubeObject) -> None:
        """Deletes the sweep just as it was seen: one that was edited or replaced since stays.

        Raises Refused, and other ApiErrors.
        """
        namespace, name = namespace_of(sweep), name_of(sweep)
        version = str(sweep["metadata"]["resourceVersion"])
        try:
            await self._api.delete(SWEEPS, namespace, name, uid=uid_of(sweep), resource_version=version)
        except (NotFound, Conflict):  # the watch brings the news
            return
        logger.info("%s/%s: deleted by its ttlSecondsAfterFinished", namespace, name)
