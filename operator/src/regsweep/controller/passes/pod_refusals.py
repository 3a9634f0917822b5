"""Why the pods of Jobs do not come, by the Job controller's events: nothing but these says so.

They are asked for only while a Job has had no pod for a few seconds, and then now and then: one request for all of a sweep's Jobs.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from regsweep.adapters.kubeapi import EVENTS, KubeApi, KubeObject, name_of, namespace_of
from regsweep.adapters.listing import list_all
from regsweep.core.refusals import Refusal, refused_pods
from regsweep.core.runs import ObservedRun
from regsweep.core.timestamps import timestamp
from regsweep.errors import ApiError

logger = logging.getLogger(__name__)

PODLESS_SECONDS: Final = 3.0
"""After so long a Job should have its pods."""
ASK_SECONDS: Final = 5.0
"""Between two questions about the same sweep, and twice as long with each that brings nothing new."""
LONGEST_ASK_SECONDS: Final = 60.0
MAX_EVENTS: Final = 20_000
"""That are read for one question: they lie in the order of their Jobs' names, some ten of each Job."""


@dataclass(slots=True)
class PodRefusals:
    """What is known of a sweep's Jobs that lack pods; times are of the monotonic clock."""

    podless_since: dict[str, float] = field(default_factory=dict)
    """Job UID to when it was first seen without a pod that it should have."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By Job UID, the first that was seen without its pod first."""
    asked_at: float | None = None
    idle_questions: int = 0
    """In a row, that brought nothing new."""
    careful_about: str = ""
    """Digest of what Jobs were made from whose pods were refused, until all have theirs: no dry run of a Job tells of its pods."""
    has_begun: bool = False
    """In this term the sweep's runs were seen."""

    def look_in(self, now: float) -> float | None:
        """Seconds until it is worth to look again; None: no Job lacks its pod."""
        if not self.podless_since:
            return None
        due = min(self.podless_since.values()) + PODLESS_SECONDS
        if self.asked_at is not None:
            pause = min(ASK_SECONDS * 2.0 ** min(self.idle_questions, 16), LONGEST_ASK_SECONDS)
            due = max(due, self.asked_at + pause)
        return max(due - now, 0.0)


async def pod_refusals(
    api: KubeApi, sweep: KubeObject, podless: Iterable[ObservedRun], memory: PodRefusals, now: float
) -> dict[str, Refusal]:
    """Why pods of these runs do not come, by the runs' names, as far as is known. podless: runs that lack a pod.

    Those that were there when the term began are asked about at once: they may have waited for long. Raises nothing where the
    API server does not answer: it is asked again.
    """
    runs = {run.uid: run for run in podless}
    if runs.keys() - memory.podless_since.keys():
        memory.idle_questions = 0
    memory.podless_since = {uid: memory.podless_since.get(uid, now) for uid in runs}
    memory.refusals = {uid: refusal for uid, refusal in memory.refusals.items() if uid in runs}
    if runs and (memory.look_in(now) == 0 or not memory.has_begun):
        memory.asked_at = now
        try:
            events = await _failed_creates(api, namespace_of(sweep), runs)
        except ApiError as error:
            logger.warning("%s/%s: cannot read why pods do not come: %s", namespace_of(sweep), name_of(sweep), error)
        else:
            found = {uid: refused_pods(said) for uid, run in runs.items() if (said := _said_of(run, events))}
            memory.idle_questions = memory.idle_questions + 1 if found == memory.refusals else 0
            memory.refusals |= found  # events are forgotten after an hour; a refusal stands until the pod comes
    memory.has_begun = True
    return {runs[uid].name: refusal for uid, refusal in memory.refusals.items()}


Said = tuple[str, str]
"""When the Job controller said something, and what."""


def _said_of(run: ObservedRun, events: Mapping[str, Said]) -> str:
    """What was said of the run since its last pod came; empty: nothing."""
    at, message = events.get(run.uid, ("", ""))
    last = max((timestamp(pod.created_at) for pod in run.pods), default="")
    return message if at > last else ""


async def _failed_creates(api: KubeApi, namespace: str, jobs: Container[str]) -> dict[str, Said]:
    """Of these Jobs' UIDs each to what the Job controller said last of a pod that it could not create. Raises ApiError."""
    selector = "involvedObject.kind=Job,reason=FailedCreate"
    latest: dict[str, Said] = {}
    left = MAX_EVENTS
    async for event in list_all(api, EVENTS, namespace, field_selector=selector):
        uid = (event.get("involvedObject") or {}).get("uid") or ""
        said = (
            event.get("lastTimestamp") or event["metadata"].get("creationTimestamp") or "",
            event.get("message") or "",
        )
        if uid in jobs:
            latest[uid] = max(latest.get(uid, ("", "")), said)
        left -= 1
        if left == 0:
            break
    return latest
