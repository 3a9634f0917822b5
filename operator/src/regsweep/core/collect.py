"""Which records can be taken now: the pods' own messages joined with what Prometheus scraped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
"""How long image and configuration errors are put up with: a registry or Secret that comes late gets its chance."""
STUCK_REASONS = {words: reason for words, reason in WAITING_REASONS.items() if reason is not Reason.UNSCHEDULABLE}
"""The kubelet's reasons for a container that waits in vain, and ours for the run that fails by it."""

Failure = tuple[Reason, str]


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
class _End:
    """An index that needs no other pod."""

    at: datetime
    failure: Failure | None


def collect(run: ObservedRun, records: Records, scrapes: Scrapes, timeout: timedelta, now: datetime) -> Collected:
    """Takes what the run's ended pods left, replicate by replicate.

    A replicate is taken as soon as Prometheus has its complete sample, or without it once `timeout` has passed since the
    end of its pod. Failed records come only from what is final: the Job, an index, or five minutes of image errors.
    """
    found: list[Record] = []
    lost: list[int] = []
    texts: list[str] = []
    deadlines: list[datetime] = []
    awaiting = False
    for index in range(run.completions):
        missing = [k for k in run.replicates_of(index) if not is_settled(records.get(run.point_key, k), run)]
        if not missing:
            continue
        pods = sorted((p for p in run.pods if p.index == index), key=lambda p: p.created_at)
        own = _own_records(run, pods)
        end = _end_of(run, index, pods, now)
        if end is None:
            deadlines += [p.created_at + STUCK_AFTER for p in pods if p.waiting_reason in STUCK_REASONS]
        for replicate in missing:
            pod, record = own.get(replicate, (None, None))
            if record is None and end is None:
                continue
            sample = _complete_sample([pod] if pod else pods, replicate, scrapes)
            if sample is not None:
                merged, text = merge_sample(record, sample, run, replicate)
                found.append(merged)
                if text:
                    texts.append(text)
                continue
            failure = end.failure if end else None
            ended_at = pod.ended_at if pod and pod.ended_at else end.at if end else now
            hopeless = record is None and failure is not None and failure[0] in NO_RETRY_MENDS
            if scrapes.state is not MetricsState.NOT_CONFIGURED and now < ended_at + timeout and not hopeless:
                awaiting = True
                deadlines.append(ended_at + timeout)
            elif record is not None:
                found.append(record)
            elif failure is not None:
                found.append(_failed(run, replicate, failure))
            elif (succeeded := next((p for p in pods if p.phase is PodPhase.SUCCEEDED), None)) is not None:
                found.append(_failed(run, replicate, failure_of(run, succeeded)))
            elif run.lost == 0:
                lost.append(replicate)
            else:
                found.append(
                    _failed(run, replicate, (Reason.NO_RECORD, "Its pod vanished twice before its record was read."))
                )
    return Collected(tuple(found), awaiting, tuple(lost), min(deadlines, default=None), tuple(texts))


def is_settled(record: Record | None, run: ObservedRun) -> bool:
    """Whether nothing more is to be taken from this run for a replicate that has this record."""
    return record is not None and (record.has_result or record.attempt >= run.attempt)


def is_recorded(run: ObservedRun, records: Records) -> bool:
    """Whether nothing more is to be taken from the run."""
    replicates = range(run.first_replicate, run.first_replicate + run.replicates)
    return all(is_settled(records.get(run.point_key, k), run) for k in replicates)


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


def _end_of(run: ObservedRun, index: int, pods: Sequence[ObservedPod], now: datetime) -> _End | None:
    """How the index ended; None while a pod of it runs or another one may come."""
    for pod in pods:
        if pod.phase is PodPhase.SUCCEEDED:
            return _End(pod.ended_at or now, None)
    if run.succeeded or index in run.succeeded_indexes:
        return _End(run.ended_at or now, None)
    for pod in pods:
        if pod.waiting_reason in STUCK_REASONS and now >= pod.created_at + STUCK_AFTER:
            return _End(now, (STUCK_REASONS[pod.waiting_reason], pod.waiting_message or pod.waiting_reason))
    if any(not p.ended and not p.gone for p in pods):
        return None
    for pod in run.pods:
        if pod.exit_code == EXIT_INVALID_FLAGS or (pod.exit_code == EXIT_INDEX_FINAL and pod.index == index):
            return _End(pod.ended_at or now, failure_of(run, pod))
    if run.failed_reason is not None or index in run.failed_indexes:
        last = pods[-1] if pods else None
        return _End((last and last.ended_at) or run.ended_at or now, failure_of(run, last))
    return None


def is_stuck(run: ObservedRun, now: datetime) -> bool:
    """Whether a pod of the run has met an image or configuration error for five minutes."""
    return any(p.waiting_reason in STUCK_REASONS and now >= p.created_at + STUCK_AFTER for p in run.pods if not p.ended)


def _complete_sample(pods: Iterable[ObservedPod], replicate: int, scrapes: Scrapes) -> Sample | None:
    for pod in pods:
        sample = scrapes.samples.get((pod.name, replicate))
        if sample is not None and sample.complete:
            return sample
    return None


def _failed(run: ObservedRun, replicate: int, failure: Failure) -> Record:
    reason, message = failure
    return Record(
        run.point_key, replicate, Outcome.FAILED, run=run.name, attempt=run.attempt, reason=reason, message=message
    )
