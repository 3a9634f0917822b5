"""All who act on a cluster beside the operator under test: people, tenants, queues, nodes, networks, and other operators."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    RESULTS,
    SWEEPS,
    KubeObject,
    Resource,
    is_deleting,
    label_of,
    name_of,
    uid_of,
)
from regsweep.adapters.memory import Write
from regsweep.api import constants as names
from regsweep.controller.process.operator import Operator
from regsweep.errors import ApiError, NotFound, QuotaExceeded
from support.kueue import WORKLOADS, KueueByHand
from support.pods import exit_code_of, has_ended, trainer_runs
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import NAMESPACE, sweep_object
from unit.controller.machinery import Machinery
from unit.controller.prometheus_by_hand import PrometheusByHand
from unit.controller.virtual_operator import PACES, operator_on
from unit.controller.wire import Landed, Trouble, Wire

QUEUE = {"metadata": {"labels": {names.QUEUE_NAME_LABEL: "training"}}}
SIDECAR = {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}}
OTHER = "regsweep.dev/team-b"
"""The manager of the second sweep."""
RIVAL: dict[str, Any] = {"lease_namespace": "team-c", "trainer_image": "rival:1"}
"""An operator of another release, which would run the same sweeps as the first one."""


class Company:
    """A cluster, its operators, and everybody else."""

    def __init__(self, time: VirtualTime, *, queue: bool, scraped: bool) -> None:
        self.cluster = Machinery(time)
        self.cluster.training_seconds = None
        self.cluster.api.before_write = self._admit
        self.kueue = KueueByHand(self.cluster.api) if queue else None
        self.prometheus = PrometheusByHand(self.cluster) if scraped else None
        self.job_quota: int | None = None
        self.operators: dict[str, tuple[Wire, Operator]] = {}

    # Operators

    async def start_operator(self, identity: str, **changes: Any) -> None:
        """Another process. Those of one Lease are standbys of each other."""
        lease = f"{changes.get('lease_namespace', PACES['lease_namespace'])}/regsweep-operator"
        wire = Wire(self.cluster.api, on_landed=partial(self._check_claim, lease))
        chosen = {"identity": identity, **({"kueue_version": "v1beta2"} if self.kueue else {}), **changes}
        operator = operator_on(self.cluster, wire, prometheus=self.prometheus, **chosen)
        operator.start()
        self.operators[identity] = wire, operator

    async def stop_operator(self, identity: str, *, crash: bool) -> None:
        """It ends: in order, or in the midst of whatever it does."""
        wire, operator = self.operators.pop(identity)
        wire.is_cut = crash
        await operator.stop()

    def _check_claim(self, lease: str, write: Landed) -> None:
        """Who writes to a sweep, its Jobs or its records has the claim to it. lease: that by which the writer leads."""
        if write.resource not in (SWEEPS.plural, JOBS.plural, RESULTS.plural):
            return
        for sweep in self.cluster.api.objects(SWEEPS):
            claim = ((sweep.get("status") or {}).get("managedBy") or {}).get("lease")
            if f"{write.name}-".startswith(f"{name_of(sweep)}-") and claim != lease:
                self.cluster.account.wrong.append(f"{lease} has written {write} of a sweep that {claim} has claimed")

    def trouble(self, troubles: list[Trouble]) -> None:
        """Happens to the next requests of every operator."""
        for wire, _ in self.operators.values():
            wire.troubles.extend(troubles)

    # Time

    async def pass_time(self, seconds: int) -> None:
        """The cluster goes on."""
        for _ in range(seconds):
            if self.kueue is not None:
                await self._queue_catches_up(self.kueue)
            await self.cluster.second()
            await asyncio.sleep(1)

    # Pods

    def in_flight(self) -> list[KubeObject]:
        """Pods that train."""
        return [pod for pod in self.cluster.pods("Running") if trainer_runs(pod) and not is_deleting(pod)]

    async def end_sidecars(self, exit_code: int) -> None:
        """Of all pods whose training has ended."""
        for pod in self.cluster.pods("Running"):
            if exit_code_of(pod) is not None:
                await self.cluster.kubelet.end_sidecars(pod, exit_code)

    def delay_watches(self, resource: Resource, seconds: float) -> None:
        """News of these objects comes so much later to every operator."""
        for wire, _ in self.operators.values():
            wire.late[resource.plural] = seconds

    async def lose_node(self, node: str) -> None:
        """A node falls silent, and Kubernetes deletes its pods: they stay until it comes back or is taken away."""
        self.cluster.silent.add(node)
        for pod in self.cluster.pods("Running"):
            if pod["spec"].get("nodeName") == node and not is_deleting(pod):
                await self.cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))

    async def end_silence(self, *, taken_away: bool) -> None:
        """The silent nodes come back, or somebody takes them away for good."""
        nodes, self.cluster.silent = self.cluster.silent, set()
        for pod in self.cluster.pods("Running") if taken_away else ():
            if pod["spec"].get("nodeName") in nodes and not has_ended(pod):
                await self.cluster.kubelet.lose(pod, "DeletionByPodGC", disrupted=True)

    # People and tenants

    async def apply(self, name: str, **spec: Any) -> None:
        """A new sweep."""
        await self.cluster.apply(sweep_object(name, maxFailedRuns="100%", **spec))

    def open_jobs(self) -> list[KubeObject]:
        """Jobs that may start a pod or are held."""
        conditions = ((job, (job.get("status") or {}).get("conditions")) for job in self.cluster.jobs())
        return [job for job, ended in conditions if not ended and not is_deleting(job)]

    async def patch_job(self, job: KubeObject, patch: dict[str, Any]) -> None:
        """Somebody changes a Job."""
        with suppress(NotFound):
            await self.cluster.api.patch(JOBS, NAMESPACE, name_of(job), patch)

    async def delete(self, resource: Resource, obj: KubeObject) -> None:
        """Somebody deletes an object."""
        with suppress(ApiError):
            await self.cluster.api.delete(resource, NAMESPACE, name_of(obj), uid=uid_of(obj))

    def stored(self) -> set[tuple[str, int]]:
        """(Point key, replicate) of every result that is stored."""
        segments = self.cluster.api.objects(RESULTS)
        return {(r["point"], r["replicate"]) for s in segments for r in s["records"] if r["outcome"] == "Ok"}

    async def let_go(self) -> None:
        """Everybody does what the conditions and events ask for: Jobs that were changed are deleted, what is held is resumed."""
        for job in self.cluster.jobs():
            if job["metadata"]["annotations"].get("example.com/altered"):
                await self.delete(JOBS, job)
        for job in self.open_jobs():
            if self.kueue is not None and label_of(job, names.QUEUE_NAME_LABEL):
                if await self._has_workload(job) and job["spec"].get("suspend"):
                    await self._admit_job(self.kueue, job)
            elif (
                job["spec"].get("suspend") and job["metadata"]["annotations"].get(names.SUSPENDED_ANNOTATION) != "true"
            ):
                await self.patch_job(job, {"spec": {"suspend": False}})

    # Quotas and queues

    def _admit(self, write: Write) -> None:
        """The admission of the API server: a quota of Jobs, and Kueue's webhook."""
        if (write.verb, write.resource) != ("create", "jobs") or write.object is None:
            return
        if self.job_quota is not None and len(self.cluster.jobs()) >= self.job_quota:
            raise QuotaExceeded("exceeded quota: q, requested: count/jobs.batch=1, used: 3, limited: 3", 403)
        if self.kueue is not None and label_of(write.object, names.QUEUE_NAME_LABEL):
            write.object["spec"]["suspend"] = True

    async def _queue_catches_up(self, kueue: KueueByHand) -> None:
        """Kueue takes new Jobs, and stops those whose Workloads are not active."""
        for job in self.open_jobs():
            if not label_of(job, names.QUEUE_NAME_LABEL):
                continue
            if not await self._has_workload(job):
                await kueue.take(job)
                continue
            await kueue.follow(job)
            if not (await kueue.workload(job))["spec"]["active"] and not job["spec"].get("suspend"):
                await kueue.evict(job, "Deactivated", "The workload is deactivated")

    async def queue_decides(self, job: KubeObject, *, admits: bool) -> None:
        """There is quota for the Job, or another one needs it."""
        assert self.kueue is not None
        if not await self._has_workload(job):
            return
        if admits and job["spec"].get("suspend"):
            await self._admit_job(self.kueue, job)
        elif not admits and not job["spec"].get("suspend"):
            await self.kueue.evict(job)

    async def _admit_job(self, kueue: KueueByHand, job: KubeObject) -> None:
        if (await kueue.workload(job))["spec"]["active"]:
            await kueue.admit(job)

    async def _has_workload(self, job: KubeObject) -> bool:
        owners = (w["metadata"]["ownerReferences"][0]["uid"] for w in self.cluster.api.objects(WORKLOADS))
        return uid_of(job) in owners
