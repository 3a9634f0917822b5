"""What records are charged with: the time for which pods have held their GPUs, whatever clocks say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from regsweep.core.gputime import charged
from regsweep.core.results.records import Outcome, Record
from regsweep.core.runs import ObservedPod, PodPhase
from unit.core.kubernetes.objects import CREATED, run_of

CREATED_AT = datetime.fromisoformat(CREATED)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("started", "ended", "seen", "seconds"),
    [
        pytest.param(hours(0), hours(1), hours(1), 3600, id="all clocks agree"),
        pytest.param(hours(-8), hours(-7), hours(1), 3600, id="its node's is behind"),
        pytest.param(hours(8), hours(9), hours(1), 3600, id="its node's is ahead"),
        pytest.param(hours(-8), hours(1), hours(1), 3600, id="its node's was set forward meanwhile"),
        pytest.param(hours(8), hours(1), hours(1), 0, id="its node's was set back meanwhile: nobody knows"),
        pytest.param(hours(0), hours(1), None, 3600, id="its end was seen by nobody"),
        pytest.param(hours(0), hours(1), hours(-2), 3600, id="the operator's is behind"),
    ],
)
def test_a_pod_is_charged_for_no_longer_than_it_is_there(
    started: timedelta, ended: timedelta, seen: timedelta | None, seconds: float
) -> None:
    pod = ObservedPod(
        name="pod",
        uid="pod",
        index=0,
        phase=PodPhase.SUCCEEDED,
        created_at=CREATED_AT,
        started_at=CREATED_AT + started,
        ended_at=CREATED_AT + ended,
        end_seen_at=None if seen is None else CREATED_AT + seen,
    )
    run = replace(run_of(), pods=(pod,), replicates=1, replicates_per_pod=1)
    record = Record(run.point_key, run.first_replicate, Outcome.OK, run=run.name)
    (found,) = charged([record], run, {}, 1)
    assert found.gpu_seconds == seconds
