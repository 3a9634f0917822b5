"""Jobs and pods as the API server has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from regsweep.core.identity import run_name
from regsweep.core.kubernetes.observe import observed_run
from regsweep.core.runs import ObservedRun

CREATED, STARTED, FINISHED = "2026-11-23T12:00:00Z", "2026-11-23T12:00:05Z", "2026-11-23T12:01:00Z"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


SWEEP_UID = "sweep-uid"
JOB = "cancer-dae19fde03ca"


def job_object(**parts: Any) -> dict[str, Any]:
    """A Job as the server has it, which trains replicates 4 to 8 of a point, two in each pod.

    `metadata`, `spec`, `status`, `annotations` and the trainer's `env` are laid over; None takes away. Unless `metadata`
    gives one, its name is that of the run which its annotations describe, as far as they do.
    """
    annotations = {
        "regsweep.dev/point-key": "abc",
        "regsweep.dev/first-replicate": "4",
        "regsweep.dev/replicates": "5",
        "regsweep.dev/replicates-per-pod": "2",
        "regsweep.dev/attempt": "2",
        **parts.get("annotations", {}),
    }
    env = {
        "REGSWEEP_FIRST_REPLICATE": "4",
        "REGSWEEP_LAST_REPLICATE": "8",
        "REGSWEEP_REPLICATES": "2",
        **parts.get("env", {}),
    }
    metadata = {
        "name": _name(annotations),
        "uid": "job-uid",
        "creationTimestamp": CREATED,
        "annotations": {name: value for name, value in annotations.items() if value is not None},
        "ownerReferences": [{"kind": "RegularizationSweep", "uid": SWEEP_UID, "controller": True}],
        **parts.get("metadata", {}),
    }
    entries = [{"name": name, "value": value} for name, value in env.items() if value is not None]
    template = {"spec": {"containers": [{"name": "sidecar"}, {"name": "trainer", "env": entries}]}}
    return {
        "metadata": metadata,
        "spec": {"parallelism": 1, "completions": 3, "template": template, **parts.get("spec", {})},
        "status": parts.get("status", {}),
    }


def _name(annotations: dict[str, str]) -> str:
    attempt = annotations["regsweep.dev/attempt"]
    tries = int(attempt) if attempt and attempt.isascii() and attempt.isdigit() else 0
    lost = annotations.get("regsweep.dev/lost", str(tries % 2))
    moved = annotations.get("regsweep.dev/moved", "0")
    return run_name(
        "cancer", SWEEP_UID, "abc", 4, tries, int(lost) if lost.isdigit() else 0, int(moved) if moved.isdigit() else 0
    )


def pod_object(
    state: dict[str, Any] | None = None, phase: str = "Running", index: str = "1", status: Any = None, **metadata: Any
) -> dict[str, Any]:
    containers = [] if state is None else [{"name": "sidecar", "state": {}}, {"name": "trainer", "state": state}]
    return {
        "metadata": {
            "name": f"{JOB}-{index}-x",
            "uid": "pod-uid",
            "creationTimestamp": CREATED,
            "ownerReferences": [{"kind": "Job", "uid": "job-uid", "controller": True}],
            **metadata,
        },
        "spec": {"containers": [{"name": "trainer", "resources": {"limits": {"memory": "2Gi"}}}]},
        "status": {"phase": phase, "containerStatuses": containers, **(status or {})},
    }


def terminated(code: int, reason: str = "Completed", message: str = "") -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "startedAt": STARTED,
            "finishedAt": FINISHED,
        }
    }


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": FINISHED}


def run_of(**parts: Any) -> ObservedRun:
    """The run that such a Job is read as."""
    run = observed_run(job_object(**parts))
    assert isinstance(run, ObservedRun), run
    return run
