"""What makes a sweep due, and how soon: what may free a slot at once, other news after a moment, all of them with a new term."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.adapters.kubeapi import LEASES, RESULTS, KubeObject, Resource, uid_of
from regsweep.adapters.memory import MemoryApi
from regsweep.api import constants as names
from regsweep.controller.clocks import SYSTEM_CLOCKS, Clocks
from regsweep.controller.process.assembly import build_caches
from regsweep.controller.process.triggers import Triggers
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.errors import Unavailable
from regsweep.metrics import RECONCILE_TOTAL, Metrics
from unit.controller.fake_cluster import FakeCluster, operating, settled, sweep_object, until

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TERMINATED = [{"name": "trainer", "state": {"terminated": {"exitCode": 0}}}]


class RecordingQueue(WorkQueue):
    """A work queue that keeps what was added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[str, float]] = []

    def add(self, key: str, delay_seconds: float = 0.0) -> None:
        self.added.append((key, delay_seconds))


class Stand:
    """Triggers with the caches that feed them."""

    def __init__(self) -> None:
        self.queue = RecordingQueue()
        self.caches = build_caches(MemoryApi(), SYSTEM_CLOCKS)
        self.ended_pods: list[str] = []
        self.triggers = Triggers(
            self.queue, self.caches, on_pod_ended=self.ended_pods.append, clocks=Clocks(now=lambda: NOW)
        )


@pytest.fixture
def stand() -> Stand:
    return Stand()


def obj(uid: str, *, owner: str = "", version: int = 1, **fields: Any) -> KubeObject:
    """An object of the sweep `sweep`."""
    owners = [{"uid": owner, "controller": True}] if owner else []
    meta = {"name": uid, "namespace": "lab", "uid": uid, "resourceVersion": str(version), "generation": 1}
    labels = {names.SWEEP_UID_LABEL: "sweep"}
    return {
        "metadata": {**meta, "labels": labels, "ownerReferences": owners},
        "spec": {"containers": [{"name": "trainer"}]},
        **fields,
    }


def job(**status: Any) -> KubeObject:
    return obj("job", owner="sweep", status=status)


def pod(**status: Any) -> KubeObject:
    return obj("pod", owner="job", status=status)


def test_a_sweep_that_changes_is_due_at_once(stand: Stand) -> None:
    stand.caches.sweeps.upsert(obj("sweep"))
    assert stand.queue.added == [("sweep", 0.0)]


@pytest.mark.parametrize(
    ("status", "delay"),
    [
        pytest.param({}, 1.0, id="one that is new"),
        pytest.param({"conditions": [{"type": "Complete", "status": "True"}]}, 1.0, id="one whose pods have ended"),
        pytest.param({"conditions": [{"type": "Failed", "status": "True"}]}, 0.0, id="one that has failed"),
        pytest.param({"conditions": [{"type": "Failed", "status": "False"}]}, 1.0, id="one that has not"),
        pytest.param({"conditions": [{"type": "Suspended", "status": "True"}]}, 1.0, id="one that is suspended"),
    ],
)
def test_how_soon_a_sweep_is_due_by_its_job(stand: Stand, status: dict[str, Any], delay: float) -> None:
    stand.caches.runs.jobs.upsert(job(**status))
    assert stand.queue.added == [("sweep", delay)]


@pytest.mark.parametrize(
    ("status", "delay", "ended"),
    [
        pytest.param({"phase": "Pending"}, 1.0, [], id="one that is scheduled"),
        pytest.param({"phase": "Running"}, 1.0, [], id="one that runs"),
        pytest.param({"phase": "Succeeded"}, 0.0, ["sweep"], id="one that succeeded"),
        pytest.param({"phase": "Failed"}, 0.0, ["sweep"], id="one that failed"),
        pytest.param(
            {"phase": "Running", "containerStatuses": TERMINATED}, 0.0, ["sweep"], id="one whose trainer has ended"
        ),
    ],
)
def test_how_soon_a_sweep_is_due_by_its_pod(
    stand: Stand, status: dict[str, Any], delay: float, ended: list[str]
) -> None:
    stand.caches.runs.pods.upsert(pod(**status))
    assert stand.queue.added == [("sweep", delay)]
    assert stand.ended_pods == ended


def test_a_pod_frees_its_slot_once_whatever_comes_of_it_afterwards(stand: Stand) -> None:
    """The Job controller takes its finalizer off each pod that has ended: the API server tells of the pod once more."""
    for version in (1, 2):
        again = pod(phase="Succeeded")
        again["metadata"]["resourceVersion"] = str(version)
        stand.caches.runs.pods.upsert(again)
    assert stand.queue.added == [("sweep", 0.0), ("sweep", 1.0)]
    assert stand.ended_pods == ["sweep"]


