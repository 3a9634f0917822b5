"""Jobs and pods read from the API server's JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.controller.caches.trimming import trim_pod
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.ownership import owner_uid
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from unit.core.kubernetes.objects import (
    FINISHED,
    JOB,
    NOON,
    STARTED,
    SWEEP_UID,
    condition,
    job_object,
    pod_object,
    run_of,
    terminated,
)

SWEEP = {"kind": "RegularizationSweep", "uid": SWEEP_UID, "controller": True}


def test_a_job_without_a_status_yet() -> None:
    assert run_of() == ObservedRun(
        name=JOB,
        uid="job-uid",
        point_key="abc",
        first_replicate=4,
        replicates=5,
        replicates_per_pod=2,
        attempt=2,
        created_at=NOON,
    )


@pytest.mark.parametrize(
    ("job", "fields"),
    [
        pytest.param(
            {"status": {"conditions": [condition("Complete")], "completionTime": STARTED, "completedIndexes": "0-2"}},
            {
                "succeeded": True,
                "ended_at": datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC),
                "succeeded_indexes": frozenset({0, 1, 2}),
            },
            id="complete",
        ),
        pytest.param(
            {"status": {"conditions": [condition("Failed", reason="PodFailurePolicy", message="exit code 64")]}},
            {
                "failed_reason": "PodFailurePolicy",
                "failed_message": "exit code 64",
                "ended_at": datetime(2026, 11, 23, 12, 1, tzinfo=UTC),
            },
            id="failed",
        ),
        pytest.param(
            {"status": {"conditions": [condition("Failed", "False")]}}, {}, id="a condition that does not hold"
        ),
        pytest.param(
            {"status": {"conditions": [condition("FailureTarget", reason="DeadlineExceeded")]}},
            {},
            id="bound to fail, with pods that still end: not failed yet",
        ),
        pytest.param(
            {"status": {"failedIndexes": "1", "completedIndexes": "0,2"}},
            {"failed_indexes": frozenset({1}), "succeeded_indexes": frozenset({0, 2})},
            id="indexes that have ended",
        ),
        pytest.param({"metadata": {"deletionTimestamp": FINISHED}}, {"deleting": True}, id="on its way out"),
        pytest.param(
            {"annotations": {"regsweep.dev/attempt": None}}, {"attempt": 0}, id="an absent attempt is the first one"
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/attempt": "3"}},
            {"attempt": 3, "lost": 1},
            id="an older operator's odd attempt: its record was lost once",
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/attempt": "3", "regsweep.dev/lost": "0"}},
            {"attempt": 3, "lost": 0},
            id="a third retry",
        ),
        pytest.param({"annotations": {"regsweep.dev/lost": "1"}}, {"lost": 1}, id="its record was lost once"),
        pytest.param(
            {"env": {"REGSWEEP_OBJECTIVE": '{"metric": "val_auc", "goal": "Maximize", "epoch": "Last"}'}},
            {"rule": EpochRule("val_auc", Goal.MAXIMIZE)},
            id="the rule that its trainer chooses best epochs by",
        ),
        pytest.param(
            {"annotations": {"regsweep.dev/objective": '{"goal":"Maximize","metric":"val_auc"}'}},
            {},
            id="a rule that only its annotations name",
        ),
        pytest.param({"env": {"REGSWEEP_OBJECTIVE": "val_auc"}}, {}, id="a rule that cannot be read"),
        pytest.param(
            {"env": {"REGSWEEP_OBJECTIVE": '{"goal":"Closest","metric":"val_auc"}'}},
            {},
            id="a rule of a later version",
        ),
        pytest.param(
            {"status": {"failedIndexes": "1,x,-", "completedIndexes": "0-99999999999,9-3"}},
            {"failed_indexes": frozenset({1}), "succeeded_indexes": frozenset({0, 1, 2})},
            id="indexes that it does not have",
        ),
    ],
)
def test_a_job(job: dict[str, Any], fields: dict[str, Any]) -> None:
    run = run_of(**job)
    assert run == replace(run_of(), name=run.name, **fields)


def test_pods_are_sorted_by_index_and_age_and_those_that_no_index_of_the_job_has_are_left_out() -> None:
    pods = [
        pod_object(name=f"{JOB}-1-b", creationTimestamp=FINISHED),
        pod_object(name=f"{JOB}-0-c"),
        pod_object(name=f"{JOB}-1-a"),
        pod_object(name=f"{JOB}-2-stranger", ownerReferences=[{"uid": "other", "controller": True}]),
        pod_object(name=f"{JOB}-3-d"),
        pod_object(name="cancer-1-e"),
        pod_object(name=f"{JOB}-f"),
    ]
    run = observed_run(job_object(), pods)
    assert isinstance(run, ObservedRun)
    assert [pod.name for pod in run.pods] == [f"{JOB}-0-c", f"{JOB}-1-a", f"{JOB}-1-b"]
    assert observed_run(job_object(), map(observed_pod, (*pods[:3], *pods[4:]))) == run


@pytest.mark.parametrize(
    ("pod", "fields"),
    [
        pytest.param(pod_object(phase="Pending"), {"phase": PodPhase.PENDING}, id="new"),
        pytest.param(
            pod_object({"running": {"startedAt": STARTED}}),
            {"phase": PodPhase.RUNNING, "started_at": datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)},
            id="training",
        ),
        pytest.param(
            pod_object(phase="Unknown"), {"phase": PodPhase.RUNNING}, id="its node is silent: it holds its slot"
        ),
        pytest.param(
            pod_object(
                phase="Pending",
                status={
                    "conditions": [
                        {
                            "type": "PodScheduled",
                            "status": "False",
                            "reason": "Unschedulable",
                            "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                        }
                    ]
                },
            ),
            {
                "phase": PodPhase.PENDING,
                "waiting_reason": "Unschedulable",
                "waiting_message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            },
            id="no node has room",
        ),
        pytest.param(
            pod_object(
                {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}, phase="Pending"
            ),
            {
                "phase": PodPhase.PENDING,
                "waiting_reason": "ImagePullBackOff",
                "waiting_message": "Back-off pulling image",
            },
            id="its image cannot be pulled",
        ),
        pytest.param(
            pod_object(
                {"waiting": {"reason": "PodInitializing"}},
                phase="Pending",
                status={
                    "initContainerStatuses": [
                        {"name": "done", "state": {"terminated": {"exitCode": 0}}},
                        {"name": "data", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}},
                    ]
                },
            ),
            {"phase": PodPhase.PENDING, "waiting_reason": "ErrImagePull", "waiting_message": "not found"},
            id="an init container's image cannot be pulled",
        ),
        pytest.param(
            pod_object(
                {"running": {}},
                status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            ),
            {"phase": PodPhase.RUNNING, "waiting_reason": "", "waiting_message": ""},
            id="what runs waits for nothing, whatever stale conditions say",
        ),
        pytest.param(
            pod_object(terminated(137, "OOMKilled"), phase="Failed"),
            {"phase": PodPhase.FAILED, "exit_code": 137, "reason": "OOMKilled"},
            id="killed for memory",
        ),
        pytest.param(
            pod_object(terminated(143, "Error"), phase="Failed", status={"reason": "Evicted"}),
            {"phase": PodPhase.FAILED, "exit_code": 143, "reason": "Evicted"},
            id="evicted by the kubelet",
        ),
        pytest.param(
            pod_object(
                terminated(143, "Error"),
                phase="Failed",
                status={
                    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
                },
            ),
            {"phase": PodPhase.FAILED, "exit_code": 143, "reason": "PreemptionByScheduler", "disrupted": True},
            id="preempted",
        ),
        pytest.param(
            pod_object(terminated(0, message="{}")),
            {"phase": PodPhase.SUCCEEDED, "exit_code": 0, "reason": "Completed", "message": "{}"},
            id="its container has ended and the pod's phase lags behind",
        ),
        pytest.param(
            pod_object(terminated(3, "Error")),
            {"phase": PodPhase.FAILED, "exit_code": 3, "reason": "Error"},
            id="its container has failed and the pod's phase lags behind",
        ),
    ],
)
def test_a_pod(pod: dict[str, Any], fields: dict[str, Any]) -> None:
    times = {}
    if "exit_code" in fields:
        times = {
            "started_at": datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC),
            "ended_at": datetime(2026, 11, 23, 12, 1, tzinfo=UTC),
        }
    assert observed_pod(pod) == ObservedPod(
        **{
            "name": f"{JOB}-1-x",
            "uid": "pod-uid",
            "index": 1,
            "created_at": NOON,
            "memory_limit": "2Gi",
            **times,
            **fields,
        }
    )


def test_a_pod_evicted_before_its_container_ran_has_ended_too() -> None:
    disruption = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": FINISHED}
    pod = observed_pod(pod_object(phase="Failed", status={"reason": "Evicted", "conditions": [disruption]}))
    assert pod.ended
    assert pod.exit_code is None
    assert pod.ended_at == datetime(2026, 11, 23, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("conditions", "ended_at"),
    [
        pytest.param([FINISHED, STARTED], FINISHED, id="the latest change of several, in any order"),
        pytest.param([STARTED, FINISHED], FINISHED, id="the same, sorted"),
        pytest.param([], STARTED, id="none: its start"),
    ],
)
def test_a_pod_whose_container_never_ran_ended_with_the_last_change_of_its_conditions(
    conditions: list[str], ended_at: str
) -> None:
    listed = [{"type": "DisruptionTarget", "status": "True", "lastTransitionTime": time} for time in conditions]
    status = {"reason": "Evicted", "conditions": listed, "startTime": STARTED}
    assert observed_pod(pod_object(phase="Failed", status=status)).ended_at == datetime.fromisoformat(ended_at)


NEVER = "1970-01-01T00:00:00Z"
"""What a kubelet writes for a container's time that there was none of."""


