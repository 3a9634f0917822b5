"""Messages that the kubelet cuts, since something has put more containers into a pod: no such sweep stops, and none loses a result."""

from __future__ import annotations

import asyncio

import pytest

from regsweep.adapters.kubeapi import PODS, KubeObject
from regsweep.core.kubernetes.room import room_of
from support.training import message_of
from unit.controller.fake_cluster import (
    DEADLINE_SECONDS,
    SPREAD,
    FakeCluster,
    operating,
    replicates_of,
    sweep_object,
    until,
)
from unit.controller.trainers import environment_of

BYTES_PER_RECORD = 500
"""Of a trainer that writes long records and does not heed its room."""


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


async def train(cluster: FakeCluster, injected: int) -> None:
    """Ends all running pods, with messages as a kubelet leaves them in a pod of so many more containers."""
    await cluster.start_pods()
    for pod in cluster.running():
        containers = pod["spec"]["containers"] + [{"name": f"mesh-{k}"} for k in range(injected)]
        pod["spec"]["containers"] = containers
        await cluster.api.replace(PODS, pod)
        text = long_message(cluster, pod)
        await cluster.succeed(pod, message=text[: room_of(len(containers))])
    await cluster.finish_jobs()


def long_message(cluster: FakeCluster, pod: KubeObject) -> str:
    job = next(j for j in cluster.jobs() if j["metadata"]["uid"] == pod["metadata"]["ownerReferences"][0]["uid"])
    replicates = replicates_of(job, pod)
    text = message_of(replicates, spread=SPREAD)
    return " " * max(0, BYTES_PER_RECORD * len(replicates) - len(text)) + text


async def test_replicates_whose_message_was_cut_are_trained_again_with_fewer_in_a_pod(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(replicates=16, parallelism=2))
        await until(cluster.jobs)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not cluster.is_over():
                await train(cluster, injected=7)
                await asyncio.sleep(0.002)
    assert cluster.status()["state"] == "Complete"
    assert cluster.status()["runs"].get("failed", 0) == 0
    assert len(set(cluster.records())) == len(cluster.records()) == 4 * 16
    assert cluster.events("RunAgain")
    assert not cluster.events("RunsFailAlike")


async def test_the_next_jobs_have_room_from_the_start_once_a_pod_shows_what_is_injected(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(replicates=16, parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        assert environment_of(pod)["REGSWEEP_MESSAGE_BYTES"] == "4096"
        pod["spec"]["containers"] += [{"name": f"mesh-{k}"} for k in range(5)]
        await cluster.api.replace(PODS, pod)
        await cluster.succeed(pod)
        await cluster.finish_jobs()
        await until(lambda: len(cluster.created) == 2)
        first = next(p for p in await cluster.start_pods())
    environment = environment_of(first)
    assert environment["REGSWEEP_MESSAGE_BYTES"] == "2048"
    assert environment["REGSWEEP_REPLICATES"] == "6"


async def test_a_template_with_sidecars_has_fewer_replicates_in_a_pod_from_the_start(cluster: FakeCluster) -> None:
    others = [{"name": f"side-{k}", "image": "i"} for k in range(4)]
    async with operating(cluster):
        await cluster.apply(sweep_object(replicates=16, template={"spec": {"containers": others}}))
        await until(cluster.jobs)
    environment = environment_of({"spec": cluster.jobs()[0]["spec"]["template"]["spec"]})
    assert environment["REGSWEEP_MESSAGE_BYTES"] == "2457"
    assert environment["REGSWEEP_REPLICATES"] == "8"
