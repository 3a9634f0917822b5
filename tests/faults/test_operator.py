"""The operator dies in mid-sweep: nothing is lost, nothing runs twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from cluster import installation
from support.stage import Lab, Stage


def sigkill(stage: Stage) -> None:
    stage.kill_operator()


def delete_pod(stage: Stage) -> None:
    pod = stage.operator_pod()
    assert pod is not None
    name = pod["metadata"]["name"]
    stage.cluster.kubectl("--namespace", installation.NAMESPACE, "delete", "pod", name, "--wait=false")


def delete_pod_by_force(stage: Stage) -> None:
    """No goodbye: its lease is left to run out, and it may even live on for a moment beside its successor."""
    pod = stage.operator_pod()
    assert pod is not None
    name = pod["metadata"]["name"]
    stage.cluster.kubectl("--namespace", installation.NAMESPACE, "delete", "pod", name, "--force", "--grace-period=0")


@pytest.mark.parametrize(
    "die",
    [
        pytest.param(sigkill, id="SIGKILL to its process"),
        pytest.param(delete_pod, id="its pod is deleted"),
        pytest.param(delete_pod_by_force, id="its pod is deleted by force"),
    ],
)
def test_a_sweep_outlives_its_operator(lab: Lab, stage: Stage, die: Callable[[Stage], None]) -> None:
    runs = 16
    lab.until("the operator is ready", lambda: stage.operator_pod())
    # Some end while nobody watches: their records wait in their pods.
    lab.apply(lab.sleepers("s", [0.5 + i / 100 for i in range(runs)], replicates=2, parallelism=3))
    lab.until("some have ended, some run", lambda: lab.records("s") and lab.pods("Running", "Pending"))
    before = (stage.operator_pod() or {})["status"]["containerStatuses"][0]["containerID"]
    die(stage)
    lab.until_condition("s", "Complete", seconds=180)

    # A sweep may be complete before the successor's next readiness probe.
    lab.until("the operator is ready again", lambda: stage.operator_pod())
    after = (stage.operator_pod() or {})["status"]["containerStatuses"][0]["containerID"]
    assert after != before, "another process finished it"
    # A request whose client died before the answer is missing in the API server's account, though its Job is there.
    assert set(lab.created_jobs().values()) == {1}, "none was created twice"
    jobs = {job["metadata"]["name"] for job in lab.jobs("s")}
    assert len(jobs) == runs
    pods = Counter(pod["metadata"]["labels"]["job-name"] for pod in lab.pods())
    assert pods == dict.fromkeys(jobs, 1), "each was trained by one pod"
    records = Counter((record["point"], record["replicate"]) for record in lab.records("s"))
    assert list(records.values()) == [1] * (2 * runs), "every replicate has its record, once"
    assert {record["outcome"] for record in lab.records("s")} == {"Ok"}
    assert lab.status("s")["progress"] == f"{runs}/{runs}"


def test_what_was_asked_for_while_it_was_away_is_done_when_it_is_back(lab: Lab, stage: Stage) -> None:
    lab.until("the operator is ready", lambda: stage.operator_pod())
    lab.apply(lab.sleepers("grows", [0.1]), lab.sleepers("goes", [60]), lab.sleepers("pauses", [61]))
    lab.until_condition("grows", "Complete")
    lab.until("two run", lambda: len(lab.pods("Running")) == 2)
    stage.cluster.kubectl("--namespace", installation.NAMESPACE, "scale", installation.OPERATOR, "--replicas=0")
    try:
        lab.until("the operator is away", lambda: stage.operator_pod() is None)
        lab.edit("grows", flags=[{"name": "seconds", "values": [0.1, 0.2]}])
        lab.edit("pauses", suspend=True)
        lab.kubectl("delete", "rsweep", "goes")
        lab.apply(lab.sleepers("new", [0.3]))
    finally:
        stage.cluster.kubectl("--namespace", installation.NAMESPACE, "scale", installation.OPERATOR, "--replicas=1")
    lab.until_condition("new", "Complete")
    lab.until_condition("grows", "Complete")
    lab.until_condition("pauses", "Suspended")
    lab.until("nothing trains any more", lambda: not lab.pods("Running", "Pending"))
    assert not lab.jobs("goes")
    assert set(lab.created_jobs().values()) == {1}
