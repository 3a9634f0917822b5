"""What the conditions say while others have stopped runs, and while a sweep is to be suspended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regsweep.api.conditions import ConditionType, Reason
from regsweep.core.runs import ObservedRun, Workload
from unit.core.test_conditions import QUEUED, RUN, TRAINING, updates_of

WAITING = Workload("job-run", "workload-uid", "7", "training", words="insufficient unused quota")


@pytest.mark.parametrize(
    ("state", "status", "reason", "message"),
    [
        pytest.param(
            {"counts": {"pending": 4}, "runs": [QUEUED]},
            False,
            Reason.QUEUED,
            "1 run waits for a queue to admit it. `kubectl get workloads` says what for; with the chart's value kueue.enabled it "
            "stands here. 0 running, 4 pending.",
            id="a queue has admitted nothing",
        ),
        pytest.param(
            {"counts": {"pending": 4}, "runs": [replace(QUEUED, queue_managed=False)], "workloads": {}},
            False,
            Reason.JOBS_SUSPENDED,
            "1 run is held back: somebody has suspended Job run; the operator has not. It keeps its slot of spec.parallelism until "
            'somebody resumes the Job: `kubectl patch job run --type merge -p \'{"spec":{"suspend":false}}\'`. 0 running, 4 pending.',
            id="a person has suspended a Job",
        ),
        pytest.param(
            {"counts": {"pending": 4}, "runs": [replace(QUEUED, queue_managed=False, paused=True)]},
            True,
            Reason.RUNS_STARTING,
            "0 running, 4 pending.",
            id="a run that we have suspended is ours to resume",
        ),
        pytest.param(
            {"counts": TRAINING, "runs": [QUEUED, RUN], "workloads": {"run-uid": WAITING}},
            True,
            Reason.RUNS_TRAINING,
            "1 running, 3 pending. 1 run waits for a queue to admit it (training). Kueue says: insufficient unused quota.",
            id="a queue has admitted one of two",
        ),
    ],
)
def test_progressing_says_what_runs_wait_for(state: dict[str, Any], status: bool, reason: Reason, message: str) -> None:
    update = updates_of(**state)[ConditionType.PROGRESSING]
    assert (update.status, update.reason, update.message) == (status, reason, message)


@pytest.mark.parametrize(
    ("spec", "runs", "status", "message"),
    [
        pytest.param({}, [replace(RUN, suspended=True)], False, "", id="not asked for, whatever a queue has suspended"),
        pytest.param(
            {"suspend": True},
            [replace(RUN, suspended=True), replace(RUN, succeeded=True)],
            True,
            "1 run suspended. Suspended runs resume from their last checkpoint; without checkpoints they start again.",
            id="one of two runs is suspended, the other has ended",
        ),
        pytest.param(
            {"suspend": True},
            [replace(RUN, suspended=True), RUN],
            False,
            "1 run is still being trained.",
            id="one of two runs is suspended",
        ),
    ],
)
def test_suspended_counts_the_suspended_runs(
    spec: dict[str, Any], runs: list[ObservedRun], status: bool, message: str
) -> None:
    update = updates_of(runs=runs, **spec)[ConditionType.SUSPENDED]
    assert (update.status, update.message) == (status, message)
