"""Jobs and pods as the API server has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from regsweep.core.kubernetes.observe import observed_run
from regsweep.core.runs import ObservedRun

CREATED, STARTED, FINISHED = "2026-11-23T12:00:00Z", "2026-11-23T12:00:05Z", "2026-11-23T12:01:00Z"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def job_object(**parts: Any) -> dict[str, Any]:
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


def pod_object(
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
    assert run is not None
    return run
