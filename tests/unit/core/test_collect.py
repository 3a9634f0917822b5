"""How a replicate is settled, rule by rule: open, taken, awaited or lost; and what a whole run comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.collect import (
    Awaiting,
    Collected,
    IndexEnd,
    Lost,
    ObservedIndex,
    Open,
    Settlement,
    Taken,
    collect,
    is_recorded,
    is_stuck,
    settle,
)
from regsweep.core.results.records import Outcome, Record, Records, Source
from regsweep.core.results.scrapes import MetricsState, Sample, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from support.training import message_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMEOUT = timedelta(seconds=30)
JUST_NOW = NOW - timedelta(seconds=29)
LONG_AGO = NOW - timedelta(seconds=30)
RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=NOW - timedelta(hours=1))
POD = ObservedPod("pod", "pod-uid", 0, PodPhase.RUNNING, created_at=NOW - timedelta(hours=1))
RECORD = Record("point", 0, Outcome.OK, "run", epochs=3, metrics={"val_average_loss": 0.5})
SAMPLE = Sample(True, 3, 3, {"val_average_loss": 0.5})
WITHOUT_PROMETHEUS = Scrapes()
NOT_YET_SCRAPED = Scrapes(MetricsState.ANSWERED)
SCRAPED = Scrapes(MetricsState.ANSWERED, {("pod", 0): SAMPLE})
HALF_SCRAPED = Scrapes(MetricsState.ANSWERED, {("pod", 0): replace(SAMPLE, complete=False)})


def ended(at: datetime, **fields: Any) -> ObservedPod:
    """A pod that succeeded."""
    return replace(POD, phase=PodPhase.SUCCEEDED, exit_code=0, ended_at=at, **fields)


def failed(reason: Reason) -> Record:
    return Record("point", 0, Outcome.FAILED, "run", reason=reason, message="words")


def with_record(at: datetime, end: IndexEnd | None = None) -> ObservedIndex:
    """An index whose pod ended at that time and left a record."""
    pod = ended(at)
    return ObservedIndex(RUN, (pod,), {0: (pod, RECORD)}, end)


def without_record(end: IndexEnd | None, *pods: ObservedPod, attempt: int = 0, lost: int = 0) -> ObservedIndex:
    return ObservedIndex(replace(RUN, attempt=attempt, lost=lost), pods, {}, end)


@pytest.mark.parametrize(
    ("index", "scrapes", "settlement"),
    [
        pytest.param(without_record(None, POD), SCRAPED, Open(), id="another pod may come, whatever was scraped"),
        pytest.param(
            with_record(JUST_NOW), SCRAPED, Taken(replace(RECORD, source=Source.PROMETHEUS)), id="both sources agree"
        ),
        pytest.param(
            with_record(JUST_NOW), NOT_YET_SCRAPED, Awaiting(JUST_NOW + TIMEOUT), id="Prometheus may still have it"
        ),
        pytest.param(
            with_record(JUST_NOW), HALF_SCRAPED, Awaiting(JUST_NOW + TIMEOUT), id="a sample of a running trainer"
        ),
        pytest.param(with_record(LONG_AGO), NOT_YET_SCRAPED, Taken(RECORD), id="waited long enough"),
        pytest.param(with_record(JUST_NOW), WITHOUT_PROMETHEUS, Taken(RECORD), id="there is no Prometheus"),
        pytest.param(
            with_record(LONG_AGO, IndexEnd(NOW, None)),
            NOT_YET_SCRAPED,
            Taken(RECORD),
            id="the pod's own end counts where it left the record",
        ),
        pytest.param(
            without_record(IndexEnd(JUST_NOW, None), ended(LONG_AGO)),
            NOT_YET_SCRAPED,
            Awaiting(JUST_NOW + TIMEOUT),
            id="the index's end counts where no pod left one",
        ),
        pytest.param(
            without_record(IndexEnd(JUST_NOW, (Reason.INVALID_FLAGS, "words"))),
            NOT_YET_SCRAPED,
            Taken(failed(Reason.INVALID_FLAGS)),
            id="flags that no trainer takes are not waited for",
        ),
        pytest.param(
            without_record(IndexEnd(JUST_NOW, (Reason.OUT_OF_MEMORY, "words"))),
            NOT_YET_SCRAPED,
            Awaiting(JUST_NOW + TIMEOUT),
            id="what failed later may have been scraped before",
        ),
        pytest.param(
            without_record(IndexEnd(LONG_AGO, (Reason.OUT_OF_MEMORY, "words"))),
            NOT_YET_SCRAPED,
            Taken(failed(Reason.OUT_OF_MEMORY)),
            id="and failed when it was not",
        ),
        pytest.param(without_record(IndexEnd(LONG_AGO, None)), NOT_YET_SCRAPED, Lost(), id="its pod is gone"),
        pytest.param(
            without_record(IndexEnd(LONG_AGO, None), attempt=1),
            NOT_YET_SCRAPED,
            Lost(),
            id="its pod is gone, of a person's retry",
        ),
        pytest.param(
            without_record(IndexEnd(LONG_AGO, None), replace(POD, phase=PodPhase.FAILED, exit_code=1)),
            NOT_YET_SCRAPED,
            Lost(),
            id="the pod that succeeded is gone, one that failed before is not",
        ),
        pytest.param(
            ObservedIndex(RUN, (POD,), {0: (POD, RECORD)}, None),
            NOT_YET_SCRAPED,
            Awaiting(NOW + TIMEOUT),
            id="nobody knows when it ended",
        ),
    ],
)
def test_a_replicate_is_settled(index: ObservedIndex, scrapes: Scrapes, settlement: Settlement) -> None:
    assert settle(0, index, scrapes, TIMEOUT, NOW) == settlement


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        pytest.param(
            without_record(IndexEnd(LONG_AGO, None), ended(LONG_AGO)), Reason.NO_RECORD, id="a pod that left no message"
        ),
        pytest.param(
            without_record(IndexEnd(LONG_AGO, None), ended(LONG_AGO, message="rubbish")),
            Reason.INVALID_RECORD,
            id="a pod whose message cannot be read",
        ),
        pytest.param(
            without_record(IndexEnd(LONG_AGO, None), lost=1), Reason.NO_RECORD, id="a pod that is gone once more"
        ),
    ],
)
def test_a_replicate_that_left_nothing_to_read_has_failed(index: ObservedIndex, reason: Reason) -> None:
    settlement = settle(0, index, WITHOUT_PROMETHEUS, TIMEOUT, NOW)
    assert isinstance(settlement, Taken)
    assert (settlement.record.outcome, settlement.record.reason) == (Outcome.FAILED, reason)
    assert settlement.record.attempt == index.run.attempt


def test_a_disagreement_of_the_sources_goes_with_the_record_that_is_taken() -> None:
    scrapes = Scrapes(MetricsState.ANSWERED, {("pod", 0): replace(SAMPLE, metrics={"val_average_loss": 0.6})})
    settlement = settle(0, with_record(JUST_NOW), scrapes, TIMEOUT, NOW)
    assert isinstance(settlement, Taken)
    assert settlement.record == RECORD
    assert settlement.disagreement is not None
    assert "val_average_loss 0.6 and 0.5" in settlement.disagreement


def test_a_run_is_collected_replicate_by_replicate() -> None:
    """Index 0 has ended, its second replicate unscraped; index 1 trains; index 2 is lost; index 3 is stored already."""
    pods = (
        ended(JUST_NOW, message=message_of([0, 1])),
        replace(POD, name="pod-1", index=1),
    )
    run = replace(
        RUN,
        replicates=8,
        replicates_per_pod=2,
        pods=pods,
        succeeded_indexes=frozenset({2}),
        ended_at=LONG_AGO,
    )
    sample = Sample(True, 3, 3, {"train_average_loss": 0.5, "val_average_loss": 0.7}, 2, 0.5, 0.55)
    scrapes = Scrapes(MetricsState.ANSWERED, {("pod", 0): sample})
    stored = Records(replace(RECORD, replicate=k) for k in (6, 7))
    collected = collect(run, stored, scrapes, TIMEOUT, NOW)
    assert [(record.replicate, record.source) for record in collected.records] == [(0, Source.RECORD)]
    assert len(collected.disagreements) == 1
    assert (collected.awaiting, collected.look_again_at) == (True, JUST_NOW + TIMEOUT)
    assert collected.lost == (4, 5)


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(ended(JUST_NOW), id="it succeeded"),
        pytest.param(replace(POD, phase=PodPhase.FAILED, exit_code=65, ended_at=JUST_NOW), id="it gave its index up"),
    ],
)
def test_values_are_waited_for_since_the_end_of_the_pod(pod: ObservedPod) -> None:
    collected = collect(replace(RUN, pods=(pod,)), Records(), NOT_YET_SCRAPED, TIMEOUT, NOW)
    assert collected == Collected(awaiting=True, look_again_at=JUST_NOW + TIMEOUT)


def test_a_run_is_looked_at_again_when_the_first_of_its_waits_is_over() -> None:
    later = replace(ended(NOW), name="pod-1", index=1)
    run = replace(RUN, replicates=2, pods=(ended(JUST_NOW), later))
    assert collect(run, Records(), NOT_YET_SCRAPED, TIMEOUT, NOW).look_again_at == JUST_NOW + TIMEOUT


def test_a_run_whose_records_are_stored_gives_nothing_more() -> None:
    run = replace(RUN, succeeded=True, pods=(ended(LONG_AGO, message=message_of([0])),))
    assert collect(run, Records([RECORD]), WITHOUT_PROMETHEUS, TIMEOUT, NOW) == Collected()


def test_a_failure_of_an_earlier_attempt_does_not_settle_a_later_one() -> None:
    run = replace(RUN, attempt=2, pods=(ended(LONG_AGO, message=message_of([0])),))
    earlier = Records([replace(failed(Reason.EVICTED), attempt=0)])
    assert len(collect(run, earlier, WITHOUT_PROMETHEUS, TIMEOUT, NOW).records) == 1
    of_this_one = Records([replace(failed(Reason.EVICTED), attempt=2)])
    assert collect(run, of_this_one, WITHOUT_PROMETHEUS, TIMEOUT, NOW) == Collected()


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(ended(LONG_AGO), Reason.NO_RECORD, id="it left no message"),
        pytest.param(ended(LONG_AGO, message="rubbish"), Reason.INVALID_RECORD, id="its message cannot be read"),
    ],
)
def test_a_pod_that_succeeded_ends_its_index_before_the_job_controller_says_so(
    pod: ObservedPod, reason: Reason
) -> None:
    (record,) = collect(replace(RUN, pods=(pod,)), Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW).records
    assert record.reason is reason


def test_a_failed_index_has_failed_for_its_last_pods_reason() -> None:
    evicted = replace(POD, phase=PodPhase.FAILED, exit_code=137, reason="Evicted", ended_at=LONG_AGO)
    killed = replace(
        evicted, name="pod-2", reason="OOMKilled", memory_limit="2Gi", created_at=NOW - timedelta(minutes=9)
    )
    run = replace(RUN, failed_indexes=frozenset({0}), pods=(killed, evicted))
    (record,) = collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW).records
    assert record.reason is Reason.OUT_OF_MEMORY


def test_a_run_is_recorded_once_all_of_its_replicates_are() -> None:
    run = replace(RUN, first_replicate=1, replicates=2)
    stored = [replace(RECORD, replicate=k) for k in (0, 1, 2)]
    assert is_recorded(run, Records(stored))
    assert not is_recorded(run, Records(stored[:2]))
    assert not is_recorded(run, Records([*stored[:2], replace(stored[2], point_key="another")]))


def waiting(reason: str, seconds: float, **fields: Any) -> ObservedPod:
    """A pod whose container has not started for so long."""
    created_at = NOW - timedelta(seconds=seconds)
    return replace(POD, phase=PodPhase.PENDING, created_at=created_at, waiting_reason=reason, **fields)


@pytest.mark.parametrize(
    ("pod", "stuck"),
    [
        pytest.param(waiting("ImagePullBackOff", 300), True, id="an image for five minutes"),
        pytest.param(waiting("ImagePullBackOff", 299), False, id="an image for less"),
        pytest.param(waiting("CreateContainerConfigError", 300), True, id="a missing Secret"),
        pytest.param(waiting("Unschedulable", 3000), False, id="no free node, for however long"),
        pytest.param(POD, False, id="a pod that trains"),
    ],
)
def test_a_run_is_stuck_by_what_does_not_mend_itself(pod: ObservedPod, stuck: bool) -> None:
    run = replace(RUN, pods=(pod,))
    assert is_stuck(run, NOW) == stuck
    assert bool(collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW).records) == stuck


def test_one_stuck_pod_makes_its_run_stuck() -> None:
    other = replace(POD, name="pod-1", index=1)
    assert is_stuck(replace(RUN, pods=(waiting("ImagePullBackOff", 300), other)), NOW)


@pytest.mark.parametrize(
    ("seconds", "words", "message"),
    [
        pytest.param(300, "no such image", "no such image", id="in the kubelet's words"),
        pytest.param(300, "", "ImagePullBackOff", id="or by its reason"),
    ],
)
def test_a_stuck_run_fails_with_what_it_waits_for(seconds: float, words: str, message: str) -> None:
    run = replace(RUN, pods=(waiting("ImagePullBackOff", seconds, waiting_message=words),))
    (record,) = collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW).records
    assert (record.reason, record.message) == (Reason.IMAGE_UNAVAILABLE, message)


def test_a_run_that_waits_for_its_image_is_looked_at_again_when_it_has_waited_too_long() -> None:
    run = replace(RUN, pods=(waiting("ImagePullBackOff", 100),))
    collected = collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW)
    assert collected == Collected(look_again_at=NOW + timedelta(seconds=200))


@pytest.mark.parametrize(
    ("fields", "indexes"),
    [
        pytest.param({"exit_code": 64}, {0, 1}, id="64 is every index's end"),
        pytest.param({"exit_code": 65}, {0}, id="65 is its own index's end"),
        pytest.param({"exit_code": 1}, set(), id="1 is tried again"),
    ],
)
def test_which_indexes_a_pods_exit_code_ends(fields: dict[str, Any], indexes: set[int]) -> None:
    pod = replace(POD, phase=PodPhase.FAILED, ended_at=LONG_AGO, **fields)
    run = replace(RUN, replicates=2, pods=(pod,))
    collected = collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW)
    assert {record.replicate for record in collected.records} == indexes


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        pytest.param({"failed_reason": "BackoffLimitExceeded"}, True, id="the Job has failed"),
        pytest.param({"failed_indexes": frozenset({0})}, True, id="its index has failed"),
        pytest.param({"failed_indexes": frozenset({1})}, False, id="another index has failed"),
    ],
)
def test_a_job_controllers_word_ends_an_index_without_a_pod(fields: dict[str, Any], ends: bool) -> None:
    found = collect(replace(RUN, **fields), Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW)
    assert bool(found.records or found.lost) == ends


def test_a_pod_in_flight_keeps_its_index_open_although_the_job_has_failed() -> None:
    run = replace(RUN, failed_reason="BackoffLimitExceeded", pods=(POD,))
    assert collect(run, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW) == Collected()
    vanished = replace(run, pods=(replace(POD, gone=True),))
    assert len(collect(vanished, Records(), WITHOUT_PROMETHEUS, TIMEOUT, NOW).records) == 1


def test_the_first_record_of_a_replicate_is_taken_and_only_its_own_pods_sample_checks_it() -> None:
    first = ended(LONG_AGO, message=message_of([0], loss=0.5))
    second = replace(
        ended(LONG_AGO, message=message_of([0], loss=0.9)), name="pod-2", created_at=NOW - timedelta(minutes=30)
    )
    scrapes = Scrapes(MetricsState.ANSWERED, {("pod-2", 0): replace(SAMPLE, metrics={"train_average_loss": 0.9})})
    collected = collect(replace(RUN, pods=(second, first)), Records(), scrapes, TIMEOUT, NOW)
    assert [record.metrics["train_average_loss"] for record in collected.records] == [0.5]
    assert collected.disagreements == ()


def test_an_index_that_has_ended_waits_for_no_image() -> None:
    run = replace(RUN, succeeded=True, ended_at=JUST_NOW, pods=(waiting("ImagePullBackOff", 299.5),))
    collected = collect(run, Records(), NOT_YET_SCRAPED, TIMEOUT, NOW)
    assert collected == Collected(awaiting=True, look_again_at=JUST_NOW + TIMEOUT)
