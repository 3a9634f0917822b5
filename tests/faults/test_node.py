"""Parts of Kubernetes die in mid-sweep and come back: nothing is lost, nothing runs twice."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster import processes
from support.stage import Lab, Stage

RUNS = 9


def begin(lab: Lab) -> list[str]:
    """Starts a sweep, waits until some runs have ended and three train, and returns the names of these pods."""
    lab.until("the operator is ready", lambda: lab.stage.operator_pod())
    lab.apply(lab.sleepers("s", [2 + i / 100 for i in range(RUNS)], replicates=2, parallelism=3))
    training: list[str] = []

    def is_in_midst() -> bool:
        training[:] = [pod["metadata"]["name"] for pod in lab.pods("Running") if lab.stage.trains(pod)]
        return bool(lab.records("s")) and len(training) == 3

    lab.until("some have ended, three train", is_in_midst)
    return training


def assert_each_is_recorded_once(lab: Lab) -> None:
    records = Counter((record["point"], record["replicate"]) for record in lab.records("s"))
    assert list(records.values()) == [1] * (2 * RUNS), "every replicate has its record, once"
    assert {record["outcome"] for record in lab.records("s")} == {"Ok"}
    assert lab.status("s")["progress"] == f"{RUNS}/{RUNS}"
    assert set(lab.created_jobs().values()) == {1}, "no Job was created twice"


@pytest.mark.parametrize(
    "component",
    ["kubelet", "containerd", "kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"],
)
def test_a_sweep_outlives_a_part_of_kubernetes(lab: Lab, stage: Stage, component: str) -> None:
    begin(lab)
    flying = lab.pods("Running")
    stage.cluster.stop(component)
    try:
        lab.until("what trains has ended meanwhile", lambda: not any(map(stage.trains, flying)))
    finally:
        stage.cluster.start(component)
    lab.until_condition("s", "Complete", seconds=180)
    assert_each_is_recorded_once(lab)
    pods = Counter(pod["metadata"]["labels"]["job-name"] for pod in lab.pods())
    assert sorted(pods.values()) == [1] * RUNS, "each was trained by one pod"


def test_what_a_node_loses_with_its_containers_is_its_fault_and_trained_again(lab: Lab, stage: Stage) -> None:
    """As after a reset of the machine: runtime and containers are gone, the kubelet finds them so."""
    begin(lab)
    processes.kill(processes.find(stage.cluster.state, "containerd"))
    stage.cluster.start("containerd")
    lab.until_condition("s", "Complete", seconds=300)
    assert_each_is_recorded_once(lab)
