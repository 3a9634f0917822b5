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
from regsweep.errors import ApiError
from support.pods import exit_code_of, has_ended, index_of
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import INDEX

FINALIZER = "batch.kubernetes.io/job-tracking"
BACKOFF_SECONDS = 10


@dataclass
class Counted:
    """What is counted of one Job."""

    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    failures: Counter[int] = field(default_factory=Counter)
    retry_at: dict[int, datetime] = field(default_factory=dict)
    refused: bool = False
    """A pod ended with exit code 64: no other would do better."""

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
        for index in ready[: max(0, wanted - len(active))]:
            flying = sum(not has_ended(pod) for pod in self._api.objects(PODS))
            if self.pod_quota is not None and flying >= self.pod_quota:
                await self._tell_of_quota(job)
                return
            await self._api.create(PODS, _pod_of(job, index, next(self._serial)))

    async def _tell_of_quota(self, job: KubeObject) -> None:
        name = name_of(job)
        text = f'Error creating: pods "{name}" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
        event = {
            "metadata": {"name": f"{name}.{next(self._serial)}", "namespace": namespace_of(job)},
            "involvedObject": {"kind": "Job", "name": name, "uid": uid_of(job)},
            "reason": "FailedCreate",
            "message": text,
            "lastTimestamp": timestamp(self._time.now()),
        }
        await tried(self._api.create(EVENTS, event))


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
