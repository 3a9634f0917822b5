"""A cluster in memory for the operator's tests: the API, a Job controller and a kubelet that do at once what a test says.

It takes the place of Kubernetes, and the operator under test acts on it. `unit.core.simulation` takes the place of both, for `plan`.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.adapters.kubeapi import EVENTS, JOBS, LEASES, PODS, RESULTS, SWEEPS, KubeObject, Resource, name_of, uid_of
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.adapters.prometheus import Prometheus
from regsweep.api import constants as names
from regsweep.controller.caches import template_cache
from regsweep.controller.clocks import SYSTEM_CLOCKS, Clocks
from regsweep.controller.passes import schedule
from regsweep.controller.process.operator import Operator
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, analyse_records
from regsweep.errors import Unavailable
from regsweep.metrics import Metrics
from regsweep.settings import Settings
from support.training import indexes_to_start, message_of

NAMESPACE = "lab"
DEADLINE_SECONDS = 20.0
INDEX = "batch.kubernetes.io/job-completion-index"
SPREAD = 0.001
"""Between the losses of two replicates: without any there would be no errors to estimate."""

QUICK = {
    "trainer_image": "trainer:1",
    "identity": "operator-under-test",
    "status_interval_seconds": 0.05,
    "store_interval_seconds": 0.05,
    "collect_interval_seconds": 0.02,
    "live_interval_seconds": 0.05,
    "refusal_retry_seconds": 0.2,
    "workers": 2,
}


def settings(**changes: Any) -> Settings:
    """Settings at which nothing is waited for longer than needed."""
    return Settings(**{**QUICK, **changes})


def forget_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is looked for again soon."""
    for module in (template_cache, schedule):
        monkeypatch.setattr(module, "MISSING_BELIEVED_SECONDS", 0.1)


def sweep_object(name: str = "demo", **spec: Any) -> KubeObject:
    """A sweep of two flags with two values each, two replicates, two pods at a time."""
    flags = [{"name": "l2", "values": [0, 0.1]}, {"name": "dropout", "values": [0.0, 0.5]}]
    body = {"flags": flags, "replicates": 2, "parallelism": 2, "trainer": {"gpus": 0}, **spec}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.SWEEP_KIND,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": body,
    }


