"""Which records can be taken now: the pods' own messages joined with what Prometheus scraped.

Each replicate that a run has not brought home yet is settled by rules in a fixed order, and the answer is one of four: `Open`,
`Taken`, `Awaiting` or `Lost`. `collect` gathers these answers over a whole run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.api.constants import EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.core.kubernetes.failures import WAITING_REASONS, failure_of
from regsweep.core.results.crosscheck import merge_sample
from regsweep.core.results.messages import MalformedMessage, parse_message, records_of
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.results.scrapes import MetricsState, Sample, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

STUCK_AFTER = timedelta(minutes=5)
"""How long image and configuration errors are tolerated: a registry or Secret that comes late gets its chance."""
STUCK_REASONS = {words: reason for words, reason in WAITING_REASONS.items() if reason is not Reason.UNSCHEDULABLE}
"""The kubelet's reasons for a container that waits in vain, and ours for the run that fails by it."""

Failure = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Open:
    """It is being trained, or another pod of its index may come."""


@dataclass(frozen=True, slots=True)
class Taken:
    """It has ended, with a result or as failed."""

    record: Record
    """To be stored."""
    disagreement: str | None = None
    """Where its record and Prometheus differ, in words; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Its pod has ended, and Prometheus may still have its values."""

    until: datetime
    """When they are no longer waited for."""


@dataclass(frozen=True, slots=True)
class Lost:
    """It was trained to the end and left nothing to read: to be trained once more."""


Settlement = Open | Taken | Awaiting | Lost


@dataclass(frozen=True, slots=True)
class Collected:
    """What one look at a run came to."""

    records: tuple[Record, ...] = ()
    """To be stored."""
    awaiting: bool = False
    """Values of an ended pod are still expected from Prometheus."""
    lost: tuple[int, ...] = ()
    """Replicates trained to the end that left nothing to read: to be trained once more."""
    look_again_at: datetime | None = None
    disagreements: tuple[str, ...] = ()
    """Where a record and Prometheus differ, in words."""


@dataclass(frozen=True, slots=True)
class IndexEnd:
    """An index that needs no other pod."""

    at: datetime
    failure: Failure | None
    """Why it failed; None: it succeeded."""


@dataclass(frozen=True, slots=True)
class ObservedIndex:
    """One completion index of a run: its pods, the first created first, and what they left."""

    run: ObservedRun
    pods: tuple[ObservedPod, ...]
    own_records: dict[int, tuple[ObservedPod, Record]]
    """Replicate to the first valid record that a pod left, and that pod."""
    end: IndexEnd | None
    """None while a pod of it runs or another one may come."""


def collect(run: ObservedRun, records: Records, scrapes: Scrapes, timeout: timedelta, now: datetime) -> Collected:
    """Takes what the run's ended pods left, replicate by replicate.

    timeout: how long after the end of a pod its values are waited for.
    """
    taken: list[Taken] = []
    lost: list[int] = []
    waits: list[datetime] = []
    deadlines: list[datetime] = []
    for number in range(run.completions):
        missing = [k for k in run.replicates_of(number) if not is_settled(records.get(run.point_key, k), run)]
        if not missing:
            continue
        index = _observed_index(run, number, now)
        if index.end is None:
            deadlines += _stuck_deadlines(index.pods)
        for replicate in missing:
            match settle(replicate, index, scrapes, timeout, now):
                case Taken() as settled:
                    taken.append(settled)
                case Awaiting(until):
                    waits.append(until)
                case Lost():
                    lost.append(replicate)
    return Collected(
        records=tuple(settled.record for settled in taken),
        awaiting=bool(waits),
        lost=tuple(lost),
        look_again_at=min(deadlines + waits, default=None),
        disagreements=tuple(settled.disagreement for settled in taken if settled.disagreement),
    )


def settle(replicate: int, index: ObservedIndex, scrapes: Scrapes, timeout: timedelta, now: datetime) -> Settlement:
    """What can be said of a replicate now.

    It is taken as soon as Prometheus has its complete sample, or without it once `timeout` has passed since the end of its
    pod. A failed record comes only from what is final: the Job, an index, or five minutes of image errors.
    """
    pod, record = index.own_records.get(replicate, (None, None))
    if record is None and index.end is None:
        return Open()
    sample = _complete_sample((pod,) if pod else index.pods, replicate, scrapes)
    if sample is not None:
        return Taken(*merge_sample(record, sample, index.run, replicate))
    until = _ended_at(pod, index.end, now) + timeout
    if now < until and _may_be_scraped(record, index.end, scrapes):
        return Awaiting(until)
    if record is not None:
        return Taken(record)
    return _without_record(replicate, index)


def is_settled(record: Record | None, run: ObservedRun) -> bool:
    """Whether this run has no more to collect for a replicate that has this record."""
    return record is not None and (record.has_result or record.attempt >= run.attempt)


