"""What a tenant who writes Jobs and pods can forge, and where that ends: as docs/security.md says it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from regsweep.adapters.kubeapi import JOBS, POD_TEMPLATES, PODS, KubeObject, name_of, uid_of
from regsweep.api import constants as names
from support.training import message_of
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, pod_of, settled, sweep_object, until

ELSEWHERE = "den"
FLAGS = [{"name": "l2", "values": [0, 0.1]}]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def marked(mark: str | None, **spec: Any) -> dict[str, Any]:
    """A patch of a Job: the operator's mark of what it has suspended, and its spec."""
    return {"metadata": {"annotations": {names.SUSPENDED_ANNOTATION: mark}}, "spec": spec}


def forged(job: KubeObject, **metadata: Any) -> KubeObject:
    """A Job of the tenant's making that agrees with this one in all that a run is known by; its image is another."""
    known = {name: job["metadata"][name] for name in ("name", "namespace", "labels", "annotations", "ownerReferences")}
    made = {"metadata": {**known, **metadata}, "spec": copy.deepcopy(job["spec"])}
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "forger:1"
    return made


async def test_records_of_a_job_that_is_forged_in_all_its_parts_are_taken_for_the_sweeps(cluster: FakeCluster) -> None:
    """What the page says that a tenant can do. A check that no such Job passed would be news for that page."""
    async with operating(cluster):
        await cluster.apply(sweep_object(flags=FLAGS, replicates=1))
        await until(lambda: len(cluster.jobs()) == 2)
    _, job = cluster.jobs()
    await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
    job = await cluster.api.create(JOBS, forged(job))
    async with operating(cluster):
        for pod in await cluster.start_pods_of(job):
            await cluster.succeed(pod, message_of(range(1), loss=-7.0))
        await cluster.train_everything(cluster.is_over)
    best, _ = cluster.status()["results"]
    assert best["objective"]["mean"] == pytest.approx(-6.9), "what the forger said"
    assert not cluster.events("JobAltered")
    assert len(cluster.created) == 3, "two by the operator, one by the forger"


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("true", id="forged"),
        pytest.param("who knows", id="no value of it"),
        pytest.param(None, id="taken away"),
    ],
)
async def test_a_mark_on_a_job_that_trains_stops_nothing(cluster: FakeCluster, mark: str | None) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        await cluster.api.patch(JOBS, NAMESPACE, name_of(job), marked(mark))
        await settled(operator, cluster)
        assert not cluster.jobs()[0]["spec"].get("suspend")
        assert [name_of(each) for each in cluster.running()] == [name_of(pod)]
        await cluster.train_everything(cluster.is_over, most_at_once=1)
    assert len(set(cluster.records())) == len(cluster.records()) == len(cluster.trained) == 8


@pytest.mark.parametrize("mark", ["true", None])
async def test_a_job_that_somebody_suspends_under_a_forged_mark_is_resumed(
    cluster: FakeCluster, mark: str | None
) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        await cluster.api.patch(JOBS, NAMESPACE, name_of(job), marked(mark, suspend=True))
        await cluster.train_everything(cluster.is_over, most_at_once=1)
    assert len(set(cluster.records())) == len(cluster.records()) == len(cluster.trained) == 8
    assert len(cluster.created) == 4, "no Job is made twice"


@pytest.mark.parametrize("mark", ["false", "who knows"])
async def test_a_job_whose_mark_is_undone_in_a_pause_stays_suspended_and_holds_its_slot_and_no_other(
    cluster: FakeCluster, mark: str
) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
        await cluster.edit(suspend=True)
        await until(lambda: all(job["spec"].get("suspend") for job in cluster.jobs()))
        held = cluster.jobs()[0]
        await cluster.api.patch(JOBS, NAMESPACE, name_of(held), marked(mark))
        await cluster.edit(suspend=False)
        await cluster.train_everything(lambda: len(cluster.records()) == 6, most_at_once=1)
        await settled(operator, cluster)
        progressing = cluster.condition("Progressing")
        assert f"somebody has suspended Job {name_of(held)}" in progressing["message"]
        assert (await cluster.api.get(JOBS, NAMESPACE, name_of(held)))["spec"]["suspend"]
        await cluster.api.patch(JOBS, NAMESPACE, name_of(held), {"spec": {"suspend": False}})
        await cluster.train_everything(cluster.is_over)
    assert len(set(cluster.records())) == len(cluster.records()) == len(cluster.trained) == 8


async def test_what_is_written_in_another_namespace_is_nothing_to_a_sweep(cluster: FakeCluster) -> None:
    """A Job there that agrees with one of the sweep's in all its parts, its labels and owner too, and its pods."""
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(flags=FLAGS, replicates=1, parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        there = await cluster.api.create(JOBS, forged(job, namespace=ELSEWHERE))
        for of_job in (there, job):
            await cluster.api.create(PODS, _ended_elsewhere(of_job))
        await settled(operator, cluster)
        assert not cluster.records(), "no record of it is taken"
        assert len(cluster.created) == 2, "one in each namespace: it frees no slot"
        assert there in cluster.jobs(), "and is left alone"
        await cluster.api.delete(JOBS, ELSEWHERE, name_of(there), uid=uid_of(there))
        await cluster.succeed(pod)
        await cluster.train_everything(cluster.is_over)
    assert min(row["objective"]["mean"] for row in cluster.status()["results"]) > 0
    assert not cluster.events("JobAltered")


def _ended_elsewhere(job: KubeObject) -> KubeObject:
    """A pod of this Job in the other namespace, with a record that is too good."""
    pod = pod_of(job, "0")
    pod["metadata"]["namespace"] = ELSEWHERE
    ended = {"exitCode": 0, "message": message_of(range(1), loss=-7.0)}
    pod["status"] = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "trainer", "state": {"terminated": ended}}],
    }
    return pod


async def test_a_template_of_another_namespace_is_none(cluster: FakeCluster) -> None:
    template = {"metadata": {"name": "shared", "namespace": ELSEWHERE}, "template": {"spec": {"containers": []}}}
    await cluster.api.create(POD_TEMPLATES, template)
    async with operating(cluster):
        await cluster.apply(sweep_object(templateRef={"name": "shared"}))
        await until(lambda: cluster.condition("Accepted").get("reason") == "TemplateNotFound")
    assert not cluster.jobs()