class FakeCluster:
    """The API in memory with hands that play the Job controller and the kubelet."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.created: list[str] = []
        """Names of Jobs, each time that one was created."""
        self.trained: list[tuple[str, int]] = []
        """(Point key, replicate), each time that one was trained to the end."""
        self._succeeded: dict[str, set[int]] = {}
        """Indexes that the Job controller has counted, by Job UID: it counts a pod before the pod may vanish."""
        self.api.after_write = self._note

    async def apply(self, sweep: KubeObject) -> KubeObject:
        """Creates a sweep, as a person does."""
        return await self.api.create(SWEEPS, sweep)

    async def edit(self, name: str = "demo", **spec: Any) -> None:
        """Changes a sweep's spec, as a person does."""
        await self.api.patch(SWEEPS, NAMESPACE, name, {"spec": spec})

    def sweep(self, name: str = "demo") -> KubeObject:
        """The sweep as it is."""
        return next(s for s in self.api.objects(SWEEPS) if name_of(s) == name)

    def status(self, name: str = "demo") -> KubeObject:
        """Its status; empty where it has none."""
        status: KubeObject = self.sweep(name).get("status") or {}
        return status

    def condition(self, type_: str, name: str = "demo") -> KubeObject:
        """A condition of the sweep; empty where it has none of the type."""
        return next((c for c in self.status(name).get("conditions", ()) if c["type"] == type_), {})

    def jobs(self) -> list[KubeObject]:
        """All Jobs."""
        return self.api.objects(JOBS)

    def running(self) -> list[KubeObject]:
        """Pods that have not ended."""
        return [p for p in self.api.objects(PODS) if p["status"]["phase"] in ("Pending", "Running")]

    def records(self) -> list[tuple[str, int]]:
        """(Point key, replicate) of every stored record, repeated where it is stored twice."""
        return [(r["point"], r["replicate"]) for s in self.api.objects(RESULTS) for r in s["records"]]

    def events(self, reason: str = "") -> list[KubeObject]:
        """Events, all or those of a reason."""
        return [e for e in self.api.objects(EVENTS) if reason in ("", e["reason"])]

    def writes(self, verb: str, resource: str) -> list[Write]:
        """Writes that came in, dry runs left out."""
        return [w for w in self.api.writes if (w.verb, w.resource) == (verb, resource) and not w.dry_run]

    # The Job controller and the kubelet

    async def start_pods(self) -> list[KubeObject]:
        """A running pod for every index of a Job that needs one and may have one; returns the new pods."""
        return [pod for job in self.jobs() for pod in await self.start_pods_of(job)]

    async def start_pods_of(self, job: KubeObject) -> list[KubeObject]:
        """The same for one Job."""
        own = self.pods_of(job)
        busy = {int(p["metadata"]["labels"][INDEX]) for p in own} | self._succeeded.get(uid_of(job), set())
        flying = sum(p["status"]["phase"] == "Running" for p in own)
        if job["spec"].get("suspend") or job.get("status", {}).get("conditions"):
            return []
        indexes = indexes_to_start(job["spec"]["completions"], job["spec"]["parallelism"], busy, flying)
        return [await self.api.create(PODS, pod_of(job, str(index))) for index in indexes]

    def pods_of(self, job: KubeObject) -> list[KubeObject]:
        """The Job's pods."""
        return [p for p in self.api.objects(PODS) if p["metadata"]["ownerReferences"][0]["uid"] == uid_of(job)]

    async def succeed(self, pod: KubeObject, message: str | None = None) -> None:
        """The pod's trainer ends well. `message`: its termination message; None: a record of each of its replicates."""
        job = next(j for j in self.jobs() if uid_of(j) == pod["metadata"]["ownerReferences"][0]["uid"])
        replicates = replicates_of(job, pod)
        point = job["metadata"]["annotations"][names.POINT_KEY_ANNOTATION]
        self._succeeded.setdefault(uid_of(job), set()).add(int(pod["metadata"]["labels"][INDEX]))
        self.trained += [(point, k) for k in replicates]
        text = message_of(replicates, spread=SPREAD) if message is None else message
        await self.end(pod, "Succeeded", {"exitCode": 0, "reason": "Completed", "message": text})

    async def end(self, pod: KubeObject, phase: str, terminated: KubeObject) -> None:
        """The pod ends."""
        live = await self.api.get(PODS, NAMESPACE, name_of(pod))
        state = {"terminated": {"startedAt": stamp(), "finishedAt": stamp(), **terminated}}
        live["status"] = {**live["status"], "phase": phase, "containerStatuses": [{"name": "trainer", "state": state}]}
        await self.api.replace(PODS, live, subresource="status")

    async def reject(self, pod: KubeObject, reason: str, message: str = "", node: str = "n1") -> None:
        """The pod's node refuses it, before any container has run."""
        live = await self.api.get(PODS, NAMESPACE, name_of(pod))
        live["spec"]["nodeName"] = node
        live = await self.api.replace(PODS, live)
        live["status"] = {"phase": "Failed", "reason": reason, "message": message, "startTime": stamp()}
        await self.api.replace(PODS, live, subresource="status")

    async def finish_jobs(self) -> None:
        """The Job controller says Complete of every Job whose pods have all succeeded."""
        for job in self.jobs():
            done = len(self._succeeded.get(uid_of(job), ()))
            if done == job["spec"]["completions"] and not job.get("status", {}).get("conditions"):
                job["status"] = {
                    "completionTime": stamp(),
                    "completedIndexes": f"0-{done - 1}",
                    "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": stamp()}],
                }
                await self.api.replace(JOBS, job, subresource="status")

    async def train_everything(self, done: Callable[[], bool], *, most_at_once: int = 10**6) -> None:
        """Trains whatever there is to train until `done`."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not done():
                await self.start_pods()
                running = self.running()
                assert len(running) <= most_at_once, "more pods than parallelism"
                for pod in running:
                    await self.succeed(pod)
                await self.finish_jobs()
                await asyncio.sleep(0.002)

    def ended_pods(self) -> list[KubeObject]:
        """Pods that have succeeded."""
        return [p for p in self.api.objects(PODS) if p["status"]["phase"] == "Succeeded"]

    def losses_of(self, pod: KubeObject) -> list[tuple[int, dict[str, float]]]:
        """Replicate and metrics of each record in the pod's termination message."""
        message = json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
        return [(r[0], dict(zip(message["columns"], r[3], strict=True))) for r in message["records"]]

    def is_over(self, name: str = "demo") -> bool:
        """Whether the sweep is Complete or Failed."""
        return self.status(name).get("state") in ("Complete", "Failed")

    def _note(self, write: Write) -> None:
        if (write.verb, write.resource) == ("create", "jobs") and not write.dry_run:
            self.created.append(write.name)