def test_a_pod_whose_trainer_has_ended_frees_its_slot_when_its_last_container_ends(stand: Stand) -> None:
    containers = {"containers": [{"name": "trainer"}, {"name": "mesh"}]}
    mesh = {"name": "mesh", "state": {"running": {}}}
    for version, (phase, statuses) in enumerate([("Running", [*TERMINATED, mesh]), ("Succeeded", TERMINATED)], 1):
        seen = obj("pod", owner="job", version=version, status={"phase": phase, "containerStatuses": statuses})
        stand.caches.runs.pods.upsert({**seen, "spec": containers})
    assert stand.queue.added == [("sweep", 0.0), ("sweep", 0.0)]
    assert stand.ended_pods == ["sweep"]


@pytest.mark.parametrize(
    ("conditions", "by_us", "delay"),
    [
        pytest.param([], False, 0.0, id="one that went on"),
        pytest.param([], True, 0.0, id="one that we have stopped: what it trained is wanted again"),
        pytest.param([{"type": "Complete", "status": "True"}], False, 0.0, id="one that may have unstored records"),
        pytest.param([{"type": "Complete", "status": "True"}], True, 1.0, id="one that retention did not keep"),
    ],
)
def test_how_soon_a_sweep_is_due_by_a_job_that_is_gone(
    stand: Stand, conditions: list[KubeObject], by_us: bool, delay: float
) -> None:
    stand.caches.runs.jobs.upsert(job(conditions=conditions))
    if by_us:
        stand.caches.runs.job_deleted("job")
    stand.queue.added.clear()
    stand.caches.runs.jobs.delete(job(conditions=conditions))
    assert stand.queue.added == [("sweep", delay)]


@pytest.mark.parametrize(
    ("with_job", "delay"),
    [
        pytest.param(True, 0.0, id="its Job needs another one"),
        pytest.param(False, 1.0, id="its Job is gone too"),
    ],
)
def test_how_soon_a_sweep_is_due_by_a_pod_that_is_gone(stand: Stand, with_job: bool, delay: float) -> None:
    if with_job:
        stand.caches.runs.jobs.upsert(job())
    stand.caches.runs.pods.upsert(pod(phase="Running"))
    stand.queue.added.clear()
    stand.caches.runs.pods.delete(pod(phase="Running"))
    assert stand.queue.added == [("sweep", delay)]


