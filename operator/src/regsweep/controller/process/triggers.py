"""What makes a sweep due for a pass: news of it, of its Jobs and its pods; a new term of leadership; and time, in case news were missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from random import uniform
from typing import Final

from regsweep.adapters.kubeapi import KubeObject, controller_uid_of, is_deleting, uid_of
from regsweep.adapters.object_cache import Entry
from regsweep.api.constants import RETRY_ANNOTATION, TRAINER_CONTAINER
from regsweep.api.status import SweepState
from regsweep.controller.caches.trimming import sweep_uid_of
from regsweep.controller.clocks import Clocks
from regsweep.controller.passes.parts import Caches
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.core.expiry import time_limit
from regsweep.core.kubernetes.observe import job_end

QUIET_CHANGE_SECONDS: Final = 1.0
"""How long news that free no slot (scheduled, pulled, started, once more of a pod that has ended, a Job Complete whose pods have ended)
wait for more of their kind."""
RESYNC_SPREAD_SECONDS: Final = 10.0
"""Over how long the sweeps of one resync become due."""


class Triggers:
    """Adds the UIDs of sweeps to the queue."""

    def __init__(
        self,
        queue: WorkQueue,
        caches: Caches,
        *,
        on_pod_ended: Callable[[str], None],
        clocks: Clocks,
    ) -> None:
        self._queue = queue
        self._caches = caches
        self._on_pod_ended = on_pod_ended
        self._clocks = clocks
        caches.sweeps.add_listener(self._on_sweep)
        caches.runs.jobs.add_listener(self._on_job)
        caches.runs.pods.add_listener(self._on_pod)

    def add_all(self) -> None:
        """Makes every sweep due that may have something to do, now or when its time comes: the results of the others are not even read."""
        for entry in self._caches.sweeps.group(""):
            self._add_in_time(entry)

    def add_reported(self, uid: str) -> None:
        """Makes the sweep due that was reported by somebody who also reports what is known already."""
        entry = self._caches.sweeps.entry(uid)
        if entry is None:
            self._queue.add(uid)
        else:
            self._add_in_time(entry)

    async def resync(self, interval_seconds: float) -> None:
        """Makes every sweep due that is not over, now and then, until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds * uniform(0.75, 1.25))
            for entry in self._caches.sweeps.group(""):
                if not _is_at_rest(entry):
                    self._queue.add(uid_of(entry.object), uniform(0, min(RESYNC_SPREAD_SECONDS, interval_seconds)))

    def _add_in_time(self, entry: Entry) -> None:
        """Makes the sweep due: at once, or if it is at rest when time alone makes a difference to it."""
        jobs = list(self._caches.runs.jobs.group(uid_of(entry.object)))
        if not _wants_nothing(entry, jobs):
            self._queue.add(uid_of(entry.object))
        elif (at := _time_limit(entry, jobs)) is not None:
            self._queue.add(uid_of(entry.object), max(0.0, (at - self._clocks.now()).total_seconds()))

    def _on_sweep(self, entry: Entry, _before: Entry | None) -> None:
        self._queue.add(uid_of(entry.object))

    def _on_job(self, entry: Entry, _before: Entry | None) -> None:
        removed = entry.by_us and _job_has_ended(entry)
        may_free = not removed and (entry.gone or _job_has_failed(entry))
        self._queue.add(sweep_uid_of(entry.object), 0.0 if may_free else QUIET_CHANGE_SECONDS)

    def _on_pod(self, entry: Entry, before: Entry | None) -> None:
        uid = sweep_uid_of(entry.object)
        if entry.gone:
            orphan = self._caches.runs.jobs.get(controller_uid_of(entry.object)) is None
            self._queue.add(uid, QUIET_CHANGE_SECONDS if orphan else 0.0)
            return
        frees_slot, ends = _is_news(_frees_slot, entry, before), _is_news(_has_ended, entry, before)
        if frees_slot:
            self._on_pod_ended(uid)
        self._queue.add(uid, 0.0 if frees_slot or ends else QUIET_CHANGE_SECONDS)


def _wants_nothing(entry: Entry, jobs: Sequence[Entry]) -> bool:
    """Whether the sweep is at rest, nobody asks for a retry, and no Job of it goes on or is more than retention keeps.

    What is missing in a status or a result all the same is made good when the sweep is edited.
    """
    if not _is_at_rest(entry) or RETRY_ANNOTATION in (entry.object["metadata"].get("annotations") or {}):
        return False
    retention = _retention(entry)
    failed = sum(map(_job_has_failed, jobs))
    too_many = failed > retention.get("failedJobs", 0) or len(jobs) - failed > retention.get("succeededJobs", 0)
    return not too_many and all(_job_has_ended(job) and not job.gone for job in jobs)


def _time_limit(entry: Entry, jobs: Sequence[Entry]) -> datetime | None:
    """When time alone makes a difference to the sweep, which is at rest; None: never."""
    completed = (entry.object.get("status") or {}).get("completionTime")
    ttl_seconds = (entry.object.get("spec") or {}).get("ttlSecondsAfterFinished")
    ended = (end for job in jobs if (end := job_end(job.object)) is not None)
    return time_limit(completed, ttl_seconds, ended, _retention(entry).get("maxAgeSeconds"))


def _retention(entry: Entry) -> KubeObject:
    retention: KubeObject = (entry.object.get("spec") or {}).get("retention") or {}
    return retention


def _is_news(is_so: Callable[[Entry], bool], entry: Entry, before: Entry | None) -> bool:
    """Whether it is so, and was not before."""
    return is_so(entry) and (before is None or not is_so(before))


def _has_ended(entry: Entry) -> bool:
    """Whether training has ended."""
    return _is_over(entry) or TRAINER_CONTAINER in _ended_containers(entry)


def _frees_slot(entry: Entry) -> bool:
    """Whether every container has ended."""
    return _is_over(entry) or {c["name"] for c in entry.object["spec"]["containers"]} <= _ended_containers(entry)


def _is_over(entry: Entry) -> bool:
    return entry.object["status"].get("phase") in ("Succeeded", "Failed")


def _ended_containers(entry: Entry) -> set[str]:
    statuses = entry.object["status"]["containerStatuses"]
    return {each["name"] for each in statuses if "terminated" in (each.get("state") or {})}


def _job_has_ended(entry: Entry) -> bool:
    return _job_is(entry, "Complete") or _job_has_failed(entry)


def _job_has_failed(entry: Entry) -> bool:
    """Whether an index that has failed will get no other pod: until then it keeps its slot."""
    return _job_is(entry, "Failed")


def _job_is(entry: Entry, condition: str) -> bool:
    return any(c["type"] == condition and c["status"] == "True" for c in entry.object["status"]["conditions"])


def _is_at_rest(entry: Entry) -> bool:
    """Whether the sweep is over and its spec has not changed since, or it is being deleted."""
    status = entry.object.get("status") or {}
    followed = status.get("observedGeneration") == entry.object["metadata"].get("generation")
    return is_deleting(entry.object) or (followed and status.get("state") in (SweepState.COMPLETE, SweepState.FAILED))
