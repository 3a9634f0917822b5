"""Which records can be taken now: the pods' own messages joined with what Prometheus scraped.

Each replicate that a run has not brought home yet is settled by rules in a fixed order, and the answer is one of five: `Open`,
`Taken`, `Awaiting`, `Lost` or `Moved`. `collect` gathers these answers over a whole run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.api.constants import EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.core.gputime import charged
from regsweep.core.kubernetes.failures import WAITING_REASONS, failure_of
from regsweep.core.kubernetes.room import was_cut
from regsweep.core.moves import (
    MAX_MOVES,
    Move,
    device_deadline,
    failed_uncounted,
    is_at_rest,
    is_given_up,
    move_of,
    pods_of,
    unschedulable_deadline,
    was_ended_by_others,
)
from regsweep.core.results.crosscheck import merge_sample
from regsweep.core.results.messages import Message, parse_message, records_of
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.results.scrapes import MetricsState, Sample, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, replicates_of
from regsweep.core.sweep import Sweep
from regsweep.core.world import Observed

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
    """It left nothing to read, though nothing is known to have failed: to be trained once more."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Another Job trains it: see `moves`."""


Settlement = Open | Taken | Awaiting | Lost | Moved


@dataclass(frozen=True, slots=True)
class Collected:
    """What one look at a run came to."""

    records: tuple[Record, ...] = ()
    """To be stored."""
    awaiting: bool = False
    """Values of an ended pod are still expected from Prometheus."""
    lost: tuple[int, ...] = ()
    """Replicates that left nothing to read, though nothing is known to have failed: to be trained once more."""
    move: Move | None = None
    """Where the run goes on; None: where it is."""
    moved: tuple[int, ...] = ()
    """Replicates that the run has given up for that: it trains them no more."""
    look_again_at: datetime | None = None
    disagreements: tuple[str, ...] = ()
    """Where a record and Prometheus differ, in words."""


@dataclass(frozen=True, slots=True)
class IndexEnd:
    """An index that needs no other pod."""

    at: datetime
    failure: Failure | None
    """Why it failed; None: it succeeded, or is moved."""
    moved: bool = False
    """Another Job trains what is missing of it."""


@dataclass(frozen=True, slots=True)
class ObservedIndex:
    """One completion index of a run: its pods, the first created first, and what they left."""

    run: ObservedRun
    pods: tuple[ObservedPod, ...]
    own_records: dict[int, tuple[ObservedPod, Record]]
    """Replicate to the first valid record that a pod of the run left, and that pod."""
    end: IndexEnd | None
    """None while a pod of it runs or another one may come."""


def collect(
    run: ObservedRun,
    records: Records,
    scrapes: Scrapes,
    timeout: timedelta,
    now: datetime,
    pod_gpus: int | None = None,
) -> Collected:
    """Takes what the run's ended pods left, replicate by replicate.

    timeout: how long after the end of a pod its values are waited for. pod_gpus: as observed (`Observed`).
    """
    if is_recorded(run, records):
        return Collected()
    stored = records.of(run.point_key)
    home = [k for k in replicates_of(run) if is_settled(stored.get(k), run)]
    own = _own_records(run)
    move = move_of(run, home, own.keys() | _scraped_of_pods(run, scrapes), now)
    deadlines: list[datetime] = []
    settled: list[tuple[int, Settlement]] = []
    for number in range(run.completions):
        missing = [k for k in run.replicates_of(number) if not is_settled(stored.get(k), run)]
        if not missing:
            continue
        pods = pods_of(run, number)
        index = ObservedIndex(run, pods, own, _end_of(run, number, pods, move, now))
        if index.end is None:
            deadlines += _stuck_deadlines(run, index.pods)
        settled += [(k, settle(k, index, scrapes, timeout, now)) for k in missing]
    taken = [each for _, each in settled if isinstance(each, Taken)]
    waits = [each.until for _, each in settled if isinstance(each, Awaiting)]
    moved = tuple(k for k, each in settled if isinstance(each, Moved))
    if moved and move is not None and move.at > now:
        deadlines.append(move.at)
    return Collected(
        records=tuple(charged((each.record for each in taken), run, stored, pod_gpus)),
        awaiting=bool(waits),
        lost=tuple(k for k, each in settled if isinstance(each, Lost)),
        move=move,
        moved=moved,
        look_again_at=min(deadlines + waits, default=None),
        disagreements=tuple(each.disagreement for each in taken if each.disagreement),
    )