@pytest.mark.parametrize(
    ("times", "started_at", "ended_at"),
    [
        pytest.param({"startedAt": NEVER, "finishedAt": FINISHED}, None, FINISHED, id="a container that never started"),
        pytest.param({"startedAt": STARTED, "finishedAt": NEVER}, STARTED, STARTED, id="one whose end nobody noted"),
        pytest.param({"startedAt": NEVER, "finishedAt": NEVER}, None, STARTED, id="one that its runtime lost"),
        pytest.param({"startedAt": "0001-01-01T00:00:00Z", "finishedAt": FINISHED}, None, FINISHED, id="the zero time"),
        pytest.param({"startedAt": None, "finishedAt": FINISHED}, None, FINISHED, id="no time"),
    ],
)
def test_a_time_long_before_the_pod_was_created_is_none(
    times: dict[str, Any], started_at: str | None, ended_at: str
) -> None:
    state = {"terminated": {**terminated(128, "StartError")["terminated"], **times}}
    pod = observed_pod(pod_object(state, phase="Failed", status={"startTime": STARTED}))
    assert pod.started_at == (datetime.fromisoformat(started_at) if started_at else None)
    assert pod.ended_at == datetime.fromisoformat(ended_at)


@pytest.mark.parametrize("reason", ["ContainerStatusUnknown", "Unknown"])
def test_a_container_whose_start_is_lost_ran_since_its_pod_was_taken(reason: str) -> None:
    state = {"terminated": {**terminated(137, reason)["terminated"], "startedAt": None}}
    pod = observed_pod(pod_object(state, phase="Failed", status={"startTime": STARTED}))
    assert pod.started_at == datetime.fromisoformat(STARTED)


