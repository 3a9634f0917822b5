"""A sweep's status: read as far as it can be, written whole and only when it changed, its events after it."""

from __future__ import annotations

import logging
from typing import Final

from pydantic import ValidationError

from regsweep.adapters.kubeapi import SWEEPS, KubeApi, KubeObject, name_of, namespace_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.status import SweepStatus
from regsweep.controller.writers.events import EventWriter, Notices, transitions
from regsweep.errors import UnreadableStatus

logger = logging.getLogger(__name__)


def prior_status(sweep: KubeObject) -> SweepStatus:
    """The status that the sweep has; of one that another version of the operator wrote, all that this one understands.

    Raises UnreadableStatus where that is not what was pinned: without it everything would be trained again.
    """
    status = dict(sweep.get("status") or {})
    while True:
        try:
            return SweepStatus.model_validate(status, extra="ignore")
        except ValidationError as error:
            unread = {str(problem["loc"][0]) for problem in error.errors(include_url=False)}
        name = f"{namespace_of(sweep)}/{name_of(sweep)}"
        if _PINNED & unread:
            raise UnreadableStatus(
                f"{name}: status.{min(_PINNED & unread)} was written by another version of the operator, and this one cannot read "
                "it. Install that version, or a later one; the sweep waits as it is."
            )
        logger.warning("%s: not valid for this version: status.%s", name, ", status.".join(sorted(unread)))
        status = {field: value for field, value in status.items() if field not in unread}


_PINNED: Final = frozenset({"managedBy", "resolved", "final"})
"""Fields of a status that decide what is trained, by whom, and on which rows it is scored."""


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
            # The API server takes the status alone, whatever else is sent.
            metadata = {field: sweep["metadata"][field] for field in ("name", "namespace", "uid", "resourceVersion")}
            of_it = {"apiVersion": SWEEPS.api_version, "kind": SWEEPS.kind, "metadata": metadata, "status": body}
            self._sweeps.upsert_from_write(await self._api.replace(SWEEPS, of_it, subresource="status"))
            notices.add(transitions(prior.conditions, status.conditions))
        await self.tell(sweep, notices)

    async def tell(self, sweep: KubeObject, notices: Notices) -> None:
        """Writes the events that wait."""
        await self._events.write(sweep, notices.take())
