"""What people see of a sweep: its status, written whole and only when it changed, and events once that has landed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final

from pydantic import ValidationError

from regsweep.adapters.kubeapi import EVENTS, SWEEPS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition, Resolved, SweepStatus
from regsweep.core.plan import Notice
from regsweep.core.timestamps import timestamp
from regsweep.errors import AlreadyExists, ApiError

logger = logging.getLogger(__name__)

MAX_EVENTS: Final = 10
"""Events with one status write: the first ones tell the story, the rest stands in the status."""
MAX_NOTE: Final = 1024
"""Characters of an event's message that the API server takes."""

_TOLD: Final = {
    ConditionType.ACCEPTED: Reason.ACCEPTED,
    ConditionType.COMPLETE: Reason.COMPLETE,
    ConditionType.FAILED: None,
}
"""Conditions whose coming true is an event, and what that is called; None: as the condition's reason, and a warning."""


def prior_status(sweep: KubeObject) -> SweepStatus:
    """The status that the sweep has; of one that another version of the operator wrote, at least what was pinned."""
    status = sweep.get("status") or {}
    try:
        return SweepStatus.model_validate(status, extra="ignore")
    except ValidationError as error:
        logger.warning("%s/%s: its status is not ours to read: %s", namespace_of(sweep), name_of(sweep), error)
    try:
        return (
            SweepStatus(resolved=Resolved.model_validate(status["resolved"], extra="ignore"))
            if "resolved" in status
            else SweepStatus()
        )
    except ValidationError:
        return SweepStatus()


async def write_status(api: KubeApi, sweep: KubeObject, status: SweepStatus) -> KubeObject | None:
    """Writes the status where it differs from the sweep's; returns the sweep as it is then, None where nothing was written.

    Raises Conflict when the sweep has changed meanwhile, NotFound when it is gone.
    """
    body = status.to_json()
    if body == sweep.get("status"):
        return None
    whole = {**sweep, "apiVersion": SWEEPS.api_version, "kind": SWEEPS.kind, "status": body}
    return await api.replace(SWEEPS, whole, subresource="status")


def transitions(before: Iterable[Condition], after: Iterable[Condition]) -> Iterator[Notice]:
    """Events for conditions that have just come true, and for a spec that was just refused."""
    was = {condition.type: condition for condition in before}
    for condition in after:
        old = was.get(condition.type)
        if condition.type not in _TOLD or (old and (old.status, old.reason) == (condition.status, condition.reason)):
            continue
        name = _TOLD[condition.type]
        if condition.status is ConditionStatus.TRUE:
            yield Notice(name or Reason(condition.reason), condition.message, warning=name is None)
        elif condition.type is ConditionType.ACCEPTED:
            yield Notice(Reason(condition.reason), condition.message, warning=True)


class Events:
    """Events on sweeps. One that cannot be written is logged and given up: it decides nothing."""

    def __init__(self, api: KubeApi, *, instance: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._instance = instance
        self._now = now

    async def tell(self, sweep: KubeObject, notices: Iterable[Notice]) -> None:
        """Writes an event for each notice, each once: its name is a hash of what it says."""
        for notice in notices:
            try:
                await self._api.create(EVENTS, self._event(sweep, notice))
            except AlreadyExists:
                continue
            except ApiError as error:
                logger.warning(
                    "%s/%s: event %s was not written: %s", namespace_of(sweep), name_of(sweep), notice.reason, error
                )

    def _event(self, sweep: KubeObject, notice: Notice) -> KubeObject:
        generation = sweep["metadata"].get("generation", 0)
        said = f"{uid_of(sweep)}\n{generation}\n{notice.reason}\n{notice.message}"
        stamp = timestamp(self._now())
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": f"{name_of(sweep)[:230]}.{sha256(said.encode()).hexdigest()[:16]}",
                "namespace": namespace_of(sweep),
            },
            "involvedObject": {
                "apiVersion": SWEEPS.api_version,
                "kind": SWEEPS.kind,
                "name": name_of(sweep),
                "namespace": namespace_of(sweep),
                "uid": uid_of(sweep),
            },
            "type": "Warning" if notice.warning else "Normal",
            "reason": notice.reason.value,
            "message": notice.message if len(notice.message) <= MAX_NOTE else notice.message[: MAX_NOTE - 3] + "...",
            "source": {"component": "regsweep"},
            "reportingComponent": "regsweep.dev/operator",
            "reportingInstance": self._instance,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