class KeptCollection:
    """What was collected from runs to which time makes no difference, kept from one look to the next until there is news of them.

    Most runs are so at most times: their pods train, or have ended and their records wait to be stored.
    """

    def __init__(self) -> None:
        self._lasting: dict[str, tuple[ObservedRun, Mapping[int, Record], Collected]] = {}
        self._basis: tuple[Scrapes, timedelta, int | None] | None = None

    def collect(self, sweep: Sweep, observed: Observed, now: datetime) -> dict[str, Collected]:
        """By its name what `collect` comes to for each run of the sweep."""
        basis = (
            observed.scrapes,
            timedelta(seconds=sweep.spec.metrics.collect_timeout_seconds),
            observed.usage.pod_gpus,
        )
        before = self._lasting if basis == self._basis else {}
        self._lasting, self._basis = {}, basis
        scrapes, timeout, pod_gpus = basis
        collected = {}
        for run in observed.runs:
            stored, known = observed.records.of(run.point_key), before.get(run.name)
            if known is not None and known[0] is run and known[1] is stored:
                self._lasting[run.name], collected[run.name] = known, known[2]
                continue
            found = collected[run.name] = collect(run, observed.records, scrapes, timeout, now, pod_gpus)
            if _trains_on(run, found) or _is_whole(run, stored, found):
                self._lasting[run.name] = (run, stored, found)
        return collected


def _trains_on(run: ObservedRun, collected: Collected) -> bool:
    """Whether nothing can be taken from it until there is news of it."""
    return collected == _NOTHING and not any(pod.ended or pod.waiting_reason for pod in run.pods)


def _is_whole(run: ObservedRun, stored: Mapping[int, Record], collected: Collected) -> bool:
    """Whether it has brought home a result of each replicate, and nothing more is expected of it."""
    taken = {record.replicate for record in collected.records if record.has_result}
    expected = collected.awaiting or collected.move is not None or collected.look_again_at is not None
    return not expected and all(k in taken or is_settled(stored.get(k), run) for k in replicates_of(run))


_NOTHING: Final = Collected()


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
    if now < until and _may_be_scraped(record, index, scrapes):
        return Awaiting(until)
    if record is not None:
        return Taken(record)
    return _without_record(replicate, index)


def is_settled(record: Record | None, run: ObservedRun) -> bool:
    """Whether this run has no more to collect for a replicate that has this record."""
    return record is not None and (record.has_result or record.attempt >= run.attempt)


def is_recorded(run: ObservedRun, records: Records) -> bool:
    """Whether the run has no more to collect."""
    stored = records.of(run.point_key)
    return len(stored) >= run.replicates and all(is_settled(stored.get(k), run) for k in replicates_of(run))


def is_stuck(run: ObservedRun, now: datetime) -> bool:
    """Whether a pod of the run has met an image or configuration error for five minutes."""
    return any(_is_stuck(pod, now) for pod in run.pods)


def _own_records(run: ObservedRun) -> dict[int, tuple[ObservedPod, Record]]:
    """Replicate to the first valid record that a pod of the run left, and that pod."""
    own: dict[int, tuple[ObservedPod, Record]] = {}
    for pod in sorted(run.pods, key=lambda pod: pod.created_at):
        message = parse_message(pod.message) if pod.ended and pod.message else None
        for record in records_of(run, pod, message) if isinstance(message, Message) else ():
            own.setdefault(record.replicate, (pod, record))
    return own


def _scraped_of_pods(run: ObservedRun, scrapes: Scrapes) -> set[int]:
    """Replicates of which Prometheus has a result, by a pod of the run that is not in flight any more."""
    over = [pod for pod in run.pods if not pod.in_flight]
    return {k for pod in over for k in run.replicates_of(pod.index) if _complete_sample((pod,), k, scrapes) is not None}


