"""The Job controller: it starts pods, counts those that have ended, replaces them, and says how a Job ended."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from regsweep.adapters.kubeapi import (
    EVENTS,
    JOBS,
    PODS,
    KubeObject,
    controller_uid_of,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
)
from regsweep.adapters.memory import MemoryApi
from regsweep.core.timestamps import timestamp
from regsweep.errors import AlreadyExists, ApiError
from support.pods import exit_code_of, has_ended, index_of
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import INDEX

FINALIZER = "batch.kubernetes.io/job-tracking"
BACKOFF_SECONDS = 10
LONGEST_WAIT_SECONDS = 60
COMBINED_AFTER = 10
"""Events of one Job are told as one from then on."""


@dataclass
class Counted:
    """What is counted of one Job."""

    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    failures: Counter[int] = field(default_factory=Counter)
    retry_at: dict[int, datetime] = field(default_factory=dict)
    refused: bool = False
    """A pod ended with exit code 64: no other would do better."""
    put_off: int = 0
    """How often in a row its pod was not created."""
    ask_at: datetime | None = None
    """When it is tried again; None: at once."""
    version: str = ""
    """The Job's resourceVersion then."""

    def count(self, job: KubeObject, pod: KubeObject, now: datetime) -> None:
        """A pod has ended. The rules are those of the Job's podFailurePolicy."""
        index, code = index_of(pod), exit_code_of(pod)
        disrupted = any(c["type"] == "DisruptionTarget" for c in pod["status"].get("conditions", ()))
        if pod["status"]["phase"] == "Succeeded":
            self.succeeded.add(index)
        elif disrupted:
            return
        elif code == 64:
            self.refused = True
        elif code == 65:
            self.failed.add(index)
        elif not is_deleting(pod):
            self.failures[index] += 1
            self.retry_at[index] = now + timedelta(seconds=BACKOFF_SECONDS)
            if self.failures[index] > job["spec"].get("backoffLimitPerIndex", 0):
                self.failed.add(index)

    def may_ask(self, job: KubeObject, now: datetime) -> bool:
        """Whether it is time to create a pod: a change of the Job shortens the wait to a second."""
        if self.ask_at is not None and job["metadata"]["resourceVersion"] != self.version:
            self.version = job["metadata"]["resourceVersion"]
            self.ask_at = min(self.ask_at, now + timedelta(seconds=1))
        return self.ask_at is None or now >= self.ask_at

    def wait(self, job: KubeObject, now: datetime) -> None:
        """A pod was not created: the next try is twice as far away, up to a minute."""
        self.ask_at = now + timedelta(seconds=min(2**self.put_off, LONGEST_WAIT_SECONDS))
        self.version = job["metadata"]["resourceVersion"]
        self.put_off = min(self.put_off + 1, 10)

    def open_indexes(self, job: KubeObject) -> list[int]:
        """Those that have not ended."""
        return [k for k in range(job["spec"]["completions"]) if k not in self.succeeded | self.failed]


