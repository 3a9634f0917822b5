"""How many of `spec.parallelism` a run takes: by its pods, not by what the Job controller has made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = ObservedRun("run", "run-uid", "point", 0, 6, 2, 0, created_at=NOW, parallelism=2)
"""Three indexes, two pods at a time."""
FLYING = ObservedPod("pod", "pod-uid", 0, PodPhase.RUNNING, created_at=NOW)


def ended(index: int, exit_code: int) -> ObservedPod:
    phase = PodPhase.SUCCEEDED if exit_code == 0 else PodPhase.FAILED
    return replace(FLYING, index=index, phase=phase, exit_code=exit_code)


@pytest.mark.parametrize(
    ("fields", "slots", "indexes"),
    [
        pytest.param({}, 2, 3, id="no pod yet: as many as it may start"),
        pytest.param({"parallelism": 5}, 3, 3, id="but not more than it has indexes"),
        pytest.param({"pods": (ended(0, 0),)}, 2, 2, id="one index trained"),
        pytest.param({"pods": (ended(0, 0), ended(1, 65))}, 1, 1, id="one more given up"),
        pytest.param({"pods": (ended(0, 1),)}, 2, 3, id="one in back-off"),
        pytest.param({"pods": (ended(0, 0), ended(0, 0))}, 2, 2, id="one trained twice"),
        pytest.param({"pods": (ended(0, 64), replace(FLYING, index=1))}, 1, 1, id="invalid flags: those in flight"),
        pytest.param({"pods": (ended(0, 64),)}, 0, 0, id="invalid flags, and none in flight"),
        pytest.param({"succeeded_indexes": frozenset({0, 1})}, 1, 1, id="two indexes that the Job controller knows"),
        pytest.param(
            {"succeeded_indexes": frozenset({0}), "failed_indexes": frozenset({1})}, 1, 1, id="one trained, one failed"
        ),
        pytest.param(
            {"succeeded_indexes": frozenset({0}), "pods": (ended(0, 0), ended(2, 0))}, 1, 1, id="known both ways"
        ),
        pytest.param({"suspended": True, "paused": True, "pods": (FLYING,)}, 1, 3, id="suspended: those in flight"),
        pytest.param({"suspended": True, "paused": True}, 0, 3, id="suspended, and none in flight"),
        pytest.param({"suspended": True}, 2, 3, id="suspended by others, who may let it go on at any moment"),
        pytest.param({"paused": True}, 2, 3, id="suspended once, and resumed by somebody"),
        pytest.param({"deleting": True, "pods": (FLYING,)}, 1, 3, id="being deleted: those in flight"),
        pytest.param({"deleting": True, "pods": (replace(FLYING, gone=True),)}, 0, 3, id="and none that is gone"),
        pytest.param({"succeeded": True}, 0, 3, id="complete"),
        pytest.param({"failed_reason": "DeadlineExceeded"}, 0, 3, id="failed"),
        pytest.param(
            {"failed_reason": "DeadlineExceeded", "pods": (FLYING,)}, 1, 3, id="failed, a pod still in flight"
        ),
    ],
)
def test_slots_and_open_indexes(fields: dict[str, Any], slots: int, indexes: int) -> None:
    run = replace(RUN, **fields)
    assert (run.slots, run.open_indexes) == (slots, indexes)


@pytest.mark.parametrize(
    ("fields", "over"),
    [
        pytest.param({}, False, id="indexes are open"),
        pytest.param({"pods": tuple(ended(index, 0) for index in range(3))}, True, id="all are trained"),
        pytest.param({"succeeded": True}, True, id="the Job is complete"),
        pytest.param({"failed_reason": "PodFailurePolicy"}, True, id="the Job has failed"),
    ],
)
def test_a_run_needs_no_pod_any_more(fields: dict[str, Any], over: bool) -> None:
    assert replace(RUN, **fields).needs_no_pod == over
