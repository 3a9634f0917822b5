"""What Kueue says of the Jobs that others have stopped, or that it is to stop: asked for only then, and then now and then.

Where Kueue is not installed, or may not be read, that is believed for some minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from regsweep.adapters.kubeapi import KubeApi, KubeObject, Resource, name_of, namespace_of
from regsweep.adapters.listing import list_all
from regsweep.api.constants import QUEUE_JOB_UID_LABEL
from regsweep.core.kubernetes.workloads import observed_workloads
from regsweep.core.runs import ObservedRun, Workload, Workloads
from regsweep.errors import ApiError, NotFound, Refused

logger = logging.getLogger(__name__)

ASK_SECONDS: Final = 10.0
"""Between two questions while nothing changes: Kueue's words do."""
HURRY_SECONDS: Final = 1.0
"""Between two questions while Jobs are stopped and started."""
UNREADABLE_SECONDS: Final = 300.0
"""How long it is believed that there is no Kueue, or no right to read its Workloads."""
JOBS_PER_QUESTION: Final = 100
"""Jobs whose UIDs one selector names: 4 kB of the URL."""


@dataclass(slots=True)
class WorkloadMemory:
    """What is known of a sweep's Workloads; times are of the monotonic clock."""

    found: Workloads | None = None
    asked_for: tuple[int, frozenset[tuple[str, bool]]] | None = None
    """Generation of the sweep, and UID and suspension of the Jobs; None: nothing was asked, or is to be asked again."""
    asked_at: float | None = None
    unreadable_until: float = 0.0
    needed: bool = False
    """Whether a Job waits for what they say."""

    def look_in(self, now: float) -> float | None:
        """Seconds until it is worth to look again; None: no Job waits."""
        if not self.needed:
            return None
        interval = HURRY_SECONDS if self.asked_for is None else ASK_SECONDS
        return max(self.unreadable_until, (self.asked_at or now) + interval) - now

    def forget(self) -> None:
        """Takes it that they have been changed."""
        self.asked_for = None


async def read_workloads(
    api: KubeApi, resource: Resource, sweep: KubeObject, runs: Sequence[ObservedRun], memory: WorkloadMemory, now: float
) -> Workloads | None:
    """The Workloads of runs that are stopped, and of all that a queue admits where the sweep has been edited or is to be stopped.

    None: they cannot be read. Raises nothing where the API server does not answer: it is asked again.
    """
    generation, suspend = sweep["metadata"]["generation"], bool((sweep.get("spec") or {}).get("suspend"))
    edited = memory.asked_for is None or memory.asked_for[0] != generation
    wanted = [
        run
        for run in runs
        if not (run.deleting or run.needs_no_pod) and (run.held or (run.queue_managed and (suspend or edited)))
    ]
    memory.needed = bool(wanted)
    question = (generation, frozenset((run.uid, run.suspended) for run in wanted))
    if not wanted:
        memory.found = None if memory.unreadable_until > now else {}
        memory.asked_for = question
        return memory.found
    if now >= memory.unreadable_until and _is_due(question, edited, memory, now):
        memory.asked_at = now
        try:
            memory.found = await _list(api, resource, namespace_of(sweep), [run.uid for run in wanted])
            memory.asked_for = question
        except (NotFound, Refused) as error:
            memory.found, memory.unreadable_until = None, now + UNREADABLE_SECONDS
            logger.warning("%s/%s: cannot read Kueue's Workloads: %s", namespace_of(sweep), name_of(sweep), error)
        except ApiError as error:
            logger.warning("%s/%s: cannot read Kueue's Workloads: %s", namespace_of(sweep), name_of(sweep), error)
    return memory.found


def _is_due(
    question: tuple[int, frozenset[tuple[str, bool]]], edited: bool, memory: WorkloadMemory, now: float
) -> bool:
    if memory.asked_at is None or edited:
        return True
    return now >= memory.asked_at + (ASK_SECONDS if question == memory.asked_for else HURRY_SECONDS)


async def _list(api: KubeApi, resource: Resource, namespace: str, jobs: Sequence[str]) -> dict[str, Workload]:
    """By the UID of the Job. Raises ApiError."""
    found: dict[str, Workload] = {}
    for first in range(0, len(jobs), JOBS_PER_QUESTION):
        some = jobs[first : first + JOBS_PER_QUESTION]
        selector = f"{QUEUE_JOB_UID_LABEL} in ({','.join(some)})"
        objects = [each async for each in list_all(api, resource, namespace, label_selector=selector)]
        found |= {uid: each for uid, each in observed_workloads(objects).items() if uid in some}
    return found
