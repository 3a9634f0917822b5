"""A sweep's status: read as far as it can be, written whole and only when it changed, its events after it."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from regsweep.adapters.kubeapi import SWEEPS, KubeApi, KubeObject, name_of, namespace_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.status import Resolved, SweepStatus
from regsweep.controller.writers.events import EventWriter, Notices, transitions

logger = logging.getLogger(__name__)


def prior_status(sweep: KubeObject) -> SweepStatus:
    """The status that the sweep has; of one that another version of the operator wrote, at least what was pinned."""
    status = sweep.get("status") or {}
    try:
        return SweepStatus.model_validate(status, extra="ignore")
    except ValidationError as error:
        logger.warning(
            "%s/%s: its status is not valid for this version: %s", namespace_of(sweep), name_of(sweep), error
        )
    try:
        return (
            SweepStatus(resolved=Resolved.model_validate(status["resolved"], extra="ignore"))
            if "resolved" in status
            else SweepStatus()
        )
    except ValidationError:
        return SweepStatus()


class StatusWriter:
    """Writes what people see of a sweep."""

    def __init__(self, api: KubeApi, sweeps: ObjectCache, events: EventWriter) -> None:
        self._api = api
        self._sweeps = sweeps
        self._events = events

    async def write(self, sweep: KubeObject, prior: SweepStatus, status: SweepStatus, notices: Notices) -> None:
        """Writes the status where it differs from the sweep's, then the events that waited for it.

        Raises Conflict when the sweep has changed meanwhile, NotFound when it is gone.
        """
        body = status.to_json()
        if body != sweep.get("status"):
            whole = {**sweep, "apiVersion": SWEEPS.api_version, "kind": SWEEPS.kind, "status": body}
            self._sweeps.upsert_from_write(await self._api.replace(SWEEPS, whole, subresource="status"))
            notices.add(transitions(prior.conditions, status.conditions))
        await self.tell(sweep, notices)

    async def tell(self, sweep: KubeObject, notices: Notices) -> None:
        """Writes the events that wait."""
        await self._events.write(sweep, notices.take())