def sweeps_at_work_and_at_rest(stand: Stand) -> None:
    complete = {"state": "Complete", "observedGeneration": 1}
    stand.caches.sweeps.upsert(obj("complete", status=complete))
    stand.caches.sweeps.upsert(obj("edited", status={**complete, "observedGeneration": 0}))
    stand.caches.sweeps.upsert(obj("failed", status={**complete, "state": "Failed"}))
    stand.caches.sweeps.upsert(obj("running", status={**complete, "state": "Running"}))
    deleting = obj("deleting")
    deleting["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    stand.caches.sweeps.upsert(deleting)
    stand.caches.sweeps.upsert(obj("new"))
    stand.queue.added.clear()


def test_with_a_new_term_those_become_due_that_may_have_something_to_do(stand: Stand) -> None:
    sweeps_at_work_and_at_rest(stand)
    stand.triggers.add_all()
    assert {key for key, _ in stand.queue.added} == {"edited", "running", "new"}


@pytest.mark.parametrize(
    ("jobs", "annotations", "due"),
    [
        pytest.param([], {}, False, id="a sweep whose Jobs are gone"),
        pytest.param(
            [{"conditions": [{"type": "Complete", "status": "True"}]}], {}, False, id="one with a Job that is kept"
        ),
        pytest.param([{}], {}, True, id="one with a Job that goes on"),
        pytest.param(
            [{"conditions": [{"type": "Failed", "status": "True"}]}] * 3, {}, True, id="one with Jobs to delete"
        ),
        pytest.param(
            [{"conditions": [{"type": "Complete", "status": "True"}]}] * 2,
            {},
            True,
            id="one with a Job of a kind to delete",
        ),
        pytest.param([], {"regsweep.dev/retry": "1"}, True, id="one that somebody wants tried again"),
    ],
)
def test_a_sweep_at_rest_is_left_alone_unless_it_may_want_something(
    stand: Stand, jobs: list[KubeObject], annotations: dict[str, str], due: bool
) -> None:
    sweep = obj("sweep", status={"state": "Complete", "observedGeneration": 1})
    sweep["metadata"]["annotations"] = annotations
    sweep["spec"]["retention"] = {"succeededJobs": 1, "failedJobs": 1}
    stand.caches.sweeps.upsert(sweep)
    for number, status in enumerate(jobs):
        stand.caches.runs.jobs.upsert(obj(f"job-{number}", owner="sweep", status=status))
    stand.queue.added.clear()
    stand.triggers.add_all()
    stand.triggers.add_reported("sweep")
    assert bool(stand.queue.added) is due
    stand.queue.added.clear()
    stand.triggers.add_reported("unknown")
    assert stand.queue.added == [("unknown", 0.0)]


@pytest.mark.parametrize(
    ("spec", "completed", "ended", "delay"),
    [
        pytest.param({"ttlSecondsAfterFinished": 600}, "09:58", [], 480, id="one that is deleted later"),
        pytest.param({"ttlSecondsAfterFinished": 60}, "09:58", [], 0, id="one that was to be deleted"),
        pytest.param({"ttlSecondsAfterFinished": 60}, None, [], None, id="one that does not say when it has ended"),
        pytest.param({"ttlSecondsAfterFinished": 60}, "soon", [], None, id="one that says it in no way of ours"),
        pytest.param({"retention": {"maxAgeSeconds": 600}}, "09:58", [], None, id="one whose Jobs are gone"),
        pytest.param(
            {"retention": {"maxAgeSeconds": 600}}, "09:58", ["09:55", "09:53"], 180, id="the oldest Job goes first"
        ),
        pytest.param({"retention": {"maxAgeSeconds": 60}}, "09:58", ["09:55", "09:58"], 0, id="one with a Job too old"),
        pytest.param(
            {"ttlSecondsAfterFinished": 300, "retention": {"maxAgeSeconds": 600}},
            "09:58",
            ["09:57"],
            180,
            id="what is first",
        ),
    ],
)
def test_a_sweep_at_rest_is_called_for_when_time_makes_a_difference_to_it(
    stand: Stand, spec: dict[str, Any], completed: str | None, ended: list[str], delay: float | None
) -> None:
    at = {"completionTime": f"2026-11-23T{completed}:00Z"} if completed is not None else {}
    sweep = obj("sweep", status={"state": "Complete", "observedGeneration": 1, **at})
    sweep["spec"] = {**spec, "retention": {"succeededJobs": 2, "failedJobs": 2, **spec.get("retention", {})}}
    stand.caches.sweeps.upsert(sweep)
    for number, time in enumerate(ended):
        over = {"type": "Failed", "status": "True", "lastTransitionTime": f"2026-11-23T{time}:00Z"}
        stand.caches.runs.jobs.upsert(obj(f"job-{number}", owner="sweep", status={"conditions": [over]}))
    for call in (stand.triggers.add_all, lambda: stand.triggers.add_reported("sweep")):
        stand.queue.added.clear()
        call()
        assert stand.queue.added == ([] if delay is None else [("sweep", delay)])


async def test_a_start_reads_no_results_of_sweeps_at_rest() -> None:
    cluster, read = FakeCluster(), []
    async with operating(cluster):
        limits = {"succeededJobs": 10, "failedJobs": 10, "maxAgeSeconds": 3600}
        await cluster.apply(sweep_object(retention=limits, ttlSecondsAfterFinished=3600))
        await cluster.train_everything(cluster.is_over)

    def note(verb: str, resource: Resource) -> None:
        if resource is RESULTS:
            read.append(verb)

    async with operating(cluster) as operator:
        cluster.api.before_read = note
        await settled(operator, cluster)
        assert not read
        await cluster.edit(replicates=3)
        await cluster.train_everything(lambda: len(cluster.records()) == 12)
        assert read


async def test_a_resync_makes_those_due_that_are_not_at_rest(stand: Stand) -> None:
    sweeps_at_work_and_at_rest(stand)
    resync = asyncio.create_task(stand.triggers.resync(0.001))
    await until(lambda: len(stand.queue.added) >= 3)
    resync.cancel()
    await asyncio.gather(resync, return_exceptions=True)
    assert {key for key, _ in stand.queue.added} == {"edited", "running", "new"}


async def test_a_new_term_begins_with_every_sweep_and_without_memory() -> None:
    cluster, lists = FakeCluster(), 0

    def count(verb: str, resource: Resource) -> None:
        nonlocal lists
        lists += (verb, resource) == ("list", RESULTS)

    await cluster.apply(sweep_object(parallelism=0))
    async with operating(
        cluster, lease_renew_deadline_seconds=1, lease_retry_seconds=0.05, resync_seconds=3600
    ) as operator:
        await settled(operator, cluster)
        cluster.api.before_read = count
        await operator.lease.release()
        await until(lambda: operator.lease.terms >= 2)
        await until(lambda: lists)


async def test_a_sweep_that_is_due_when_the_lease_is_lost_is_left_to_the_next_term() -> None:
    cluster, metrics = FakeCluster(), Metrics()

    def no_lease(verb: str, resource: Resource) -> None:
        if resource is LEASES:
            raise Unavailable("no route to host")

    sweep = await cluster.apply(sweep_object(parallelism=0))
    async with operating(cluster, metrics=metrics, resync_seconds=3600) as operator:
        await settled(operator, cluster)
        await operator.lease.release()
        cluster.api.before_read = no_lease
        passes = [metrics.value(RECONCILE_TOTAL, result=result) for result in ("ok", "error")]
        operator.queues.sweeps.add(uid_of(sweep))
        await until(lambda: operator.queues.sweeps.depth == 0)
        await settled(operator, cluster)
        assert [metrics.value(RECONCILE_TOTAL, result=result) for result in ("ok", "error")] == passes
