"""Why the pods of Jobs do not come, by the Job controller's events: nothing but these says so.

They are asked for only while a Job has had no pod for a few seconds, and then now and then: one request for all of a sweep's Jobs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from regsweep.adapters.kubeapi import EVENTS, KubeApi, KubeObject, name_of, namespace_of
from regsweep.core.refusals import Refusal, refused_pods
from regsweep.core.runs import ObservedRun
from regsweep.errors import ApiError

logger = logging.getLogger(__name__)

PODLESS_SECONDS: Final = 3.0
"""After so long a Job should have its first pod."""
ASK_SECONDS: Final = 5.0
"""Between two questions about the same sweep."""
MAX_EVENTS: Final = 500


@dataclass(slots=True)
class PodRefusals:
    """What is known of a sweep's Jobs without pods; times are of the monotonic clock."""

    podless_since: dict[str, float] = field(default_factory=dict)
    """Job UID to when it was first seen without a pod that it should have."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By Job UID."""
    asked_at: float | None = None

    def look_in(self, now: float) -> float | None:
        """Seconds until it is worth to look again; None: no Job lacks its pod."""
        if not self.podless_since:
            return None
        due = min(self.podless_since.values()) + PODLESS_SECONDS
        if self.asked_at is not None:
            due = max(due, self.asked_at + ASK_SECONDS)
        return max(due - now, 0.0)


async def pod_refusals(
    api: KubeApi, sweep: KubeObject, podless: Iterable[ObservedRun], memory: PodRefusals, now: float
) -> dict[str, Refusal]:
    """Why the pods of these runs do not come, by the runs' names, as far as is known. podless: runs that never had a pod.

    Raises nothing where the API server does not answer: it is asked again.
    """
    runs = {run.uid: run.name for run in podless}
    memory.podless_since = {uid: memory.podless_since.get(uid, now) for uid in runs}
    memory.refusals = {uid: refusal for uid, refusal in memory.refusals.items() if uid in runs}
    if runs and memory.look_in(now) == 0:
        memory.asked_at = now
        try:
            events = await _failed_creates(api, namespace_of(sweep))
        except ApiError as error:
            logger.warning("%s/%s: cannot read why pods do not come: %s", namespace_of(sweep), name_of(sweep), error)
        else:
            memory.refusals = {uid: refused_pods(events[uid]) for uid in runs if uid in events}
    return {runs[uid]: refusal for uid, refusal in memory.refusals.items()}


async def _failed_creates(api: KubeApi, namespace: str) -> dict[str, str]:
    """Job UID to what the Job controller said last of a pod that it could not create."""
    selector = "involvedObject.kind=Job,reason=FailedCreate"
    page = await api.list_page(EVENTS, namespace, field_selector=selector, limit=MAX_EVENTS)
    latest: dict[str, tuple[str, str]] = {}
    for event in page.items:
        uid = (event.get("involvedObject") or {}).get("uid") or ""
        said = (
            event.get("lastTimestamp") or event["metadata"].get("creationTimestamp") or "",
            event.get("message") or "",
        )
        latest[uid] = max(latest.get(uid, ("", "")), said)
    return {uid: message for uid, (_, message) in latest.items() if message}
