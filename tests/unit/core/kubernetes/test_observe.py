"""Jobs and pods read from the API server's JSON, and why a run failed in words that help."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.core.kubernetes.failures import failure_of
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.ownership import owner_uid
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

CREATED, STARTED, FINISHED = "2026-11-23T12:00:00Z", "2026-11-23T12:00:05Z", "2026-11-23T12:01:00Z"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _job(**parts: Any) -> dict[str, Any]:
    """A Job as the server has it; `metadata`, `spec`, `status` and `annotations` are laid over."""
    annotations = {
        "regsweep.dev/point-key": "abc",
        "regsweep.dev/first-replicate": "4",
        "regsweep.dev/replicates": "5",
        "regsweep.dev/replicates-per-pod": "2",
        "regsweep.dev/attempt": "2",
        **parts.get("annotations", {}),
    }
    metadata = {
        "name": "cancer-1",
        "uid": "job-uid",
        "creationTimestamp": CREATED,
        "annotations": {name: value for name, value in annotations.items() if value is not None},
        **parts.get("metadata", {}),
    }
    return {
        "metadata": metadata,
        "spec": {"parallelism": 1, **parts.get("spec", {})},
        "status": parts.get("status", {}),
    }


def _pod(
    state: dict[str, Any] | None = None, phase: str = "Running", index: str = "1", status: Any = None, **metadata: Any
) -> dict[str, Any]:
    containers = [] if state is None else [{"name": "sidecar", "state": {}}, {"name": "trainer", "state": state}]
    return {
        "metadata": {
            "name": "cancer-1-1-x",
            "uid": "pod-uid",
            "creationTimestamp": CREATED,
            "annotations": {"batch.kubernetes.io/job-completion-index": index},
            "ownerReferences": [{"kind": "Job", "uid": "job-uid", "controller": True}],
            **metadata,
        },
        "spec": {"containers": [{"name": "trainer", "resources": {"limits": {"memory": "2Gi"}}}]},
        "status": {"phase": phase, "containerStatuses": containers, **(status or {})},
    }


def _terminated(code: int, reason: str = "Completed", message: str = "") -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "startedAt": STARTED,
            "finishedAt": FINISHED,
        }
    }


def _run(**parts: Any) -> ObservedRun:
    run = observed_run(_job(**parts))
    assert run is not None
    return run


def test_a_job_without_a_status_yet() -> None:
    assert _run() == ObservedRun(
        name="cancer-1",
        uid="job-uid",
        point_key="abc",
        first_replicate=4,
        replicates=5,
        replicates_per_pod=2,
        attempt=2,
        created_at=NOON,
    )


def _condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": FINISHED}


@pytest.mark.parametrize(
    ("job", "fields"),
    [
        pytest.param(
            {"spec": {"suspend": True, "parallelism": 3}}, {"suspended": True, "parallelism": 3}, id="suspended"
        ),
        pytest.param(
            {"status": {"conditions": [_condition("Complete")], "completionTime": STARTED, "completedIndexes": "0-2"}},
            {
                "succeeded": True,
                "ended_at": datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC),
                "succeeded_indexes": frozenset({0, 1, 2}),
            },
            id="complete",
        ),
        pytest.param(
            {"status": {"conditions": [_condition("Failed", reason="PodFailurePolicy", message="exit code 64")]}},
            {
                "failed_reason": "PodFailurePolicy",
                "failed_message": "exit code 64",
                "ended_at": datetime(2026, 11, 23, 12, 1, tzinfo=UTC),
            },
            id="failed",
        ),
        pytest.param(
            {"status": {"conditions": [_condition("Failed", "False")]}}, {}, id="a condition that does not hold"
        ),
        pytest.param(
            {"status": {"conditions": [_condition("FailureTarget", reason="DeadlineExceeded")]}},
            {},
            id="bound to fail, with pods that still end: not failed yet",
        ),
        pytest.param(
            {"status": {"failedIndexes": "1", "completedIndexes": "0,3-5"}},
            {"failed_indexes": frozenset({1}), "succeeded_indexes": frozenset({0, 3, 4, 5})},
            id="indexes that have ended",
        ),
        pytest.param({"metadata": {"deletionTimestamp": FINISHED}}, {"deleting": True}, id="on its way out"),
        pytest.param(
            {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}},
            {"queue_managed": True},
            id="in a queue by label",
        ),
        pytest.param(
            {
                "metadata": {
                    "ownerReferences": [{"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "Workload", "uid": "w"}]
                }
            },
            {"queue_managed": True},
            id="in a queue by owner",
        ),
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
            {"annotations": {"regsweep.dev/objective": '{"goal":"Maximize","metric":"val_auc"}'}},
            {"rule": EpochRule("val_auc", Goal.MAXIMIZE)},
            id="the rule that it chooses best epochs by",
        ),
        pytest.param({"annotations": {"regsweep.dev/objective": "val_auc"}}, {}, id="a rule that cannot be read"),
        pytest.param(
            {"annotations": {"regsweep.dev/objective": '{"goal":"Closest","metric":"val_auc"}'}},
            {},
            id="a rule of a later version",
        ),
    ],
)
def test_a_job(job: dict[str, Any], fields: dict[str, Any]) -> None:
    assert _run(**job) == replace(_run(), **fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("point-key", None, id="no point"),
        pytest.param("first-replicate", None, id="no first replicate"),
        pytest.param("first-replicate", "-1", id="a negative first replicate"),
        pytest.param("replicates", "many", id="replicates in words"),
        pytest.param("replicates", "0", id="no replicates"),
        pytest.param("replicates-per-pod", "0", id="pods without replicates"),
        pytest.param("replicates", "9" * 30, id="replicates beyond counting"),
        pytest.param("attempt", "²", id="a digit that is no digit"),
        pytest.param("lost", "once", id="lost records in words"),
    ],
)
def test_a_job_that_does_not_say_what_it_trains_is_no_run(name: str, value: str | None) -> None:
    assert observed_run(_job(annotations={f"regsweep.dev/{name}": value})) is None


def test_pods_are_sorted_by_index_and_age_and_strangers_left_out() -> None:
    pods = [
        _pod(name="b", creationTimestamp=FINISHED),
        _pod(name="c", index="0"),
        _pod(name="a"),
        _pod(name="stranger", ownerReferences=[{"uid": "other", "controller": True}]),
    ]
    run = observed_run(_job(), pods)
    assert run is not None
    assert [pod.name for pod in run.pods] == ["c", "a", "b"]
    assert observed_run(_job(), map(observed_pod, pods[:3])) == run


@pytest.mark.parametrize(
    ("pod", "fields"),
    [
        pytest.param(_pod(phase="Pending"), {"phase": PodPhase.PENDING}, id="new"),
        pytest.param(
            _pod({"running": {"startedAt": STARTED}}),
            {"phase": PodPhase.RUNNING, "started_at": datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)},
            id="training",
        ),
        pytest.param(_pod(phase="Unknown"), {"phase": PodPhase.RUNNING}, id="its node is silent: it holds its slot"),
        pytest.param(
            _pod(
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
            _pod({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}, phase="Pending"),
            {
                "phase": PodPhase.PENDING,
                "waiting_reason": "ImagePullBackOff",
                "waiting_message": "Back-off pulling image",
            },
            id="its image cannot be pulled",
        ),
        pytest.param(
            _pod(
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
            _pod(_terminated(137, "OOMKilled"), phase="Failed"),
            {"phase": PodPhase.FAILED, "exit_code": 137, "reason": "OOMKilled"},
            id="killed for memory",
        ),
        pytest.param(
            _pod(_terminated(143, "Error"), phase="Failed", status={"reason": "Evicted"}),
            {"phase": PodPhase.FAILED, "exit_code": 143, "reason": "Evicted"},
            id="evicted by the kubelet",
        ),
        pytest.param(
            _pod(
                _terminated(143, "Error"),
                phase="Failed",
                status={
                    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
                },
            ),
            {"phase": PodPhase.FAILED, "exit_code": 143, "reason": "PreemptionByScheduler"},
            id="preempted",
        ),
        pytest.param(
            _pod(_terminated(0, message="{}")),
            {"phase": PodPhase.SUCCEEDED, "exit_code": 0, "reason": "Completed", "message": "{}"},
            id="its container has ended and the pod's phase lags behind",
        ),
        pytest.param(
            _pod(_terminated(3, "Error")),
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
            "name": "cancer-1-1-x",
            "uid": "pod-uid",
            "index": 1,
            "created_at": NOON,
            "memory_limit": "2Gi",
            **times,
            **fields,
        }
    )


def test_a_pod_evicted_before_its_container_ran_has_ended_too() -> None:
    condition = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": FINISHED}
    pod = observed_pod(_pod(phase="Failed", status={"reason": "Evicted", "conditions": [condition]}))
    assert pod.ended
    assert pod.exit_code is None
    assert pod.ended_at == datetime(2026, 11, 23, 12, 1, tzinfo=UTC)


def test_the_last_that_was_seen_of_a_pod_is_marked() -> None:
    assert observed_pod(_pod({"running": {"startedAt": STARTED}}), gone=True).gone


@pytest.mark.parametrize(
    ("metadata", "index"),
    [
        pytest.param({}, 1, id="from the annotation"),
        pytest.param(
            {"annotations": None, "labels": {"batch.kubernetes.io/job-completion-index": "3"}}, 3, id="from the label"
        ),
        pytest.param({"annotations": None}, 0, id="a Job with one pod may have none"),
    ],
)
def test_the_index_of_a_pod(metadata: dict[str, Any], index: int) -> None:
    assert observed_pod(_pod(**metadata)).index == index


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


def _error(reason: str, message: str) -> str:
    return json.dumps({"version": 1, "error": {"reason": reason, "message": message}})


def _failed_pod(code: int | None, reason: str = "Error", message: str = "", **fields: Any) -> ObservedPod:
    return ObservedPod(
        **{
            "name": "cancer-1-1-x",
            "uid": "pod-uid",
            "index": 1,
            "phase": PodPhase.SUCCEEDED if code == 0 else PodPhase.FAILED,
            "created_at": NOON,
            "exit_code": code,
            "reason": reason,
            "message": message,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        pytest.param(
            _failed_pod(64, message=_error("InvalidFlags", "flag l3: there is l1, l2")),
            Reason.INVALID_FLAGS,
            "flag l3: there is l1, l2",
            id="invalid flags, in the trainer's words",
        ),
        pytest.param(
            _failed_pod(64),
            Reason.INVALID_FLAGS,
            "The trainer refused to train (exit code 64).",
            id="refused, no words",
        ),
        pytest.param(
            _failed_pod(64, message=_error("BadData", "row 3 of a.csv has 4 cells")),
            Reason.BAD_DATA,
            "row 3 of a.csv has 4 cells",
            id="bad data are no invalid flags",
        ),
        pytest.param(
            _failed_pod(64, message=_error("DataChanged", "the data have changed")),
            Reason.DATA_CHANGED,
            "the data have changed",
            id="data that have changed",
        ),
        pytest.param(
            _failed_pod(64, message=_error("InvalidContract", "REGSWEEP_REPLICATES: got 'x'")),
            Reason.INVALID_CONTRACT,
            "REGSWEEP_REPLICATES",
            id="an environment that cannot be read",
        ),
        pytest.param(
            _failed_pod(64, message=_error("Complete", "all is well")),
            Reason.INVALID_FLAGS,
            "all is well",
            id="a reason that is no trainer's to give",
        ),
        pytest.param(
            _failed_pod(65, message=_error("NoData", "shard 3 is empty")),
            Reason.INDEX_FINAL,
            "shard 3 is empty",
            id="given up",
        ),
        pytest.param(
            _failed_pod(137, "OOMKilled", memory_limit="2Gi"),
            Reason.OUT_OF_MEMORY,
            "needed more memory than its limit of 2Gi. Raise resources.limits.memory",
            id="killed for memory, with its limit",
        ),
        pytest.param(
            _failed_pod(137, "OOMKilled"),
            Reason.OUT_OF_MEMORY,
            "than its limit. Raise",
            id="killed for memory, limit unknown",
        ),
        pytest.param(_failed_pod(None, "Evicted"), Reason.EVICTED, "evicted by the kubelet", id="evicted"),
        pytest.param(
            _failed_pod(143, "PreemptionByScheduler"),
            Reason.EVICTED,
            "preempted by a pod of higher priority",
            id="preempted",
        ),
        pytest.param(
            _failed_pod(143, "DeadlineExceeded"), Reason.TIMEOUT, "spec.runTimeoutSeconds", id="a pod's deadline"
        ),
        pytest.param(
            _failed_pod(128, "StartError", 'exec: "train": executable file not found in $PATH'),
            Reason.CONFIG_ERROR,
            'could not be started: exec: "train": executable file not found in $PATH. Fix the command or the image',
            id="a command that is not there",
        ),
        pytest.param(
            _failed_pod(
                None, "", phase=PodPhase.PENDING, waiting_reason="ErrImagePull", waiting_message="manifest\nunknown"
            ),
            Reason.IMAGE_UNAVAILABLE,
            "cannot start, ErrImagePull: manifest unknown",
            id="an image that is not there",
        ),
        pytest.param(
            _failed_pod(None, "", phase=PodPhase.PENDING, waiting_reason="CreateContainerConfigError"),
            Reason.CONFIG_ERROR,
            "cannot start, CreateContainerConfigError",
            id="a Secret that is not there",
        ),
        pytest.param(
            _failed_pod(1, message=_error("NoGpu", "1 GPU asked for, none visible")),
            Reason.TRAINER_FAILED,
            "ended with exit code 1. Its message: 1 GPU asked for, none visible",
            id="a trainer that says why",
        ),
        pytest.param(
            _failed_pod(1, message="Killed by\n a raccoon"),
            Reason.TRAINER_FAILED,
            "exit code 1. Its message: Killed by a raccoon",
            id="a trainer that says so in its own way",
        ),
        pytest.param(
            _failed_pod(139),
            Reason.TRAINER_FAILED,
            "exit code 139, it crashed (SIGSEGV). See the log of cancer-1-1-x.",
            id="a crash",
        ),
        pytest.param(_failed_pod(0), Reason.NO_RECORD, "wrote no termination message", id="success without a record"),
        pytest.param(
            _failed_pod(0, message="done!"),
            Reason.INVALID_RECORD,
            "does not follow the training contract",
            id="garbage",
        ),
        pytest.param(
            _failed_pod(0, message='{"version":1}'),
            Reason.NO_RECORD,
            "lacks a record of this replicate",
            id="a record less",
        ),
        pytest.param(
            _failed_pod(None, "Error"),
            Reason.TRAINER_FAILED,
            "failed before container trainer ran (Error)",
            id="init failed",
        ),
        pytest.param(
            None, Reason.TRAINER_FAILED, "Run cancer-1 failed, and none of its pods was observed", id="no pod was seen"
        ),
    ],
)
def test_why_a_run_failed(pod: ObservedPod | None, reason: Reason, words: str) -> None:
    found, message = failure_of(_run(), pod)
    assert (found, words in message) == (reason, True), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(_failed_pod(143), Reason.TIMEOUT, id="stopped while training"),
        pytest.param(None, Reason.TIMEOUT, id="before a pod was seen"),
        pytest.param(_failed_pod(64), Reason.INVALID_FLAGS, id="its flags had been refused by then"),
    ],
)
def test_a_job_past_its_deadline(pod: ObservedPod | None, reason: Reason) -> None:
    run = _run(status={"conditions": [_condition("Failed", reason="DeadlineExceeded", message="too long")]})
    assert failure_of(run, pod)[0] is reason


def test_a_job_that_failed_without_a_pod_gives_the_controllers_words() -> None:
    run = _run(status={"conditions": [_condition("Failed", reason="FailedIndexes", message="Job has failed indexes")]})
    assert "(FailedIndexes: Job has failed indexes)" in failure_of(run, None)[1]


def test_a_long_message_is_cut() -> None:
    assert len(failure_of(_run(), _failed_pod(1, message="x" * 4000))[1]) < 700
