"""Each condition's status, reason and words, in the states of a sweep that take long to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.analysis import Analysis, PickRole, RaceReason, RaceStatus
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition, FinalPick, FinalStatus, RunCounts
from regsweep.core.conditions import ConditionUpdate, condition_updates, conditions
from regsweep.core.judging.analysis import AnalysisResult
from regsweep.core.limits import Stop
from regsweep.core.plan import Plan
from regsweep.core.progress import Stage, progress_of
from regsweep.core.results.records import Environment, Outcome, Record, Records, Source
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, Workloads
from regsweep.core.world import Observed

from .simulation import START, sweep_of

STOP = Stop(Reason.ALL_RUNS_FAILED, "All 4 runs failed.")
PICKS = FinalStatus(rests_on="x", picks=[FinalPick(roles=[PickRole.BEST], flags={"l2": 0})] * 2, replicates=5, ended=3)
RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=START)
POD = ObservedPod("pod", "pod-uid", 0, PodPhase.PENDING, created_at=START)


def updates_of(
    *,
    stage: Stage = Stage.TRAINING,
    counts: dict[str, int] | None = None,
    stop: Stop | None = None,
    final: FinalStatus | None = None,
    race: RaceStatus | None = None,
    runs: Sequence[ObservedRun] = (),
    records: Sequence[Record] = (),
    workloads: Workloads | None = None,
    scrapes: Scrapes | None = None,
    **spec: Any,
) -> dict[ConditionType, ConditionUpdate]:
    sweep = sweep_of({"l2": [0, 1, 2, 3]}, **spec)
    observed = Observed(records=Records(records), runs=tuple(runs), workloads=workloads, scrapes=scrapes or Scrapes())
    progress = replace(progress_of(sweep, observed.records, None, None), stage=stage)
    progress = replace(progress, analysis_result=AnalysisResult(Analysis(race=race)) if race is not None else None)
    numbers, planned = RunCounts(**{"total": 4, **(counts or {})}), Plan(stop=stop)
    return {u.type: u for u in condition_updates(sweep, observed, progress, numbers, planned, final, (), (), START)}


def waiting(reason: str, words: str = "") -> ObservedRun:
    return replace(RUN, pods=(replace(POD, waiting_reason=reason, waiting_message=words),))


NOBODY_WAITS = [
    replace(RUN, pods=(replace(POD, waiting_reason="ImagePullBackOff", **fields),))
    for fields in ({"phase": PodPhase.FAILED}, {"gone": True})
]
QUEUED = replace(RUN, queue_managed=True, suspended=True)
TRAINING = {"running": 1, "pending": 3}


@pytest.mark.parametrize(
    ("state", "status", "reason", "message"),
    [
        pytest.param({"counts": TRAINING}, True, Reason.RUNS_TRAINING, "1 running, 3 pending.", id="it trains"),
        pytest.param(
            {"counts": {"pending": 4}, "runs": [replace(QUEUED, suspended=False)]},
            True,
            Reason.RUNS_STARTING,
            "0 running, 4 pending.",
            id="an admitted run starts",
        ),
        pytest.param(
            {"counts": TRAINING, "parallelism": 0},
            True,
            Reason.DRAINING,
            "spec.parallelism is 0, so no new run is started. 1 running, 3 pending.",
            id="it drains",
        ),
        pytest.param(
            {"counts": {"pending": 4}, "parallelism": 0},
            False,
            Reason.DRAINING,
            "spec.parallelism is 0, so no new run is started. 0 running, 4 pending.",
            id="it has drained",
        ),
        pytest.param(
            {"counts": TRAINING, "suspend": True},
            False,
            Reason.SUSPENDED_BY_SPEC,
            "The sweep is suspended. Set spec.suspend to false to continue.",
            id="it is suspended",
        ),
        pytest.param(
            {"stage": Stage.ANALYSING},
            True,
            Reason.ANALYSING,
            "All runs have ended; their records are being analysed.",
            id="it is analysed",
        ),
        pytest.param(
            {"stage": Stage.FREEZING},
            True,
            Reason.FINAL_EVALUATION,
            "The final evaluation trains the picks with new seeds: the picks are being recorded.",
            id="the picks are not yet written down",
        ),
        pytest.param(
            {"stage": Stage.EVALUATING, "final": PICKS},
            True,
            Reason.FINAL_EVALUATION,
            "The final evaluation trains the picks with new seeds: 3 of 10 trainings have ended.",
            id="the picks are trained",
        ),
        pytest.param({"stage": Stage.DECIDED}, False, Reason.FINISHED, "No run is left to train.", id="it is over"),
        pytest.param({"stop": STOP}, False, Reason.FINISHED, "No run is left to train.", id="it was stopped"),
        pytest.param(
            {"stop": STOP, "counts": TRAINING},
            True,
            Reason.RUNS_TRAINING,
            "1 running, 3 pending.",
            id="it was stopped, and a run is still training",
        ),
        pytest.param(
            {"counts": TRAINING, "runs": [waiting("Unschedulable", "no GPU. "), waiting("Unschedulable", "no node")]},
            True,
            Reason.UNSCHEDULABLE,
            "2 runs wait for a node. The scheduler says: no GPU. Lower spec.parallelism, or wait.",
            id="two of three wait for a node",
        ),
        pytest.param(
            {"runs": [waiting("Unschedulable", "no GPU")]},
            False,
            Reason.UNSCHEDULABLE,
            "1 run waits for a node. The scheduler says: no GPU. Lower spec.parallelism, or wait.",
            id="one waits for a node",
        ),
        pytest.param(
            {"runs": [waiting("Unschedulable", "no GPU"), waiting("ErrImagePull")]},
            False,
            Reason.IMAGE_UNAVAILABLE,
            "1 run cannot start: ErrImagePull. Check the image's name and its pull secret. A run fails after five minutes of this.",
            id="what waiting does not mend goes before what it may, a kubelet without words",
        ),
        pytest.param(
            {"runs": [waiting("Unschedulable")]},
            False,
            Reason.UNSCHEDULABLE,
            "1 run waits for a node. The scheduler says: nothing. Lower spec.parallelism, or wait.",
            id="a scheduler without words",
        ),
        pytest.param(
            {"counts": TRAINING, "runs": NOBODY_WAITS},
            True,
            Reason.RUNS_TRAINING,
            "1 running, 3 pending.",
            id="a pod that has ended or is gone waits for nothing",
        ),
    ],
)
def test_progressing_says_what_the_sweep_does_or_waits_for(
    state: dict[str, Any], status: bool, reason: Reason, message: str
) -> None:
    update = updates_of(**state)[ConditionType.PROGRESSING]
    assert (update.status, update.reason, update.message) == (status, reason, message)


def race(reason: RaceReason) -> RaceStatus:
    return RaceStatus(reason=reason, racing=3, dropped=1, replicates=6, trained=17, full_grid=40)


@pytest.mark.parametrize(
    ("state", "status", "reason", "message"),
    [
        pytest.param(
            {"counts": {"succeeded": 2, "failed": 1}},
            False,
            Reason.RUNS_REMAIN,
            "3 of 4 runs have ended.",
            id="runs remain",
        ),
        pytest.param(
            {"race": race(RaceReason.RACING)},
            False,
            Reason.RACING,
            "3 of 4 combinations are still in the race. The next look is at 6 replicates.",
            id="a race goes on",
        ),
        pytest.param(
            {"race": race(RaceReason.WON), "counts": {"succeeded": 2}},
            False,
            Reason.RUNS_REMAIN,
            "2 of 4 runs have ended.",
            id="a race is won, and the sweep has grown since",
        ),
        pytest.param(
            {"stage": Stage.EVALUATING, "final": PICKS},
            False,
            Reason.FINAL_EVALUATION,
            "Final evaluation: 3 of 10 trainings have ended.",
            id="the picks are trained",
        ),
        pytest.param(
            {"stop": STOP, "counts": {"succeeded": 1, "failed": 2}},
            False,
            Reason.ALL_RUNS_FAILED,
            "3 of 4 runs ended before the sweep was stopped.",
            id="it was stopped",
        ),
        pytest.param(
            {"stage": Stage.DECIDED, "counts": {"succeeded": 4}},
            True,
            Reason.ALL_RUNS_ENDED,
            "4 runs succeeded.",
            id="all is well",
        ),
        pytest.param(
            {"stage": Stage.DECIDED, "counts": {"succeeded": 3, "failed": 1, "diverged": 2}},
            True,
            Reason.ALL_RUNS_ENDED,
            "3 runs succeeded (2 with diverged replicates); 1 failed, within spec.maxFailedRuns: see status.failures.",
            id="some diverged, one failed",
        ),
        pytest.param(
            {"stage": Stage.DECIDED, "counts": {"succeeded": 4}, "final": PICKS.model_copy(update={"picks": []})},
            True,
            Reason.ALL_RUNS_ENDED,
            "4 runs succeeded; no combination can be called best, so there was no final evaluation.",
            id="nothing to evaluate",
        ),
        pytest.param(
            {
                "stage": Stage.DECIDED,
                "counts": {"succeeded": 4},
                "final": PICKS.model_copy(update={"failed": 1, "stale": True}),
            },
            True,
            Reason.ALL_RUNS_ENDED,
            "4 runs succeeded; 1 training of the final evaluation failed: see status.failures; the final evaluation is of the "
            "sweep before it was changed.",
            id="the final evaluation failed in part, and is of an earlier grid",
        ),
    ],
)
def test_complete_says_what_remains_or_how_all_ended(
    state: dict[str, Any], status: bool, reason: Reason, message: str
) -> None:
    updates = updates_of(**state)
    complete, failed = updates[ConditionType.COMPLETE], updates[ConditionType.FAILED]
    assert (complete.status, complete.reason, complete.message) == (status, reason, message)
    assert failed.status is ("stop" in state), "a sweep never is both Complete and Failed"


def records_of(sources: Sequence[Source], **environment: Any) -> list[Record]:
    keys = [*(point.key for point in sweep_of({"l2": [0, 1, 2, 3]}).points), "left the grid"]
    return [
        Record(key, 0, Outcome.OK, "run", source=source, environment=Environment(**environment))
        for key, source in zip(keys, sources, strict=False)
    ]


ANSWERED = Scrapes(MetricsState.ANSWERED)


@pytest.mark.parametrize(
    ("state", "status", "reason", "words"),
    [
        pytest.param(
            {"scrapes": ANSWERED, "records": records_of([Source.RECORD] * 5)},
            False,
            Reason.NOT_SCRAPED,
            "has no samples of the last five runs",
            id="five runs in a row that nobody scraped",
        ),
        pytest.param(
            {
                "scrapes": ANSWERED,
                "records": [replace(r, outcome=Outcome.FAILED) for r in records_of([Source.RECORD] * 5)],
            },
            None,
            Reason.NOTHING_TO_SCRAPE_YET,
            "No trainer has been scraped yet.",
            id="runs that failed had nothing to scrape",
        ),
        pytest.param(
            {"scrapes": ANSWERED, "records": records_of([Source.RECORD] * 4)},
            None,
            Reason.NOTHING_TO_SCRAPE_YET,
            "No trainer has been scraped yet.",
            id="four prove nothing",
        ),
        pytest.param(
            {"scrapes": ANSWERED, "records": records_of([Source.PROMETHEUS, *[Source.RECORD] * 4])},
            True,
            Reason.SCRAPED,
            "Prometheus answers",
            id="an earlier run was scraped",
        ),
        pytest.param(
            {"scrapes": Scrapes(MetricsState.FAILED, error="It answered 503", failing_since=START)},
            False,
            Reason.QUERY_FAILED,
            "It answered 503. Queries fail since 2026-11-23T10:00:00Z. Runs continue;",
            id="Prometheus fails, and since when",
        ),
        pytest.param(
            {"scrapes": Scrapes(MetricsState.FAILED, error="It answered 503")},
            False,
            Reason.QUERY_FAILED,
            "It answered 503. Runs continue;",
            id="Prometheus fails, nobody knows since when",
        ),
    ],
)
def test_metrics_available_says_whether_trainers_are_scraped(
    state: dict[str, Any], status: bool | None, reason: Reason, words: str
) -> None:
    update = updates_of(**state)[ConditionType.METRICS_AVAILABLE]
    assert (update.status, update.reason) == (status, reason)
    assert words in update.message


@pytest.mark.parametrize(
    ("records", "words"),
    [
        pytest.param([], "", id="no result yet"),
        pytest.param(records_of([Source.RECORD]), "reports no digest of its data", id="a trainer that names no data"),
        pytest.param(records_of([Source.RECORD], data_digest="1f0c"), "", id="a trainer that names its data"),
    ],
)
def test_replicates_paired_says_where_changed_data_would_not_be_noticed(records: list[Record], words: str) -> None:
    update = updates_of(records=records)[ConditionType.REPLICATES_PAIRED]
    assert (update.status, update.reason) == (True, Reason.ALL_ALIKE)
    assert words in update.message
    assert bool(update.message) is bool(words)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"replicates": 1}, "4 runs, 4 trainings.", id="one replicate"),
        pytest.param({"replicates": 5}, "4 runs, 20 trainings.", id="five replicates"),
        pytest.param({"racing": {"maxReplicates": 8}}, "4 runs, at most 32 trainings.", id="a race may end earlier"),
    ],
)
def test_accepted_says_how_much_is_to_be_trained(spec: dict[str, Any], message: str) -> None:
    update = updates_of(**spec)[ConditionType.ACCEPTED]
    assert (update.status, update.message.partition(" Warning")[0]) == (True, message)


def test_what_is_not_known_keeps_the_earlier_condition_and_is_unknown_without_one() -> None:
    update = ConditionUpdate(ConditionType.METRICS_AVAILABLE, None, Reason.NOTHING_TO_SCRAPE_YET, "Nothing yet.")
    (unknown,) = conditions([update], [], 1, START)
    assert (unknown.status, unknown.last_transition_time) == (ConditionStatus.UNKNOWN, "2026-11-23T10:00:00Z")
    earlier = Condition(
        type=ConditionType.METRICS_AVAILABLE,
        status=ConditionStatus.TRUE,
        reason="Scraped",
        message="It was.",
        last_transition_time="2026-11-23T09:00:00Z",
        observed_generation=1,
    )
    assert conditions([update], [earlier], 2, START + timedelta(hours=1)) == [earlier]
