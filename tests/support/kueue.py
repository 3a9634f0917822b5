"""What Kueue does to a Job, by hand: it suspends it, makes its Workload, admits, evicts and stops it."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from regsweep.adapters.kubeapi import JOBS, KubeApi, KubeObject, name_of, namespace_of, uid_of, workloads

WORKLOADS = workloads("v1beta2")
WAITS = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 1 more needed"
PREEMPTED = "Preempted to accommodate a workload (UID: a, JobUID: b) due to prioritization in the ClusterQueue"


CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "workloads.kueue.x-k8s.io",
        # The group is protected: only approved CRDs are served.
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
    },
    "spec": {
        "group": "kueue.x-k8s.io",
        "scope": "Namespaced",
        "names": {"plural": "workloads", "singular": "workload", "kind": "Workload"},
        "versions": [
            {
                "name": "v1beta2",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "active": {"type": "boolean", "default": True},
                                    "queueName": {"type": "string"},
                                    "podSets": {"x-kubernetes-preserve-unknown-fields": True},
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
"""A stand-in for Kueue's own: what the operator uses of it."""


class KueueByHand:
    """Acts on Jobs as Kueue does, each step when a test says so. Pods are the Job controller's to stop."""

    def __init__(self, api: KubeApi, queue: str = "training", *, marks: bool = True) -> None:
        """marks: whether it changes the pod templates of Jobs; a real API server lets only Kueue's own order of writes do that."""
        self._api = api
        self._queue = queue
        self._marks = marks

    async def take(self, job: KubeObject) -> KubeObject:
        """Suspends the Job, as its webhook does at creation, and makes its Workload."""
        if not job["spec"].get("suspend"):
            await self._patch(job, {"spec": {"suspend": True}})
        meta = {
            "name": f"job-{name_of(job)}",
            "namespace": namespace_of(job),
            "labels": {"kueue.x-k8s.io/job-uid": uid_of(job)},
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(job), "uid": uid_of(job), "controller": True}
            ],
        }
        queue = {"queueName": self._queue} if self._queue else {}
        kind = {"apiVersion": WORKLOADS.api_version, "kind": WORKLOADS.kind}
        spec = {"active": True, "podSets": _pod_sets(job), **queue}
        await self._api.create(WORKLOADS, {**kind, "metadata": meta, "spec": spec})
        return await self.say(job, ("QuotaReserved", False, "Pending", WAITS))

    async def follow(self, job: KubeObject) -> None:
        """Of a Job that has another width since it stops the pods, and makes another Workload, which waits like a new one."""
        workload = await self.workload(job)
        if workload["spec"]["podSets"] == _pod_sets(job):
            return
        if job["spec"].get("suspend"):
            patch: KubeObject = {"spec": {"podSets": _pod_sets(job)}}
            await self._api.patch(WORKLOADS, namespace_of(job), name_of(workload), patch)
        else:
            await self._api.delete(WORKLOADS, namespace_of(job), name_of(workload), uid=uid_of(workload))
            await self.take(job)

    async def admit(self, job: KubeObject) -> None:
        """There is quota for it."""
        await self.say(
            job,
            ("QuotaReserved", True, "QuotaReserved", ""),
            ("Admitted", True, "Admitted", ""),
            ("Evicted", False, "", ""),
        )
        template = {"metadata": {"labels": {"kueue.x-k8s.io/podset": "main"}}}
        await self._patch(job, {"spec": {"suspend": False, **({"template": template} if self._marks else {})}})

    async def evict(self, job: KubeObject, reason: str = "Preempted", message: str = PREEMPTED) -> None:
        """It needs the quota for another Job, or its Workload is not active."""
        await self.say(
            job,
            ("QuotaReserved", False, "Pending", message),
            ("Admitted", False, "NoReservation", ""),
            ("Evicted", True, reason, message),
        )
        template = {"metadata": {"labels": {"kueue.x-k8s.io/podset": None}}}
        await self._patch(job, {"spec": {"suspend": True, **({"template": template} if self._marks else {})}})

    async def workload(self, job: KubeObject) -> KubeObject:
        """The Job's Workload."""
        return await self._api.get(WORKLOADS, namespace_of(job), f"job-{name_of(job)}")

    async def activate(self, job: KubeObject, active: bool) -> None:
        """A person changes the Workload."""
        await self._api.patch(WORKLOADS, namespace_of(job), f"job-{name_of(job)}", {"spec": {"active": active}})

    async def say(self, job: KubeObject, *conditions: tuple[str, bool, str, str]) -> KubeObject:
        """Writes conditions of the Workload; others stay as they are."""
        live = await self.workload(job)
        known = {c["type"]: c for c in (live.get("status") or {}).get("conditions") or ()}
        for type_, holds, reason, message in conditions:
            known[type_] = condition(type_, holds, reason, message)
        live["status"] = {"conditions": list(known.values())}
        return await self._api.replace(WORKLOADS, live, subresource="status")

    async def _patch(self, job: KubeObject, patch: dict[str, Any]) -> None:
        await self._api.patch(JOBS, namespace_of(job), name_of(job), patch)


def _pod_sets(job: KubeObject) -> list[JsonValue]:
    return [{"name": "main", "count": job["spec"]["parallelism"]}]


def condition(type_: str, holds: bool, reason: str, message: str) -> dict[str, Any]:
    at = {"lastTransitionTime": "2026-11-25T12:00:00Z"}
    return {"type": type_, "status": str(holds), "reason": reason or type_, "message": message, **at}
