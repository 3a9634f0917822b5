"""Kueue's Workloads read from the API server's JSON: whose they are, and what Kueue says."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.core.kubernetes.workloads import MAX_WORDS, observed_workloads
from regsweep.core.runs import Workload

WAITS = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor gpu, 1 more needed"
)
PREEMPTED = "Preempted to accommodate a workload (UID: a, JobUID: b) due to prioritization in the ClusterQueue"
DEACTIVATED = "The workload is deactivated"
PLAIN = Workload("job-run-1", "workload-uid", "7", "training")


def condition(type_: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def workload(*conditions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "run-1", "uid": "job-uid", "controller": True}
    return {
        "metadata": {
            "name": "job-run-1",
            "uid": "workload-uid",
            "resourceVersion": "7",
            "creationTimestamp": "2026-11-25T12:00:00Z",
            "ownerReferences": [owner],
            **parts.get("metadata", {}),
        },
        "spec": {"queueName": "training", "active": True, **parts.get("spec", {})},
        "status": {"conditions": list(conditions)},
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(workload(), {}, id="not looked at yet"),
        pytest.param(workload(spec={"queueName": ""}), {"queue": ""}, id="without a queue"),
        pytest.param(
            workload(condition("QuotaReserved", "False", "Pending", WAITS)), {"words": WAITS}, id="waits for quota"
        ),
        pytest.param(
            workload(condition("QuotaReserved", "False", "Inadmissible", "LocalQueue training doesn't exist")),
            {"words": "LocalQueue training doesn't exist"},
            id="its queue is not there",
        ),
        pytest.param(
            workload(condition("QuotaReserved"), condition("Admitted", message="Admitted by x")), {}, id="admitted"
        ),
        pytest.param(
            workload(
                condition("Evicted", reason="Preempted", message="Preempted"),
                condition("Preempted", reason="InClusterQueue", message=PREEMPTED),
                condition("QuotaReserved", "False", "Pending", WAITS),
            ),
            {"evicted": "Preempted", "words": f"{PREEMPTED}; {WAITS}"},
            id="preempted, and waits for quota again",
        ),
        pytest.param(
            workload(
                condition("Evicted", reason="ClusterQueueStopped", message="The ClusterQueue is stopped"),
                condition("QuotaReserved", "False", "Pending", "The ClusterQueue is stopped"),
            ),
            {"evicted": "ClusterQueueStopped", "words": "The ClusterQueue is stopped"},
            id="its queue was stopped: said once",
        ),
        pytest.param(
            workload(condition("Evicted", "False"), condition("Admitted")), {}, id="evicted once, and admitted again"
        ),
        pytest.param(workload(spec={"active": False}), {"active": False}, id="deactivated by a person"),
        pytest.param(
            workload(
                condition("Evicted", reason="Deactivated", message=DEACTIVATED),
                condition("QuotaReserved", "False", "Pending", DEACTIVATED),
                spec={"active": False},
            ),
            {"active": False, "evicted": "Deactivated", "words": DEACTIVATED},
            id="deactivated, and Kueue has stopped it",
        ),
        pytest.param(
            workload(
                condition("Evicted", reason="Deactivated", message=DEACTIVATED),
                condition("QuotaReserved", "False", "Pending", DEACTIVATED),
            ),
            {},
            id="activated again: it waits as before, whatever its conditions still say",
        ),
        pytest.param(
            workload(spec={"active": False}, metadata={"annotations": {"regsweep.dev/suspended": "true"}}),
            {"active": False, "paused": True},
            id="deactivated by us",
        ),
        pytest.param(
            workload(
                condition("Admitted"), condition("Finished", reason="FailedToStart", message="invalid\n podset info")
            ),
            {"given_up": True, "words": "invalid podset info"},
            id="given up",
        ),
        pytest.param(
            workload(condition("QuotaReserved", "False", "Pending", "x" * 5000)),
            {"words": "x" * (MAX_WORDS - 3) + "..."},
            id="words without end are cut",
        ),
    ],
)
def test_what_kueue_says_of_a_job(found: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(PLAIN, name) for name in PLAIN.__slots__}
    assert observed_workloads([found]) == {"job-uid": Workload(**{**fields, **expected})}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(workload(metadata={"ownerReferences": []}), id="nobody's"),
        pytest.param(workload(metadata={"deletionTimestamp": "2026-11-25T12:00:00Z"}), id="one on its way out"),
    ],
)
def test_no_jobs_workload(other: dict[str, Any]) -> None:
    assert observed_workloads([other]) == {}


def test_of_two_workloads_of_a_job_the_later_one_counts() -> None:
    later = workload(metadata={"name": "later", "creationTimestamp": "2026-11-25T13:00:00Z"})
    assert observed_workloads([later, workload()])["job-uid"].name == "later"
    finished = {**later, "status": {"conditions": [condition("Finished")]}}
    assert observed_workloads([finished, workload()])["job-uid"].name == "job-run-1", "or the one that is not finished"
