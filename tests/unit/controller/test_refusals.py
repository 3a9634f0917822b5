"""What the API server refuses: quotas, pods that never come, deletes and patches. The sweep says why, goes on, and wastes no slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regsweep.adapters.kubeapi import EVENTS, JOBS, RESULTS, KubeObject, name_of, uid_of
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.controller.passes import pod_refusals
from regsweep.core.runs import ObservedRun
from regsweep.errors import NotPermitted, QuotaExceeded, Refused, Unavailable
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, stamp, sweep_object, until
from unit.core.kubernetes.objects import NOON

PODSECURITY = 'pods "demo-1-0-x7k2p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
POD_QUOTA = (
    'pods "demo-1-0-x7k2p" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, '
    "used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2"
)


class Cluster(FakeCluster):
    """A cluster whose Job controller may be refused its pods."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Callable[[], str | None] = lambda: None
        """Why the next pod is refused; None: it is taken."""
        self.podless: set[str] = set()

    async def start_pods(self) -> list[KubeObject]:
        started: list[KubeObject] = []
        for job in self.jobs():
            if (words := self.refuses()) is None:
                started += await self.start_pods_of(job)
            elif not self.pods_of(job) and uid_of(job) not in self.podless:
                self.podless.add(uid_of(job))
                await self.api.create(EVENTS, failed_create(job, words))
        return started


def failed_create(job: KubeObject, words: str) -> KubeObject:
    return {
        "metadata": {"name": f"{name_of(job)}.{uid_of(job)[:8]}", "namespace": NAMESPACE},
        "involvedObject": {"kind": "Job", "name": name_of(job), "namespace": NAMESPACE, "uid": uid_of(job)},
        "reason": "FailedCreate",
        "type": "Warning",
        "message": f"Error creating: {words}",
        "lastTimestamp": stamp(),
    }


async def test_the_last_of_very_many_jobs_is_told_why_its_pods_do_not_come() -> None:
    api, sweep = MemoryApi(), sweep_object()
    jobs = [{"metadata": {"name": f"demo-{n:05}", "uid": f"{n:08}"}} for n in range(1300)]
    for job in jobs:
        await api.create(EVENTS, failed_create(job, PODSECURITY))
    last = ObservedRun(name_of(jobs[-1]), uid_of(jobs[-1]), "ab", 0, 1, 1, attempt=0, created_at=NOON)
    refusals = await pod_refusals.pod_refusals(api, sweep, [last], pod_refusals.PodRefusals(), now=0.0)
    assert "violates PodSecurity" in refusals[last.name].words


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(pod_refusals, "PODLESS_SECONDS", 0.1)
    monkeypatch.setattr(pod_refusals, "ASK_SECONDS", 0.05)
    return Cluster()


def refuse(cluster: FakeCluster, verb: str, resource: str, error: Exception) -> Callable[[bool], None]:
    """Refuses such writes; returns the switch."""
    on = [True]

    def check(write: Write) -> None:
        if on[0] and (write.verb, write.resource) == (verb, resource):
            raise error

    cluster.api.before_write = check

    def switch(to: bool) -> None:
        on[0] = to

    return switch


def quota_of_jobs(cluster: FakeCluster, most: int) -> None:
    """A quota on Jobs, which those that have ended use up too."""

    def check(write: Write) -> None:
        if (write.verb, write.resource) == ("create", "jobs") and len(cluster.jobs()) >= most:
            words = f"exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch={most}"
            raise QuotaExceeded(f'jobs.batch "{write.name}" is forbidden: {words}', 403)

    cluster.api.before_write = check


EIGHT: dict[str, Any] = {"flags": [{"name": "l2", "values": [0, 1, 2, 3, 4, 5, 6, 7]}]}


async def test_a_quota_of_jobs_is_kept_and_no_kept_job_stands_in_the_way(cluster: Cluster) -> None:
    quota_of_jobs(cluster, 5)
    said: list[str] = []
    async with operating(cluster):
        await cluster.apply(sweep_object(**EIGHT, parallelism=8))
        await until(lambda: cluster.condition("Progressing").get("reason") == "QuotaExceeded")
        said.append(cluster.condition("Progressing")["message"])
        assert cluster.condition("Accepted")["reason"] == "Valid", "the template is not to blame"
        await cluster.train_everything(cluster.is_over)
    assert "exceeded quota: jobs" in said[0]
    assert cluster.status()["runs"]["succeeded"] == 8
    assert len(cluster.trained) == 16


async def test_jobs_that_another_sweep_keeps_stand_in_the_way_of_a_quota_no_more_than_its_own(cluster: Cluster) -> None:
    quota_of_jobs(cluster, 4)
    async with operating(cluster, refusal_retry_seconds=0.2):
        await cluster.apply(sweep_object("first", parallelism=2))
        await cluster.train_everything(lambda: cluster.is_over("first"))
        assert len(cluster.jobs()) == 4, "they are kept while nobody needs the room"
        await cluster.apply(sweep_object("second", parallelism=2))
        await cluster.train_everything(lambda: cluster.is_over("second"))
    assert cluster.status("second")["runs"]["succeeded"] == 4
    assert len(cluster.trained) == 16


