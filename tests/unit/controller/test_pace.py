"""When records are stored, when a status is written, and when a sweep is looked at again: by values and a clock's number alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from regsweep.adapters.memory import MemoryApi
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition, FinalStatus, SweepStatus
from regsweep.controller.passes.admission import Admission
from regsweep.controller.passes.freed_slots import FreedSlots
from regsweep.controller.passes.memory import SweepMemory
from regsweep.controller.passes.observation import Accepted, Observation, Template
from regsweep.controller.passes.schedule import paced, wake_ups
from regsweep.controller.passes.status_pace import LastStatus, is_idle, seconds_until_status, urgent_of
from regsweep.controller.passes.store_pace import seconds_until_store
from regsweep.controller.writers.record_store import RecordStore
from regsweep.core.judging.analysis import AnalysisRequest
from regsweep.core.limits import Stop
from regsweep.core.plan import Plan
from regsweep.core.refusals import Refusal
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRequest
from regsweep.core.world import Observed
from unit.core.simulation import sweep_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SWEEP = sweep_of({"l2": [0, 0.1]})
FIRST, SECOND = (point.key for point in SWEEP.points)
STOP = Stop(Reason.RUNS_FAIL_ALIKE, "words")
RECORD = Record(FIRST, 0, Outcome.OK, "first")
TRAINING = ObservedRun("second", "uid-2", SECOND, 0, 1, 1, 0, created_at=NOW)
ENDED = replace(TRAINING, name="first", uid="uid-1", point_key=FIRST)
POD = ObservedPod("first-0", "pod-uid", 0, PodPhase.SUCCEEDED, created_at=NOW)
REQUEST = RunRequest("third", SWEEP.points[0], 0, 1, 1, 0, 0)
ANALYSE = AnalysisRequest(SWEEP, [], None, "digest")
FREEZE = FinalStatus(rests_on="digest", picks=[], replicates=3)


def observation(
    observed: Observed | None = None, *, prior: SweepStatus | None = None, missing: str | None = None
) -> Observation:
    return Observation(
        object={"metadata": {"uid": "uid"}},
        prior=prior or SweepStatus(),
        claimed=True,
        accepted=Accepted(SWEEP, ()),
        template=Template(None, missing, None, 4096, "fingerprint"),
        observed=observed or Observed(Records(), runs=(TRAINING,)),
        now=NOW,
    )


@pytest.mark.parametrize(
    ("observed", "planned", "wait"),
    [
        pytest.param(
            Observed(Records(), runs=(ENDED, TRAINING)),
            Plan(store=(RECORD,)),
            7.0,
            id="while others train, more may come",
        ),
        pytest.param(Observed(Records(), runs=(ENDED,)), Plan(store=(RECORD,)), 0.0, id="the last one"),
        pytest.param(
            Observed(Records(), runs=(ENDED, replace(TRAINING, suspended=True))),
            Plan(store=(RECORD,)),
            0.0,
            id="while all others are suspended",
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED, replace(TRAINING, deleting=True))),
            Plan(store=(RECORD,)),
            0.0,
            id="while all others are being deleted",
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED,)),
            Plan(store=(RECORD,), create=(REQUEST,)),
            7.0,
            id="while others are made",
        ),
        pytest.param(
            Observed(Records(), runs=(replace(ENDED, deleting=True), TRAINING)),
            Plan(store=(RECORD,)),
            0.0,
            id="whose Job is being deleted",
        ),
        pytest.param(
            Observed(Records(), runs=(replace(ENDED, pods=(replace(POD, gone=True),)), TRAINING)),
            Plan(store=(RECORD,)),
            0.0,
            id="whose pod is gone",
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED, replace(TRAINING, pods=(replace(POD, gone=True),)))),
            Plan(store=(RECORD,)),
            7.0,
            id="another's pod is gone",
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED, TRAINING)), Plan(store=(RECORD,), stop=STOP), 0.0, id="that stop the sweep"
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED, TRAINING)), Plan(store=(RECORD,) * 255), 7.0, id="as many as leave room"
        ),
        pytest.param(
            Observed(Records(), runs=(ENDED, TRAINING)), Plan(store=(RECORD,) * 256), 0.0, id="as many as fill a write"
        ),
    ],
)
def test_records_wait_for_more_of_their_kind_unless(observed: Observed, planned: Plan, wait: float) -> None:
    assert seconds_until_store(observed, planned, 3, 10) == wait


def test_records_are_due_once_they_have_waited_for_the_interval() -> None:
    observed = Observed(Records(), runs=(ENDED, TRAINING))
    assert seconds_until_store(observed, Plan(store=(RECORD,)), 10, 10) == 0
    assert seconds_until_store(observed, Plan(store=(RECORD,)), 999, 10) == 0


def over(type_: ConditionType) -> SweepStatus:
    """A status that says that the sweep is over."""
    stamp = "2026-11-23T12:00:00Z"
    condition = Condition(
        type=type_, status=ConditionStatus.TRUE, reason="Reason", message="words", last_transition_time=stamp
    )
    return SweepStatus(conditions=[condition])


IDLE = Observed(Records([RECORD, replace(RECORD, point_key=SECOND)]), runs=(ENDED, TRAINING))


@pytest.mark.parametrize(
    ("seen", "planned", "wait"),
    [
        pytest.param(observation(), Plan(), 2.0, id="at its interval"),
        pytest.param(observation(), Plan(stop=STOP), 0.0, id="a stop is said at once"),
        pytest.param(
            observation(Observed(Records(), refusal=Refusal(Reason.QUOTA_EXCEEDED, "quota"))),
            Plan(),
            0.0,
            id="so is a refusal",
        ),
        pytest.param(
            observation(Observed(Records(), template_missing="gold")), Plan(), 0.0, id="and a template that is missing"
        ),
        pytest.param(observation(), Plan(freeze=FREEZE), 0.0, id="picks are written before anything rests on them"),
        pytest.param(observation(), Plan(analyse=ANALYSE), None, id="an analysis calls when it is made"),
        pytest.param(observation(IDLE), Plan(), 0.0, id="the end is said at once"),
        pytest.param(
            observation(IDLE, prior=over(ConditionType.COMPLETE)), Plan(), 2.0, id="but once, of a complete sweep"
        ),
        pytest.param(observation(IDLE, prior=over(ConditionType.FAILED)), Plan(), 2.0, id="and once of a failed one"),
        pytest.param(observation(IDLE), Plan(create=(REQUEST,)), 2.0, id="it is no end where more is made"),
        pytest.param(observation(IDLE), Plan(awaiting=("first",)), 2.0, id="nor where Prometheus is waited for"),
        pytest.param(observation(IDLE), Plan(store=(RECORD,)), 2.0, id="nor where records are to be stored"),
    ],
)
def test_a_status_is_written(seen: Observation, planned: Plan, wait: float | None) -> None:
    last = LastStatus(100.0, urgent_of(observation(), Plan()))
    assert seconds_until_status(seen, planned, last, 103.0, 5.0) == wait


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(None, id="the first of a term"),
        pytest.param(LastStatus(100.0, None), id="one after a refused spec"),
        pytest.param(
            LastStatus(
                100.0, urgent_of(replace(observation(), accepted=Accepted(replace(SWEEP, generation=9), ())), Plan())
            ),
            id="one after an edit",
        ),
        pytest.param(
            LastStatus(
                100.0, urgent_of(replace(observation(), accepted=Accepted(replace(SWEEP, retry=9), ())), Plan())
            ),
            id="one after a retry was asked for",
        ),
    ],
)
def test_a_status_that_people_wait_for_is_written_at_once_even_beside_an_analysis(last: LastStatus | None) -> None:
    assert seconds_until_status(observation(), Plan(analyse=ANALYSE), last, 100.0, 5.0) == 0


def test_a_status_whose_interval_has_passed_is_due() -> None:
    last = LastStatus(100.0, urgent_of(observation(), Plan()))
    assert seconds_until_status(observation(), Plan(), last, 105.0, 5.0) == 0
    assert seconds_until_status(observation(), Plan(), last, 999.0, 5.0) == 0


@pytest.mark.parametrize(
    ("observed", "idle"),
    [
        pytest.param(Observed(Records()), True, id="without runs"),
        pytest.param(Observed(Records(), runs=(TRAINING,)), False, id="while one trains"),
        pytest.param(Observed(Records(), runs=(replace(TRAINING, deleting=True),)), True, id="while one is deleted"),
        pytest.param(IDLE, True, id="with all stored"),
    ],
)
def test_a_sweep_is_idle(observed: Observed, idle: bool) -> None:
    assert is_idle(observed) == idle


STORE = RecordStore(MemoryApi(), "lab", "uid")
QUOTA = Refusal(Reason.QUOTA_EXCEEDED, "quota")
REFUSED = Admission("fingerprint", QUOTA, retry_at=60.0)


@pytest.mark.parametrize(
    ("planned", "admission", "missing", "seconds"),
    [
        pytest.param(Plan(), None, None, [], id="never, where time makes no difference"),
        pytest.param(Plan(wake_at=NOW + timedelta(seconds=9)), None, None, [9.0], id="when the plan says so"),
        pytest.param(Plan(wake_at=NOW), None, None, [0.05], id="but not in a tight loop"),
        pytest.param(Plan(), None, "gold", [4.0], id="for a template that is missing"),
        pytest.param(Plan(), REFUSED, None, [10.0], id="to try again what was refused"),
        pytest.param(Plan(), replace(REFUSED, retry_at=50.0), None, [], id="not for a refusal just tried again"),
        pytest.param(Plan(), Admission("fingerprint"), None, [], id="not for what was taken"),
    ],
)
def test_a_sweep_is_looked_at_again(
    planned: Plan, admission: Admission | None, missing: str | None, seconds: list[float]
) -> None:
    assert (
        list(wake_ups(observation(missing=missing), planned, SweepMemory(STORE, admission=admission), 50.0)) == seconds
    )


@pytest.mark.parametrize(
    ("fingerprint", "now", "refusal"),
    [
        pytest.param("fingerprint", 59.0, QUOTA, id="until its time has come"),
        pytest.param("fingerprint", 60.0, None, id="and no longer"),
        pytest.param("another", 0.0, None, id="nor of another template"),
    ],
)
def test_a_refusal_stands(fingerprint: str, now: float, refusal: Refusal | None) -> None:
    assert REFUSED.refusal_of(fingerprint, now) == refusal


@pytest.mark.parametrize(
    ("admission", "fingerprint", "admits"),
    [
        pytest.param(Admission("fingerprint"), "fingerprint", True, id="the template that was taken"),
        pytest.param(Admission("fingerprint"), "another", False, id="no other one"),
        pytest.param(REFUSED, "fingerprint", False, id="none that was refused"),
    ],
)
def test_what_needs_no_trying_out(admission: Admission, fingerprint: str, admits: bool) -> None:
    assert admission.admits(fingerprint) == admits


@pytest.mark.parametrize(
    ("jobs", "waited"),
    [
        pytest.param(2, [5.0, 2.0], id="one for each Job, the first freed first"),
        pytest.param(1, [5.0], id="no more than Jobs"),
        pytest.param(9, [5.0, 2.0], id="no more than slots"),
        pytest.param(0, [], id="none where nothing is made"),
    ],
)
def test_how_long_slots_were_empty(jobs: int, waited: list[float]) -> None:
    slots = FreedSlots()
    slots.free(10.0)
    slots.free(13.0)
    assert slots.fill(jobs, 15.0) == waited
    assert slots.fill(9, 99.0) == [], "a slot that no Job takes is not one that waits"


@pytest.mark.parametrize(
    ("took", "interval"),
    [
        pytest.param(0.0, 5.0, id="nothing was written yet"),
        pytest.param(0.05, 5.0, id="an API server that answers at once"),
        pytest.param(0.2, 10.0, id="one that is slow"),
        pytest.param(0.9, 30.0, id="and never less than every half a minute"),
        pytest.param(9.0, 30.0, id="however slow"),
    ],
)
def test_what_is_written_now_and_then_is_written_less_often_where_slots_would_wait_for_it(
    took: float, interval: float
) -> None:
    assert paced(5.0, took) == interval


def test_an_interval_that_somebody_has_set_is_kept() -> None:
    assert paced(60.0, 9.0) == 60.0