def is_recorded(run: ObservedRun, records: Records) -> bool:
    """Whether the run has no more to collect."""
    replicates = range(run.first_replicate, run.first_replicate + run.replicates)
    return all(is_settled(records.get(run.point_key, k), run) for k in replicates)


def is_stuck(run: ObservedRun, now: datetime) -> bool:
    """Whether a pod of the run has met an image or configuration error for five minutes."""
    return any(_is_stuck(pod, now) for pod in run.pods if not pod.ended)


def _observed_index(run: ObservedRun, number: int, now: datetime) -> ObservedIndex:
    pods = tuple(sorted((pod for pod in run.pods if pod.index == number), key=lambda pod: pod.created_at))
    return ObservedIndex(run, pods, _own_records(run, pods), _end_of(run, number, pods, now))


def _own_records(run: ObservedRun, pods: Iterable[ObservedPod]) -> dict[int, tuple[ObservedPod, Record]]:
    """Replicate to the first valid record that a pod of the run left, and that pod."""
    own: dict[int, tuple[ObservedPod, Record]] = {}
    for pod in pods:
        if not pod.ended or not pod.message:
            continue
        message = parse_message(pod.message)
        if isinstance(message, MalformedMessage):
            continue
        for record in records_of(run, pod, message):
            own.setdefault(record.replicate, (pod, record))
    return own


def _end_of(run: ObservedRun, number: int, pods: Sequence[ObservedPod], now: datetime) -> IndexEnd | None:
    """How the index ended; None while a pod of it runs or another one may come."""
    for pod in pods:
        if pod.phase is PodPhase.SUCCEEDED:
            return IndexEnd(pod.ended_at or now, None)
    if run.succeeded or number in run.succeeded_indexes:
        return IndexEnd(run.ended_at or now, None)
    for pod in pods:
        if _is_stuck(pod, now):
            return IndexEnd(now, (STUCK_REASONS[pod.waiting_reason], pod.waiting_message or pod.waiting_reason))
    if any(not pod.ended and not pod.gone for pod in pods):
        return None
    for pod in run.pods:
        if _gave_up(pod, number):
            return IndexEnd(pod.ended_at or now, failure_of(run, pod))
    if run.failed_reason is not None or number in run.failed_indexes:
        last = pods[-1] if pods else None
        return IndexEnd((last and last.ended_at) or run.ended_at or now, failure_of(run, last))
    return None


def _is_stuck(pod: ObservedPod, now: datetime) -> bool:
    return pod.waiting_reason in STUCK_REASONS and now >= pod.created_at + STUCK_AFTER


def _stuck_deadlines(pods: Iterable[ObservedPod]) -> Iterator[datetime]:
    """When pods that wait in vain will have done so for too long."""
    return (pod.created_at + STUCK_AFTER for pod in pods if pod.waiting_reason in STUCK_REASONS)


def _gave_up(pod: ObservedPod, number: int) -> bool:
    """Whether by the pod's exit code no other pod would do better: its flags are invalid, or its own index is final."""
    return pod.exit_code == EXIT_INVALID_FLAGS or (pod.exit_code == EXIT_INDEX_FINAL and pod.index == number)


def _complete_sample(pods: Iterable[ObservedPod], replicate: int, scrapes: Scrapes) -> Sample | None:
    for pod in pods:
        sample = scrapes.samples.get((pod.name, replicate))
        if sample is not None and sample.complete:
            return sample
    return None


def _ended_at(pod: ObservedPod | None, end: IndexEnd | None, now: datetime) -> datetime:
    """When the training of a replicate ended: with the pod that left its record, else with its index."""
    if pod is not None and pod.ended_at is not None:
        return pod.ended_at
    return end.at if end is not None else now


def _may_be_scraped(record: Record | None, end: IndexEnd | None, scrapes: Scrapes) -> bool:
    """Whether Prometheus may still answer: there is one, and the replicate was trained as far as is known."""
    failed = record is None and end is not None and end.failure is not None and end.failure[0] in NO_RETRY_MENDS
    return scrapes.state is not MetricsState.NOT_CONFIGURED and not failed


def _without_record(replicate: int, index: ObservedIndex) -> Taken | Lost:
    """A replicate whose index has ended and that neither a pod nor Prometheus knows."""
    run = index.run
    if index.end is not None and index.end.failure is not None:
        return Taken(_failed(run, replicate, index.end.failure))
    succeeded = next((pod for pod in index.pods if pod.phase is PodPhase.SUCCEEDED), None)
    if succeeded is not None:
        return Taken(_failed(run, replicate, failure_of(run, succeeded)))
    if run.lost == 0:
        return Lost()
    return Taken(_failed(run, replicate, (Reason.NO_RECORD, "Its pod vanished twice before its record was read.")))


def _failed(run: ObservedRun, replicate: int, failure: Failure) -> Record:
    reason, message = failure
    return Record(
        run.point_key, replicate, Outcome.FAILED, run=run.name, attempt=run.attempt, reason=reason, message=message
    )