async def test_what_rbac_forbids_is_no_fault_of_the_template(cluster: Cluster) -> None:
    words = 'jobs.batch is forbidden: User "system:serviceaccount:x:y" cannot create resource "jobs"'
    switch = refuse(cluster, "create", "jobs", NotPermitted(words, 403))
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await until(lambda: cluster.condition("Accepted").get("reason") == "NotPermitted")
        switch(False)
        await cluster.train_everything(cluster.is_over)


async def test_pods_that_are_refused_are_said_and_one_job_waits_for_them(cluster: Cluster) -> None:
    cluster.refuses = lambda: PODSECURITY
    async with operating(cluster, refusal_retry_seconds=1.0):
        await cluster.apply(sweep_object(**EIGHT, parallelism=8))
        await until(cluster.jobs)
        await cluster.start_pods()
        await until(lambda: cluster.condition("Progressing").get("reason") == "PodsRefused")
        message = cluster.condition("Progressing")["message"]
        assert 'violates PodSecurity "restricted:latest": runAsNonRoot != true' in message
        assert "train in a namespace with another one" in message
        assert "x7k2p" not in message, "the name of a pod that never was"
        await until(lambda: len(cluster.jobs()) == 1)
        (waiting,) = cluster.jobs()
        cluster.refuses = lambda: None
        await cluster.start_pods()
        await until(lambda: len(cluster.jobs()) == 2)
        assert uid_of(waiting) in map(uid_of, cluster.jobs()), "it was not made anew"
        await cluster.train_everything(cluster.is_over)
    assert cluster.status()["runs"]["succeeded"] == 8
    assert len(cluster.trained) == 16


async def test_a_job_that_waits_is_made_anew_when_its_template_changes(cluster: Cluster) -> None:
    cluster.refuses = lambda: PODSECURITY
    async with operating(cluster):
        await cluster.apply(sweep_object(**EIGHT, parallelism=8))
        await until(cluster.jobs)
        await cluster.start_pods()
        await until(
            lambda: cluster.condition("Progressing").get("reason") == "PodsRefused" and len(cluster.jobs()) == 1
        )
        cluster.refuses = lambda: None
        await cluster.edit(template={"spec": {"priorityClassName": "low"}})
        await until(lambda: len(cluster.jobs()) == 8)
        classes = {job["spec"]["template"]["spec"].get("priorityClassName") for job in cluster.jobs()}
        assert classes == {"low"}
        await cluster.train_everything(cluster.is_over)


async def test_in_a_quota_of_pods_a_slot_is_filled_when_one_ends(cluster: Cluster) -> None:
    cluster.refuses = lambda: POD_QUOTA if len(cluster.running()) >= 2 else None
    async with operating(cluster, refusal_retry_seconds=600):
        await cluster.apply(sweep_object(**EIGHT, parallelism=4))
        await until(lambda: len(cluster.jobs()) == 4)
        await cluster.start_pods()
        await until(lambda: cluster.condition("Progressing").get("reason") == "QuotaExceeded")
        await cluster.train_everything(cluster.is_over, most_at_once=2)
    assert cluster.status()["runs"]["succeeded"] == 8
    assert len(cluster.trained) == 16


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Refused('admission webhook "no" denied the request', 403), id="refused"),
        pytest.param(Unavailable("failed calling webhook", 500), id="a webhook that does not answer"),
    ],
)
async def test_a_delete_that_fails_does_not_keep_the_status_from_being_written(
    cluster: Cluster, error: Exception
) -> None:
    refuse(cluster, "delete", "jobs", error)
    async with operating(cluster):
        await cluster.apply(sweep_object(retention={"succeededJobs": 0, "failedJobs": 0}))
        await cluster.train_everything(cluster.is_over)
        if isinstance(error, Refused):
            await until(lambda: cluster.events("WriteRefused"))
            assert "denied the request" in cluster.events("WriteRefused")[0]["message"]
    assert cluster.status()["progress"] == "4/4"


async def test_a_patch_that_fails_does_not_keep_the_status_from_being_written(cluster: Cluster) -> None:
    refuse(cluster, "patch", "jobs", Refused("no", 403))
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
        await cluster.start_pods()
        # The sweep is patched through the API in memory too: only Jobs are refused.
        await cluster.edit(suspend=True)
        await until(lambda: cluster.condition("Suspended").get("reason") == "Suspending")
        assert cluster.condition("Suspended")["message"] == "2 runs are still being trained."
        assert cluster.status()["state"] == "Running"