def test_a_pods_own_memory_limit_holds_where_its_container_has_none() -> None:
    pod = pod_object(terminated(137, "OOMKilled"), phase="Failed")
    pod["spec"] = {"containers": [{"name": "trainer"}], "resources": {"limits": {"memory": "16Gi"}}}
    assert observed_pod(trim_pod(pod)).memory_limit == "16Gi"


def test_a_clock_that_is_behind_is_believed() -> None:
    created = datetime.fromisoformat(STARTED) + timedelta(hours=2)
    pod = observed_pod(pod_object(terminated(0), phase="Succeeded", creationTimestamp=created.isoformat()))
    assert (pod.started_at, pod.ended_at) == (datetime.fromisoformat(STARTED), datetime.fromisoformat(FINISHED))


def test_the_last_that_was_seen_of_a_pod_is_marked() -> None:
    assert observed_pod(pod_object({"running": {"startedAt": STARTED}}), gone=True).gone


@pytest.mark.parametrize(
    ("metadata", "index"),
    [
        pytest.param({}, 1, id="from the name"),
        pytest.param(
            {"annotations": {"batch.kubernetes.io/job-completion-index": "3"}}, 1, id="whatever the annotation says"
        ),
        pytest.param({"name": "a-pod-of-somebodys"}, -1, id="a name without one"),
        pytest.param({"name": f"{JOB}-99999999999-x"}, -1, id="one that no Job has"),
    ],
)
def test_the_index_of_a_pod(metadata: dict[str, Any], index: int) -> None:
    assert observed_pod(pod_object(**metadata)).index == index


