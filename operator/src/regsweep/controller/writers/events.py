"""Events on sweeps: which conditions make one, which still wait for the status to be written, and writing them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final

from regsweep.adapters.kubeapi import EVENTS, SWEEPS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition
from regsweep.core.notices import Notice
from regsweep.core.timestamps import timestamp
from regsweep.errors import AlreadyExists, ApiError

logger = logging.getLogger(__name__)

MAX_EVENTS: Final = 10
"""Events with one status write: the first ones tell the story, the rest stands in the status."""
MAX_KNOWN: Final = 10_000
"""Notices of a sweep that are remembered: some tell of what anyone may write."""
MAX_NOTE: Final = 1024
"""Characters of an event's message that the API server takes."""

_EVENT_REASONS: Final = {
    ConditionType.ACCEPTED: Reason.ACCEPTED,
    ConditionType.COMPLETE: Reason.COMPLETE,
    ConditionType.FAILED: None,
}
"""Conditions whose coming true is an event, and that event's reason; None: the condition's reason, and a warning."""


def transitions(before: Iterable[Condition], after: Iterable[Condition]) -> Iterator[Notice]:
    """Events for conditions that have just come true, and for a spec that was just refused."""
    previous = {condition.type: condition for condition in before}
    for condition in after:
        old = previous.get(condition.type)
        unchanged = old is not None and (old.status, old.reason) == (condition.status, condition.reason)
        if condition.type not in _EVENT_REASONS or unchanged:
            continue
        reason = _EVENT_REASONS[condition.type]
        if condition.status is ConditionStatus.TRUE:
            yield Notice(reason or Reason(condition.reason), condition.message, warning=reason is None)
        elif condition.type is ConditionType.ACCEPTED:
            yield Notice(Reason(condition.reason), condition.message, warning=True)


class Notices:
    """What is to become an event of one sweep with its next status write; each notice once in a term."""

    def __init__(self) -> None:
        self._waiting: list[Notice] = []
        self._known: set[Notice] = set()

    def add(self, notices: Iterable[Notice]) -> None:
        """Keeps those that are new."""
        for notice in notices:
            if notice not in self._known:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()  # an event that comes again is one that exists already
                self._known.add(notice)
                self._waiting.append(notice)

    def take(self) -> list[Notice]:
        """The first ones that wait; none waits after that."""
        taken, self._waiting = self._waiting[:MAX_EVENTS], []
        return taken


class EventWriter:
    """Writes events. One that cannot be written is logged and given up: it decides nothing."""

    def __init__(self, api: KubeApi, *, instance: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._instance = instance
        self._now = now

    async def write(self, sweep: KubeObject, notices: Iterable[Notice]) -> None:
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
        content = f"{uid_of(sweep)}\n{generation}\n{notice.reason}\n{notice.message}"
        stamp = timestamp(self._now())
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": f"{name_of(sweep)[:230]}.{sha256(content.encode()).hexdigest()[:16]}",
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