async def test_a_create_that_fails_does_not_keep_the_status_from_being_written(cluster: Cluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        refuse(cluster, "create", "jobs", Unavailable("failed calling webhook", 500))
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await until(lambda: cluster.status().get("progress") == "1/4")
        cluster.api.before_write = None
        await cluster.train_everything(cluster.is_over)
    assert len(cluster.api.objects(JOBS)) == 4


# Results that cannot be stored


NO_RESULTS = 'sweepresults.regsweep.dev "demo" is forbidden: admission webhook "no" denied the request'


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Refused(NO_RESULTS, 403), id="a webhook"),
        pytest.param(QuotaExceeded(NO_RESULTS, 403), id="a quota"),
        pytest.param(NotPermitted(NO_RESULTS, 403), id="RBAC"),
    ],
)
async def test_while_results_cannot_be_stored_the_sweep_says_so_and_trains_on_and_loses_nothing(
    cluster: Cluster, error: Exception
) -> None:
    switch = refuse(cluster, "create", "sweepresults", error)
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await cluster.train_everything(lambda: len(cluster.trained) == 8)
        await until(lambda: cluster.events("WriteRefused"))
        assert NO_RESULTS in cluster.events("WriteRefused")[0]["message"]
        await cluster.edit(parallelism=1)
        await until(lambda: cluster.status()["observedGeneration"] == 2)
        assert cluster.status()["progress"] == "0/4", "a status is about what is stored"
        assert not cluster.is_over()
        switch(False)
        await cluster.train_everything(cluster.is_over)
    assert sorted(cluster.records()) == sorted(set(cluster.records())) == sorted(cluster.trained)
    assert len(cluster.created) == 4


async def test_an_edit_of_who_owns_results_that_is_refused_keeps_nothing_from_being_written(cluster: Cluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(lambda: len(cluster.jobs()) == 1)
        for pod in await cluster.start_pods():
            await cluster.succeed(pod)
        await until(lambda: cluster.status().get("progress") == "1/4")
        switch = refuse(cluster, "update", "sweepresults", Refused(NO_RESULTS, 403))
        await cluster.edit(retention={"results": "Retain"}, suspend=True)
        await until(lambda: cluster.events("WriteRefused"))
        await until(lambda: cluster.condition("Suspended").get("reason") == "SuspendedBySpec")
        assert NO_RESULTS in cluster.events("WriteRefused")[0]["message"]
        assert [job["spec"].get("suspend", False) for job in cluster.jobs()] == [False, True], "the second one trained"
        await cluster.edit(suspend=False)
        await until(lambda: cluster.status()["observedGeneration"] == 3)
        switch(False)
        await cluster.train_everything(cluster.is_over)
        await until(lambda: not any(s["metadata"].get("ownerReferences") for s in cluster.api.objects(RESULTS)))
    assert sorted(cluster.records()) == sorted(set(cluster.records())) == sorted(cluster.trained)
    assert len(cluster.trained) == 8


async def test_a_finished_sweep_is_not_deleted_while_its_results_cannot_be_made_to_outlive_it(cluster: Cluster) -> None:
    async with operating(cluster, refusal_retry_seconds=0.05) as operator:
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        refuse(cluster, "update", "sweepresults", Refused(NO_RESULTS, 403))
        await cluster.edit(retention={"results": "Retain"}, ttlSecondsAfterFinished=0)
        await until(lambda: cluster.events("WriteRefused"))
        for _ in range(3):
            operator.queues.sweeps.add(uid_of(cluster.sweep()))
            await settled(operator, cluster)
        assert cluster.sweep(), "with it its results would go"


async def test_a_pod_that_has_the_only_copy_of_a_record_is_not_stopped_while_that_cannot_be_stored(
    cluster: Cluster,
) -> None:
    switch = refuse(cluster, "create", "sweepresults", Refused(NO_RESULTS, 403))
    async with operating(cluster):
        await cluster.apply(sweep_object(replicatesPerPod=1, parallelism=2))
        await until(lambda: len(cluster.jobs()) == 2)
        pods = await cluster.start_pods()
        await cluster.succeed(pods[0])
        await until(lambda: cluster.events("WriteRefused"))
        await cluster.edit(suspend=True)
        await until(lambda: cluster.condition("Suspended").get("reason") == "Suspending")
        suspended = {name_of(job) for job in cluster.jobs() if job["spec"].get("suspend")}
        assert suspended == {name_of(job) for job in cluster.jobs() if uid_of(job) != owner_of(pods[0])}
        switch(False)
        await until(lambda: cluster.condition("Suspended").get("reason") == "SuspendedBySpec")
        assert all(job["spec"]["suspend"] for job in cluster.jobs())
    assert cluster.records() == cluster.trained


def owner_of(pod: KubeObject) -> str:
    uid: str = pod["metadata"]["ownerReferences"][0]["uid"]
    return uid
