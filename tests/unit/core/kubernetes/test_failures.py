"""Why a run failed, in words that help."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.kubernetes.failures import failure_of
from regsweep.core.runs import ObservedPod, PodPhase
from unit.core.kubernetes.objects import JOB, NOON, condition, run_of


def _error(reason: str, message: str) -> str:
    return json.dumps({"version": 1, "error": {"reason": reason, "message": message}})


def _failed_pod(code: int | None, reason: str = "Error", message: str = "", **fields: Any) -> ObservedPod:
    return ObservedPod(
        **{
            "name": f"{JOB}-1-x",
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
            "its node ran out of memory: container trainer has no memory limit. Set",
            id="killed for memory without a limit of its own",
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
            f"exit code 139, it crashed (SIGSEGV). See the log of {JOB}-1-x.",
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
            None, Reason.TRAINER_FAILED, f"Run {JOB} failed, and none of its pods was observed", id="no pod was seen"
        ),
    ],
)
def test_why_a_run_failed(pod: ObservedPod | None, reason: Reason, words: str) -> None:
    found, message = failure_of(run_of(), pod)
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
    run = run_of(status={"conditions": [condition("Failed", reason="DeadlineExceeded", message="too long")]})
    assert failure_of(run, pod)[0] is reason


def test_a_job_that_failed_without_a_pod_gives_the_controllers_words() -> None:
    run = run_of(status={"conditions": [condition("Failed", reason="FailedIndexes", message="Job has failed indexes")]})
    assert "(FailedIndexes: Job has failed indexes)" in failure_of(run, None)[1]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Evicted", "ran out of memory or disk"),
        ("Preempting", "preempted by a critical pod"),
        ("PreemptionByScheduler", "preempted by a pod of higher priority"),
        ("DeletionByTaintManager", "tainted NoExecute"),
        ("EvictionByEvictionAPI", "kubectl drain"),
        ("DeletionByPodGC", "its node no longer exists"),
        ("TerminationByKubelet", "node pressure or shutdown"),
        ("DisruptionTarget", "(disrupted)"),
        ("NodeLost", "its node does not respond"),
        ("NodeShutdown", "its node shut down"),
        ("Terminated", "its node shut down"),
        ("Shutdown", "its node shut down"),
    ],
)
def test_what_was_done_to_a_pod_from_outside_is_never_called_the_trainers_failure(reason: str, words: str) -> None:
    found, text = failure_of(run_of(), _failed_pod(143, reason))
    assert found is Reason.EVICTED
    assert words in text


def test_a_pod_that_wrote_more_than_its_limit_is_told_which_one() -> None:
    words = 'Container trainer exceeded its local ephemeral storage limit "10Gi". '
    found, text = failure_of(run_of(), _failed_pod(137, "Evicted", status_message=words))
    assert found is Reason.EVICTED
    assert 'ephemeral storage limit "10Gi". Raise resources.limits.ephemeral-storage' in text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (126, "cannot be executed"),
        (127, "was not found in the image"),
        (134, "SIGABRT"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "SIGTERM"),
    ],
)
def test_an_exit_code_that_has_a_meaning_is_said_with_it(code: int, words: str) -> None:
    found, text = failure_of(run_of(), _failed_pod(code))
    assert found is Reason.TRAINER_FAILED
    assert f"exit code {code}, " in text
    assert words in text