class JobController:
    """Goes over all Jobs when it is told to."""

    def __init__(self, api: MemoryApi, time: VirtualTime, counted: dict[str, Counted], first_serial: int = 0) -> None:
        """counted: by Job UID. first_serial: of the names of its pods."""
        self.counted = counted
        self.pod_quota: int | None = None
        """Pods in flight that may be; None: any number."""
        self.quota_of_objects = False
        """Pods that have ended count, too."""
        self.quota_lag_seconds = 0
        """That what has ended still counts."""
        self.foreign_pods = 0
        """Others' that count."""
        self.refused_creates = 0
        self._ended_at: dict[str, datetime] = {}
        self._api = api
        self._time = time
        self._serial = count(first_serial)

    async def look(self) -> None:
        """One look at every Job, and at pods whose Jobs are gone."""
        by_job: dict[str, list[KubeObject]] = {}
        for pod in self._api.objects(PODS, where=_is_open):
            by_job.setdefault(controller_uid_of(pod), []).append(pod)
        for job in self._api.objects(JOBS, where=lambda job: uid_of(job) in by_job or not _is_concluded(job)):
            await self._sync(job, by_job.pop(uid_of(job), []))
        for orphans in by_job.values():
            for pod in filter(has_ended, orphans):
                await self._release(pod)

    async def _sync(self, job: KubeObject, pods: list[KubeObject]) -> None:
        counted = self.counted.setdefault(uid_of(job), Counted())
        for pod in filter(has_ended, pods):
            if FINALIZER in pod["metadata"].get("finalizers", ()):
                counted.count(job, pod, self._time.now())
                await self._release(pod)
        if is_deleting(job):
            return
        active = [pod for pod in pods if not has_ended(pod)]
        open_ = counted.open_indexes(job)
        has_condition = _is_concluded(job)
        is_over = counted.refused or not open_ or has_condition
        wanted = 0 if is_over or job["spec"].get("suspend") else min(job["spec"]["parallelism"], len(open_))
        if is_over and not active and not has_condition:
            await self._conclude(job, counted)
        flying = [pod for pod in active if not is_deleting(pod)]
        for pod in flying[wanted:]:
            await tried(self._api.delete(PODS, namespace_of(pod), name_of(pod), uid=uid_of(pod)))
        await self._start_missing(job, counted, active, wanted)

    async def _release(self, pod: KubeObject) -> None:
        """A pod that is counted may go, if somebody has deleted it."""
        if FINALIZER in pod["metadata"].get("finalizers", ()):
            patch: KubeObject = {"metadata": {"finalizers": None}}
            await tried(self._api.patch(PODS, namespace_of(pod), name_of(pod), patch))

    async def _conclude(self, job: KubeObject, counted: Counted) -> None:
        now = timestamp(self._time.now())
        condition = {"type": "Complete", "status": "True", "lastTransitionTime": now}
        status: dict[str, Any] = {"completionTime": now}
        if counted.refused or counted.failed:
            reason = "PodFailurePolicy" if counted.refused else "FailedIndexes"
            condition |= {"type": "Failed", "reason": reason, "message": "it failed"}
            status = {}
        status["completedIndexes"] = ",".join(map(str, sorted(counted.succeeded)))
        status["failedIndexes"] = ",".join(map(str, sorted(counted.failed)))
        job["status"] = {**status, "conditions": [condition]}
        await tried(self._api.replace(JOBS, job, subresource="status"))

    async def _start_missing(
        self, job: KubeObject, counted: Counted, active: Sequence[KubeObject], wanted: int
    ) -> None:
        """A pod that is on its way out is replaced once it has ended (podReplacementPolicy: Failed)."""
        now, busy = self._time.now(), {index_of(pod) for pod in active}
        ready = [k for k in counted.open_indexes(job) if k not in busy and counted.retry_at.get(k, now) <= now]
        missing = ready[: max(0, wanted - len(active))]
        if not missing or not counted.may_ask(job, now):
            return
        for index in missing:
            if self.pod_quota is not None and self._used() >= self.pod_quota:
                self.refused_creates += 1
                counted.wait(job, now)
                await self._tell_of_quota(job, counted)
                return
            await self._api.create(PODS, _pod_of(job, index, next(self._serial)))
        counted.put_off, counted.ask_at = 0, None

    def _used(self) -> int:
        """Of the quota."""
        now, used = self._time.now(), self.foreign_pods
        for pod in self._api.objects(PODS):
            ended = has_ended(pod) and now - self._ended_at.setdefault(uid_of(pod), now) >= timedelta(
                seconds=self.quota_lag_seconds
            )
            used += self.quota_of_objects or not ended
        return used

    async def _tell_of_quota(self, job: KubeObject, counted: Counted) -> None:
        name, kind = name_of(job), "count/pods" if self.quota_of_objects else "pods"
        combined = "(combined from similar events): " if counted.put_off > COMBINED_AFTER - 1 else ""
        pod = f"{name}-0-{next(self._serial):05}"
        words = f"exceeded quota: q, requested: {kind}=1, used: {kind}={self._used()}, limited: {kind}={self.pod_quota}"
        said = {
            "message": f'{combined}Error creating: pods "{pod}" is forbidden: {words}',
            "lastTimestamp": timestamp(self._time.now()),
        }
        known_as = f"{name}.{uid_of(job)}"
        event = {
            "metadata": {"name": known_as, "namespace": namespace_of(job)},
            "involvedObject": {"kind": "Job", "name": name, "uid": uid_of(job)},
            "reason": "FailedCreate",
            **said,
        }
        try:
            await self._api.create(EVENTS, event)
        except AlreadyExists:
            await tried(self._api.patch(EVENTS, namespace_of(job), known_as, said))


def _is_open(pod: KubeObject) -> bool:
    """Whether it is still to end, or to be counted."""
    return not has_ended(pod) or FINALIZER in pod["metadata"].get("finalizers", ())


def _is_concluded(job: KubeObject) -> bool:
    return bool((job.get("status") or {}).get("conditions"))


def _pod_of(job: KubeObject, index: int, serial: int) -> KubeObject:
    template = copy.deepcopy(job["spec"]["template"])
    meta = template.get("metadata") or {}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(job), "uid": uid_of(job), "controller": True}
    return {
        "metadata": {
            "name": f"{name_of(job)}-{index}-{serial:05}",
            "namespace": namespace_of(job),
            "labels": {**meta.get("labels", {}), INDEX: str(index)},
            "annotations": meta.get("annotations", {}),
            "finalizers": [FINALIZER],
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }


async def tried(write: Any) -> None:
    """A write of one who comes again by himself."""
    try:
        await write
    except ApiError:
        return
