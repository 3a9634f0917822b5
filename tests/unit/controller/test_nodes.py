"""What nodes do to a sweep: they refuse pods, are taken away, lose track. The run is not charged, and trains nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.adapters.kubeapi import KubeObject, uid_of
from regsweep.api import constants as names
from regsweep.controller.clocks import Clocks
from regsweep.metrics import RUNS_MOVED, Metrics
from support.training import message_of
from unit.controller.fake_cluster import FakeCluster, operating, replicates_of, sweep_object, until


class Shifted:
    """A clock that can be set forward."""

    def __init__(self) -> None:
        self.by = timedelta()

    def clocks(self) -> Clocks:
        return Clocks(now=lambda: datetime.now(UTC) + self.by)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def note(job: KubeObject, annotation: str) -> str:
    text: str = job["metadata"]["annotations"].get(annotation, "")
    return text


async def first_pod(cluster: FakeCluster, **spec: Any) -> KubeObject:
    await cluster.apply(sweep_object(flags=[{"name": "l2", "values": [0]}], parallelism=1, **spec))
    await until(cluster.jobs)
    (pod,) = await cluster.start_pods()
    return pod


async def test_a_run_that_its_node_refused_is_made_again_elsewhere(cluster: FakeCluster) -> None:
    clock, metrics = Shifted(), Metrics()
    async with operating(cluster, clocks=clock.clocks(), metrics=metrics):
        pod = await first_pod(cluster)
        (first,) = cluster.jobs()
        await cluster.reject(pod, "UnexpectedAdmissionError", "Allocate failed: no healthy devices")
        await until(lambda: cluster.jobs()[0]["spec"]["parallelism"] == 0)
        await until(lambda: cluster.condition("Progressing").get("reason") == "NodeFailed")
        assert "Node n1 ended run" in cluster.condition("Progressing")["message"]
        assert "Allocate failed: no healthy devices" in cluster.condition("Progressing")["message"]
        await until(lambda: cluster.events("RunMoved"))
        clock.by = timedelta(seconds=11)
        await cluster.edit(parallelism=2)
        await until(lambda: [uid_of(job) for job in cluster.jobs()] not in ([], [uid_of(first)]))
        await until(lambda: len(cluster.jobs()) == 1)
        (second,) = cluster.jobs()
        assert (note(second, names.MOVED_ANNOTATION), note(second, names.AVOIDED_NODES_ANNOTATION)) == ("1", "n1")
        affinity = second["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["n1"]}]
        await until(lambda: cluster.status().get("avoidedNodes") == [{"node": "n1", "runs": 1}])
        await cluster.train_everything(cluster.is_over)
    assert cluster.status()["runs"]["failed"] == 0
    assert len(cluster.trained) == 2
    assert metrics.value(RUNS_MOVED) == 1


async def test_of_a_spot_nodes_run_only_what_is_missing_is_trained_again(cluster: FakeCluster) -> None:
    async with operating(cluster):
        pod = await first_pod(cluster, replicates=5)
        (job,) = cluster.jobs()
        done = list(replicates_of(job, pod))[:4]
        cluster.trained += [(note(job, names.POINT_KEY_ANNOTATION), k) for k in done]
        await cluster.end(pod, "Failed", {"exitCode": 143, "reason": "Error", "message": message_of(done)})
        await until(lambda: any(note(each, names.FIRST_REPLICATE_ANNOTATION) == "4" for each in cluster.jobs()))
        await cluster.train_everything(cluster.is_over)
    assert sorted(k for _, k in cluster.trained) == [0, 1, 2, 3, 4]
    assert sorted(k for _, k in cluster.records()) == [0, 1, 2, 3, 4]


async def test_an_operator_that_starts_anew_knows_how_often_a_run_was_moved(cluster: FakeCluster) -> None:
    clock = Shifted()
    async with operating(cluster, clocks=clock.clocks()):
        pod = await first_pod(cluster)
        await cluster.reject(pod, "OutOfnvidia.com/gpu")
        await until(lambda: cluster.jobs()[0]["spec"]["parallelism"] == 0)
    clock.by = timedelta(seconds=60)
    async with operating(cluster, clocks=clock.clocks()):
        # It sees the end of the pod now, so it waits once more: a node's own time is not believed.
        await until(lambda: cluster.condition("Progressing").get("reason") == "NodeFailed")
        clock.by = timedelta(seconds=120)
        await cluster.edit(parallelism=2)
        await until(lambda: any(note(job, names.MOVED_ANNOTATION) == "1" for job in cluster.jobs()))
        await cluster.train_everything(cluster.is_over)
    assert cluster.status()["runs"]["succeeded"] == 1


async def test_a_node_an_hour_ahead_delays_no_record(cluster: FakeCluster) -> None:
    async with operating(cluster):
        pod = await first_pod(cluster)
        (job,) = cluster.jobs()
        ahead = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = message_of(replicates_of(job, pod))
        await cluster.end(pod, "Succeeded", {"exitCode": 0, "message": message, "finishedAt": ahead})
        await until(lambda: len(cluster.records()) == 2)
