"""What others do to a sweep's Jobs and pods: delete, drain, forge, take names. No record is lost by it, and no slot."""

from __future__ import annotations

from functools import partial

import pytest

from regsweep.adapters.kubeapi import JOBS, PODS, name_of, uid_of
from regsweep.adapters.memory import Write
from regsweep.api import constants as names
from regsweep.errors import NamespaceTerminating
from support.training import message_of as training_message
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, stamp, sweep_object, until


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


async def test_a_pod_that_is_deleted_right_after_its_end_has_its_record_stored(cluster: FakeCluster) -> None:
    async with operating(cluster, store_interval_seconds=60):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))
        await until(lambda: len(cluster.records()) == 2)
        await cluster.train_everything(cluster.is_over)
    assert len(cluster.trained) == 8


async def test_a_job_that_a_person_deletes_with_its_ended_pod_has_its_record_stored(cluster: FakeCluster) -> None:
    async with operating(cluster, store_interval_seconds=60):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await until(lambda: len(cluster.records()) == 2)
        await cluster.train_everything(cluster.is_over)
    assert len(cluster.trained) == 8


async def test_a_job_that_a_person_deletes_while_it_trains_is_made_again(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        await cluster.start_pods()
        await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await cluster.train_everything(cluster.is_over)
    assert cluster.created.count(name_of(job)) == 2
    assert len(cluster.records()) == 8


async def test_a_job_of_our_name_that_is_not_ours_is_not_taken_for_ours(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
    (job,) = cluster.jobs()
    await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
    foreign = {**job, "metadata": {"name": name_of(job), "namespace": NAMESPACE}}
    await cluster.api.create(JOBS, foreign)
    async with operating(cluster):
        await until(lambda: cluster.events("NameTaken"))
        assert name_of(job) in cluster.events("NameTaken")[0]["message"]


async def test_a_forged_pod_is_not_listened_to(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        forged = {**pod, "metadata": {**pod["metadata"], "name": "forged", "ownerReferences": []}}
        created = await cluster.api.create(PODS, forged)
        created["status"] = {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "trainer", "state": {"terminated": {"exitCode": 0, "message": "{}"}}}],
        }
        await cluster.api.replace(PODS, created, subresource="status")
        await settled(operator, cluster)
        assert not cluster.records()
        assert len(cluster.jobs()) == 1


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        pytest.param(names.REPLICATES_ANNOTATION, "999999999", id="replicates beyond counting"),
        pytest.param(names.REPLICATES_ANNOTATION, "1000", id="as many as there may be"),
        pytest.param(names.POINT_KEY_ANNOTATION, "0" * 16, id="another point"),
        pytest.param(names.ATTEMPT_ANNOTATION, "7", id="another attempt"),
        pytest.param(names.LOST_ANNOTATION, "1", id="a loss"),
        pytest.param(names.FIRST_REPLICATE_ANNOTATION, "1", id="other replicates"),
        pytest.param(names.POINT_KEY_ANNOTATION, None, id="no point at all"),
    ],
)
async def test_of_a_job_whose_annotations_somebody_changed_nothing_is_taken(
    cluster: FakeCluster, annotation: str, value: str | None
) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        await cluster.api.patch(JOBS, NAMESPACE, name_of(job), {"metadata": {"annotations": {annotation: value}}})
        await until(lambda: cluster.events("JobAltered"))
        await settled(operator, cluster)
        assert len(cluster.jobs()) == 1, "its pod may hold a GPU"
        job = cluster.jobs()[0]
        await cluster.end(pod, "Succeeded", {"exitCode": 0, "message": training_message(range(2))})
        await settled(operator, cluster)
        assert not cluster.records()
        assert name_of(job) in cluster.events("JobAltered")[0]["message"]
        await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await cluster.train_everything(cluster.is_over)
    assert len(set(cluster.records())) == len(cluster.records()) == 8


def _has_created(cluster: FakeCluster, jobs: int) -> bool:
    return len(cluster.created) == jobs


async def test_a_record_that_is_lost_twice_is_not_trained_for_ever(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(flags=[{"name": "l2", "values": [0.1]}], replicates=1, maxFailedRuns=5))
        for created in (1, 2):
            await until(partial(_has_created, cluster, created))
            (pod,) = await cluster.start_pods()
            job = cluster.jobs()[-1]
            await cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))
            job["status"] = {
                "completionTime": stamp(),
                "completedIndexes": "0",
                "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": stamp()}],
            }
            await cluster.api.replace(JOBS, job, subresource="status")
        await until(cluster.is_over)
    assert len(cluster.created) == 2
    assert cluster.status()["failures"][0]["message"] == "Its pod vanished twice before its record was read."


async def test_a_forged_job_takes_no_slot(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        forged = {**job, "metadata": {**job["metadata"], "name": "forged", "ownerReferences": []}}
        await cluster.api.create(JOBS, forged)
        await cluster.succeed(pod)
        await until(lambda: len(cluster.created) == 3)
    assert len(set(cluster.created)) == 3


async def test_the_jobs_of_a_namespace_that_is_being_deleted_are_deleted_and_none_is_made(cluster: FakeCluster) -> None:
    """Kubernetes takes the pods first, and waits for them with a finalizer that only the end of their Job removes."""
    await cluster.apply(sweep_object())
    going = False

    def refuse(write: Write) -> None:
        if going and write.verb == "create":
            raise NamespaceTerminating("forbidden: because it is being terminated", 403)

    cluster.api.before_write = refuse
    async with operating(cluster) as operator:
        await until(lambda: len(cluster.jobs()) == 2)
        pods = await cluster.start_pods()
        going = True
        for pod in pods:
            live = await cluster.api.get(PODS, NAMESPACE, name_of(pod))
            live["metadata"]["deletionTimestamp"] = stamp()
            await cluster.api.replace(PODS, live)
        await until(lambda: not cluster.jobs())
        await settled(operator, cluster)
        assert not cluster.jobs()


async def test_a_pod_that_is_drained_from_its_node_takes_no_job_with_it(cluster: FakeCluster) -> None:
    await cluster.apply(sweep_object())
    async with operating(cluster) as operator:
        await until(lambda: len(cluster.jobs()) == 2)
        pod = (await cluster.start_pods())[0]
        live = await cluster.api.get(PODS, NAMESPACE, name_of(pod))
        live["metadata"]["deletionTimestamp"] = stamp()
        await cluster.api.replace(PODS, live)
        await settled(operator, cluster)
        assert len(cluster.jobs()) == 2
