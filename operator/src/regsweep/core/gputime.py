"""GPU time: what the pods of runs hold, and which share of it each record is charged with.

A pod holds its GPUs from the start of its container to the end, importing a framework and waiting for a last scrape included.
All pods of an index count, those that failed before another one brought the results too; and where a run goes on in another Job,
that Job notes what was spent before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from regsweep.core.moves import pods_of
from regsweep.core.results.records import Record
from regsweep.core.runs import ObservedPod, ObservedRun
from regsweep.core.world import Usage


def believed(run: ObservedRun, usage: Usage) -> ObservedRun:
    """The run with no more GPU-seconds noted as spent before than its replicates can have cost: a pod of each at a time, from the
    sweep's start until the run's Job was created. Anybody who may edit Jobs writes that note."""
    if usage.start_time is None or usage.pod_gpus is None:
        return run
    most = max((run.created_at - usage.start_time).total_seconds(), 0.0) * usage.pod_gpus * run.replicates
    return run if run.gpu_seconds <= most else replace(run, gpu_seconds=most)


def charged(
    records: Iterable[Record], run: ObservedRun, stored: Mapping[int, Record], gpus: int | None
) -> Iterator[Record]:
    """The run's new records, each with its share of the GPU time of its index: by how long its training took, where all say so,
    else as much as every other.

    stored: the point's records, those of this run among them. gpus: of each pod; None: nobody but the trainer knows, and what it
    reported stays.
    """
    if gpus is None:
        yield from records
        return
    by_index = sorted(records, key=lambda record: record.replicate)
    for index, group in groupby(by_index, lambda record: _index_of(record, run)):
        new = list(group)
        held = _held_seconds(pods_of(run, index))
        if held is None:
            yield from new
            continue
        replicates = run.replicates_of(index)
        earlier = (stored[k] for k in replicates if k in stored and stored[k].run == run.name)
        spent = held * gpus + run.gpu_seconds * len(replicates) / run.replicates
        left = max(spent - sum(record.gpu_seconds or 0.0 for record in earlier), 0.0)
        for record, share in zip(new, _shares(new), strict=True):
            yield replace(record, gpu_seconds=round(left * share, 1))


def unrecorded_seconds(run: ObservedRun, stored: Mapping[int, Record], gpus: int, now: datetime) -> float:
    """GPU-seconds of the run's pods, and of the runs before it, that no record is charged with yet. stored: the point's records."""
    held = (_held_seconds((pod,)) or 0.0 if pod.ended else held_now(pod, now) for pod in run.pods)
    charged_with = sum(record.gpu_seconds or 0.0 for record in stored.values() if record.run == run.name)
    return max(sum(held) * gpus + run.gpu_seconds - charged_with, 0.0)


def held_now(pod: ObservedPod, now: datetime) -> float:
    """Seconds for which a pod in flight has held its GPUs. Its node's clock may be behind, but not so far that it started before it
    was created."""
    if not pod.in_flight or pod.started_at is None:
        return 0.0
    return max((now - max(pod.started_at, pod.created_at)).total_seconds(), 0.0)


def _index_of(record: Record, run: ObservedRun) -> int:
    return (record.replicate - run.first_replicate) // run.replicates_per_pod


def _held_seconds(pods: Iterable[ObservedPod]) -> float | None:
    """Seconds from start to end, over all of the pods that have ended; None where no pod is known any more."""
    known = [pod for pod in pods if not pod.gone or pod.ended]
    if not known:
        return None
    return sum(map(_held_by, known))


def _held_by(pod: ObservedPod) -> float:
    """By its node's clock, which may be set right meanwhile: no longer than the pod is there by those of API server and operator."""
    if pod.started_at is None or pod.ended_at is None:
        return 0.0
    held = (pod.ended_at - pod.started_at).total_seconds()
    if pod.end_seen_at is not None and pod.end_seen_at > pod.created_at:
        held = min(held, (pod.end_seen_at - pod.created_at).total_seconds())
    return max(held, 0.0)


def _shares(records: list[Record]) -> list[float]:
    seconds = [record.seconds for record in records]
    whole = sum(each or 0.0 for each in seconds)
    if whole > 0 and None not in seconds:
        return [(each or 0.0) / whole for each in seconds]
    return [1 / len(records)] * len(records)