@pytest.mark.parametrize(
    ("owners", "uid"),
    [
        pytest.param([{"uid": "a"}, {"uid": "b", "controller": True}], "b", id="the controller among the owners"),
        pytest.param([{"uid": "a", "controller": False}], None, id="an owner that does not control"),
        pytest.param(None, None, id="nobody"),
    ],
)
def test_who_controls_an_object(owners: Any, uid: str | None) -> None:
    assert owner_uid({"metadata": {"ownerReferences": owners}}) == uid


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        ("docker.io/lab/trainer@sha256:ab12", "sha256:ab12"),
        ("docker-pullable://lab/trainer@sha256:ab12", "sha256:ab12"),
        ("docker://sha256:ab12", "sha256:ab12"),
        ("sha256:ab12", "sha256:ab12"),
        ("", ""),
    ],
)
def test_one_image_has_one_digest_however_a_node_names_it(image_id: str, digest: str) -> None:
    pod = pod_object({"running": {}})
    pod["status"]["containerStatuses"][1]["imageID"] = image_id
    assert observed_pod(pod).image == digest


@pytest.mark.parametrize(
    ("statuses", "others"),
    [
        pytest.param({"proxy": "running", "mesh": "running"}, ("proxy", "mesh"), id="both go on"),
        pytest.param({"proxy": "terminated", "mesh": "running"}, ("mesh",), id="a sidecar as Kubernetes means it"),
        pytest.param({"proxy": "waiting"}, ("proxy",), id="one that has not begun"),
        pytest.param({}, ("proxy",), id="one that nobody has reported"),
        pytest.param({"proxy": "terminated", "mesh": "terminated"}, (), id="all have ended"),
    ],
)
def test_which_containers_go_on_beside_the_trainer(statuses: dict[str, str], others: tuple[str, ...]) -> None:
    pod = pod_object(terminated(0))
    pod["spec"]["containers"].append({"name": "proxy"})
    pod["spec"]["initContainers"] = [{"name": "fetch"}, {"name": "mesh", "restartPolicy": "Always"}]
    states = {name: {"name": name, "state": {state: {}}} for name, state in statuses.items()}
    pod["status"]["containerStatuses"] = [
        each for each in pod["status"]["containerStatuses"] if each["name"] == "trainer"
    ] + [each for name, each in states.items() if name == "proxy"]
    pod["status"]["initContainerStatuses"] = [
        {"name": "fetch", "state": {"terminated": {}}},
        *(each for name, each in states.items() if name == "mesh"),
    ]
    found = observed_pod(pod)
    assert (found.others, found.holds_node) == (others, bool(others))


def test_a_pod_that_is_over_has_no_containers_that_go_on() -> None:
    pod = pod_object(terminated(0), phase="Succeeded")
    pod["spec"]["containers"].append({"name": "proxy"})
    assert observed_pod(pod).others == ()