def _end_of(
    run: ObservedRun, number: int, pods: Sequence[ObservedPod], move: Move | None, now: datetime
) -> IndexEnd | None:
    """How the index ended; None while a pod of it runs or another one may come."""
    for pod in pods:
        if pod.trained:
            return IndexEnd(_end_seen(pod) or now, None)
    if run.succeeded or number in run.succeeded_indexes:
        return IndexEnd(run.ended_at or now, None)
    for pod in pods:
        if _is_stuck(pod, now):
            return IndexEnd(now, (STUCK_REASONS[pod.waiting_reason], pod.waiting_message or pod.waiting_reason))
    if any(pod.in_flight for pod in pods):
        return None
    for pod in run.pods:
        if _gave_up(pod, number):
            return IndexEnd(_end_seen(pod) or now, failure_of(run, pod))
    return _end_without_result(run, number, pods, move, now)


def _end_without_result(
    run: ObservedRun, number: int, pods: Sequence[ObservedPod], move: Move | None, now: datetime
) -> IndexEnd | None:
    """How an index ended that has no pod in flight, of which none has trained or given up; None where another one may come."""
    last = pods[-1] if pods else None
    ended_at = (last and _end_seen(last)) or run.ended_at or (last and last.created_at) or now
    has_failed = run.failed_reason is not None or number in run.failed_indexes
    rests = is_at_rest(run)
    is_over = has_failed or rests or run.deleting
    if move is not None and last is not None and is_over and _is_uncounted(run, last, move):
        return _end_uncounted(run, last, ended_at)
    if last is None and is_given_up(run, number) and run.lost == 0:
        return IndexEnd(ended_at, None)  # its pods came and went unseen: nobody can say that training failed
    if has_failed:
        return IndexEnd(ended_at, failure_of(run, last))
    return IndexEnd(ended_at, None, moved=True) if move is not None and rests else None


def _is_uncounted(run: ObservedRun, last: ObservedPod, move: Move) -> bool:
    """Whether no Job counts how its index ended, so that the moves are counted."""
    return was_ended_by_others(run, last) or (bool(move.failed) and failed_uncounted(run, last))


def _end_uncounted(run: ObservedRun, pod: ObservedPod, at: datetime) -> IndexEnd:
    """The index is moved, unless it was too often."""
    if run.moved < MAX_MOVES:
        return IndexEnd(at, None, moved=True)
    reason, message = failure_of(run, pod)
    return IndexEnd(at, (reason, f"{message} It was made again {MAX_MOVES} times before."))


def _end_seen(pod: ObservedPod) -> datetime | None:
    """When the pod ended, by our own clock where it was seen: a node's may be an hour ahead."""
    return pod.end_seen_at or pod.ended_at


def _is_stuck(pod: ObservedPod, now: datetime) -> bool:
    return pod.in_flight and pod.waiting_reason in STUCK_REASONS and now >= _stuck_at(pod)


def _stuck_at(pod: ObservedPod) -> datetime:
    """When it will have waited in vain for too long: since its first error, for it may have waited for a node before."""
    return pod.waits_since + STUCK_AFTER


def _stuck_deadlines(run: ObservedRun, pods: Iterable[ObservedPod]) -> Iterator[datetime]:
    """When pods that wait in vain will have done so for too long."""
    for pod in pods:
        if (deadline := device_deadline(run, pod)) is not None:
            yield deadline
        if pod.waiting_reason in STUCK_REASONS:
            yield _stuck_at(pod)
        elif (deadline := unschedulable_deadline(run, pod)) is not None:
            yield deadline


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
    if pod is not None:
        return _end_seen(pod) or now
    return end.at if end is not None else now


def _may_be_scraped(record: Record | None, index: ObservedIndex, scrapes: Scrapes) -> bool:
    """Whether Prometheus may still answer: there is one, and the replicate was trained as far as is known."""
    if scrapes.state is MetricsState.NOT_CONFIGURED:
        return False
    if record is not None or index.end is None:
        return True
    if index.end.moved:
        return any(pod.started_at is not None for pod in index.pods)
    return index.end.failure is None or index.end.failure[0] not in NO_RETRY_MENDS


def _without_record(replicate: int, index: ObservedIndex) -> Taken | Lost | Moved:
    """A replicate whose index has ended and that neither a pod nor Prometheus knows."""
    run = index.run
    if index.end is not None and index.end.moved:
        return Moved()
    if index.end is not None and index.end.failure is not None:
        return Taken(_failed(run, replicate, index.end.failure))
    succeeded = next((pod for pod in index.pods if pod.trained), None)
    if succeeded is not None and was_cut(succeeded) and run.replicates_per_pod > 1:
        return Lost()  # with fewer of them in each pod next time: its message has room for those
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