@asynccontextmanager
async def operating(
    cluster: FakeCluster,
    *,
    prometheus: Prometheus | None = None,
    metrics: Metrics | None = None,
    clocks: Clocks = SYSTEM_CLOCKS,
    **changes: Any,
) -> AsyncIterator[Operator]:
    """An operator that runs in the cluster."""
    operator = Operator(
        cluster.api,
        settings(**changes),
        metrics or Metrics(),
        prometheus=prometheus,
        analyse=analyse_here,
        clocks=clocks,
    )
    operator.start()
    try:
        yield operator
    finally:
        await operator.stop()


async def analyse_here(question: AnalysisRequest) -> AnalysisResult:
    """The analysis without a process of its own, which would take a second."""
    return analyse_records(question)


async def until(condition: Callable[[], object]) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 (the condition is about a cluster that signals nothing)
            await asyncio.sleep(0.002)


async def settled(operator: Operator, cluster: FakeCluster) -> None:
    """Waits until the operator has begun its first term and has nothing left to do: no pass is due or under way, and no write
    came for a while."""
    queue = operator.queues.sweeps
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            begun = operator.lease.terms > 0 and operator.health.ready[0].reason() is None
            before = acting_writes(cluster)
            await asyncio.sleep(0.15)
            if begun and not queue.depth and not queue._in_hand and acting_writes(cluster) == before:
                return


def acting_writes(cluster: FakeCluster) -> int:
    """Writes but those to the lease."""
    return sum(w.resource != LEASES.plural for w in cluster.api.writes)


def stamp() -> str:
    """Now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def replicates_of(job: KubeObject, pod: KubeObject) -> range:
    """The replicates that the pod trains."""
    notes = job["metadata"]["annotations"]
    first, count, per_pod = (
        int(notes[n])
        for n in (names.FIRST_REPLICATE_ANNOTATION, names.REPLICATES_ANNOTATION, names.REPLICATES_PER_POD_ANNOTATION)
    )
    start = first + int(pod["metadata"]["labels"][INDEX]) * per_pod
    return range(start, min(start + per_pod, first + count))


_serial: Iterator[int] = iter(range(10**9))


def pod_of(job: KubeObject, index: str) -> KubeObject:
    template = copy.deepcopy(job["spec"]["template"])
    meta = template.get("metadata", {})
    labels = {**meta.get("labels", {}), INDEX: index}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(job), "uid": uid_of(job), "controller": True}
    return {
        "metadata": {
            "name": f"{name_of(job)}-{index}-{next(_serial)}",
            "namespace": NAMESPACE,
            "labels": labels,
            "annotations": meta.get("annotations", {}),
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
        "status": {
            "phase": "Running",
            "startTime": stamp(),
            "containerStatuses": [{"name": "trainer", "state": {"running": {"startedAt": stamp()}}}],
        },
    }


def deafen(cluster: FakeCluster, deaf_to: Resource) -> None:
    """From now on no news of these objects comes."""

    def refuse(verb: str, resource: Resource) -> None:
        if (verb, resource) == ("watch", deaf_to):
            raise Unavailable("no route to host")

    cluster.api.before_read = refuse
    cluster.api.break_watches()
