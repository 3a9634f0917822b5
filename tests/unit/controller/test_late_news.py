"""News of Jobs and pods come by two watches, late or never: what a pod has brought home is looked for before it counts as lost."""

from __future__ import annotations

import pytest

from regsweep.adapters.kubeapi import JOBS, PAGE_SIZE, PODS, Resource, name_of, uid_of
from regsweep.controller.process.operator import Operator
from regsweep.errors import Unavailable
from unit.controller.fake_cluster import (
    NAMESPACE,
    FakeCluster,
    deafen,
    operating,
    pod_of,
    settled,
    stamp,
    sweep_object,
    until,
)


@pytest.mark.parametrize("running", [pytest.param(False, id="never seen"), pytest.param(True, id="seen to run")])
async def test_a_job_whose_end_is_known_before_its_pods_is_not_trained_again(running: bool) -> None:
    cluster = FakeCluster()
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        pods = await cluster.start_pods() if running else []
        await until(lambda: len(operator.caches.runs.pods) == len(pods))
        deafen(cluster, PODS)
        for pod in pods or await cluster.start_pods():
            await cluster.succeed(pod)
        await cluster.finish_jobs()
        await until(lambda: len(cluster.records()) == 2)
        await _finish(cluster, operator)
    assert (len(cluster.trained), len(cluster.created)) == (8, 4)


async def test_pods_that_were_asked_for_in_vain_are_asked_for_again_before_anything_counts_as_lost() -> None:
    cluster, refused = FakeCluster(), 0

    def refuse(verb: str, resource: Resource) -> None:
        nonlocal refused
        if resource == PODS and (verb == "watch" or (verb == "list" and refused < 3)):
            refused += verb == "list"
            raise Unavailable("half an answer")

    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        cluster.api.before_read = refuse
        cluster.api.break_watches()
        for pod in await cluster.start_pods():
            await cluster.succeed(pod)
        await cluster.finish_jobs()
        await until(lambda: len(cluster.records()) == 2)
        await _finish(cluster, operator)
    assert refused == 3
    assert (len(cluster.trained), len(cluster.created)) == (8, 4)


async def test_a_run_that_was_recorded_while_it_was_paused_is_not_resumed_and_its_slot_is_free() -> None:
    """Its trainer waited for its last scrape: it ended well, and its Job, which had let go of the pod, does not count it."""
    cluster = FakeCluster()
    two = [{"name": "l2", "values": [0, 0.1]}]
    async with operating(cluster):
        await cluster.apply(sweep_object(flags=two, replicates=1, parallelism=1))
        await until(cluster.jobs)
        (job,), (pod,) = cluster.jobs(), await cluster.start_pods()
        await cluster.edit(suspend=True)
        await until(lambda: cluster.jobs()[0]["spec"].get("suspend"))
        await cluster.succeed(pod)
        await until(cluster.records)
        await cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))
    async with operating(cluster):  # which knows nothing of that pod
        await cluster.edit(suspend=False)
        await until(lambda: len(cluster.jobs()) == 2)
        assert [each["spec"]["suspend"] for each in cluster.jobs() if uid_of(each) == uid_of(job)] == [True]
        for other in await cluster.start_pods():
            await cluster.succeed(other)
        await until(lambda: len(cluster.records()) == 2)
    assert sorted(cluster.records()) == sorted(cluster.trained)


async def test_a_job_has_more_pods_than_a_page_of_a_list() -> None:
    cluster, pods = FakeCluster(), PAGE_SIZE + 1
    one = [{"name": "l2", "values": [0]}]
    async with operating(cluster) as operator:
        deafen(cluster, PODS)
        await cluster.apply(sweep_object(flags=one, replicates=pods, replicatesPerPod=1, parallelism=pods))
        await until(cluster.jobs)
        for pod in await cluster.start_pods():
            await cluster.succeed(pod)
        await cluster.finish_jobs()
        await until(lambda: len(cluster.records()) == pods)
        await _finish(cluster, operator)
    assert (len(cluster.trained), len(cluster.created)) == (pods, 1)


@pytest.mark.parametrize(
    "evicted", [pytest.param(False, id="never seen"), pytest.param(True, id="only an evicted one seen")]
)
async def test_a_job_of_which_one_index_was_not_heard_of_is_not_trained_again(evicted: bool) -> None:
    cluster = FakeCluster()
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1, replicatesPerPod=1))
        await until(cluster.jobs)
        for pod in await cluster.start_pods():
            await cluster.succeed(pod)
        await until(lambda: len(cluster.records()) == 1)
        if evicted:
            (pod,) = await cluster.start_pods()
            disruption = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
            pod["status"] = {"phase": "Failed", "conditions": [{**disruption, "lastTransitionTime": stamp()}]}
            gone = uid_of(await cluster.api.replace(PODS, pod, subresource="status"))
            await until(lambda: _phase(operator, gone) == "Failed")
        deafen(cluster, PODS)
        (job,) = cluster.jobs()
        pod = await cluster.api.create(PODS, pod_of(job, "1"))
        await cluster.succeed(pod)
        await cluster.finish_jobs()
        await until(lambda: len(cluster.records()) == 2)
        await _finish(cluster, operator)
    assert (len(cluster.trained), len(cluster.created)) == (8, 4)


async def test_a_job_that_failed_before_its_pod_was_heard_of_keeps_the_trainers_words() -> None:
    error = '{"version":1,"columns":[],"records":[],"error":{"reason":"InvalidFlags","message":"l3: no such flag"}}'
    cluster = FakeCluster()
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        await until(lambda: len(operator.caches.runs.pods) == 1)
        deafen(cluster, PODS)
        await cluster.end(pod, "Failed", {"exitCode": 64, "message": error})
        (job,) = cluster.jobs()
        failed = {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "its pod failed"}
        job["status"] = {"conditions": [{**failed, "lastTransitionTime": stamp()}]}
        await cluster.api.replace(JOBS, job, subresource="status")
        await until(lambda: cluster.status().get("failures"))
    assert "l3: no such flag" in cluster.status()["failures"][0]["message"]


async def _finish(cluster: FakeCluster, operator: Operator) -> None:
    """News come again, and what is left is trained."""
    cluster.api.before_read = None
    await cluster.train_everything(cluster.is_over)
    await settled(operator, cluster)


def _phase(operator: Operator, pod_uid: str) -> str:
    """Of the pod, as far as the operator has heard."""
    pod = operator.caches.runs.pods.get(pod_uid)
    return pod["status"].get("phase", "") if pod else ""
