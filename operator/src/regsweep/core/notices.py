"""What of a pass is worth an event on the sweep, in words."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.core.collect import Collected, is_recorded
from regsweep.core.moves import MAX_MOVES, delay_of, outlives_training
from regsweep.core.runs import AlteredJob, ObservedRun, RunRequest
from regsweep.core.world import Observed

_SIDECAR_REMEDY: Final = (
    "Make it an init container with restartPolicy Always, which ends with the others, or keep it from being injected."
)
MAX_ALTERED: Final = 100
"""Altered Jobs that are named in events: anyone who may create Jobs may create more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A fact worth an event on the sweep."""

    reason: Reason
    message: str
    warning: bool = False


def notices(
    observed: Observed,
    collected: Mapping[str, Collected],
    create: Iterable[RunRequest],
    resting: Container[str],
    now: datetime,
) -> Iterator[Notice]:
    """The notices of a plan. create: runs that it creates. resting: names of those that it puts at rest."""
    yield from _altered_notices(observed.altered)
    yield from _run_notices(observed.runs, collected, create)
    yield from _move_notices(observed.runs, resting, collected)
    yield from _sidecar_notices(observed, now)


def _altered_notices(altered: Iterable[AlteredJob]) -> Iterator[Notice]:
    """Jobs that are none of the sweep's runs, though it owns them."""
    for job in islice(altered, MAX_ALTERED):
        text = f"Job {job.name} was changed or forged: {job.problem}. Nothing is taken from it. Delete it; its run then starts anew."
        yield Notice(Reason.JOB_ALTERED, text, warning=True)


def _run_notices(
    runs: Iterable[ObservedRun], collected: Mapping[str, Collected], create: Iterable[RunRequest]
) -> Iterator[Notice]:
    for run in runs:
        failures = [r for r in collected[run.name].records if r.reason is not None]
        if failures:
            first = failures[0]
            yield Notice(Reason.RUN_FAILED, f"Run {run.name} failed: {first.reason}: {first.message}", warning=True)
        for text in collected[run.name].disagreements:
            yield Notice(Reason.SOURCES_DISAGREE, f"Run {run.name}: {text}", warning=True)
    for request in create:
        if request.lost:
            yield Notice(
                Reason.RUN_AGAIN,
                f"Run {request.name} trains once more what was lost with its pod, or with a message that was cut.",
                warning=True,
            )


def _move_notices(
    runs: Iterable[ObservedRun], resting: Container[str], collected: Mapping[str, Collected]
) -> Iterator[Notice]:
    """Why runs go on in other Jobs."""
    for run in runs:
        move = collected[run.name].move
        if move is None or (run.name not in resting and not collected[run.name].moved):
            continue
        wait = round(delay_of(run.moved).total_seconds())
        again = f"after {wait} s ({run.moved + 1} of at most {MAX_MOVES} times)."
        if move.deleted and run.moved < MAX_MOVES:
            text = f"Pods of run {run.name} were deleted while they trained, {move.deleted} the last one. It is made again {again}"
            yield Notice(Reason.RUN_MOVED, text, warning=True)
        elif move.failed and run.moved < MAX_MOVES:
            text = f"Training in pod {move.failed} failed, and a container beside it went on. Run {run.name} is made again {again}"
            yield Notice(Reason.RUN_MOVED, text, warning=True)
        elif not (move.fault or move.deleted or move.failed):
            text = f"Run {run.name} goes on in another Job, for what is missing of its replicates."
            yield Notice(Reason.RUN_MOVED, text)
        elif run.moved < MAX_MOVES:
            text = (
                f"Node {move.node or 'unknown'} ended run {run.name}: {move.fault}. It is made again elsewhere {again}"
            )
            yield Notice(Reason.RUN_MOVED, text, warning=True)


def _sidecar_notices(observed: Observed, now: datetime) -> Iterator[Notice]:
    """Pods that are stopped because a container goes on after training."""
    for run in observed.runs:
        if run.deleting or not any(outlives_training(pod, now) for pod in run.pods):
            continue
        others = sorted({name for pod in run.pods if outlives_training(pod, now) for name in pod.others})
        goes_on = f"but container {', '.join(others)} goes on and keeps what its pod was given"
        if is_recorded(run, observed.records):
            text = (
                f"Training in Job {run.name} has ended and is recorded, {goes_on}. The Job is deleted, logs included."
            )
        else:
            text = f"Training in a pod of Job {run.name} has ended, {goes_on}. The pod is stopped."
        yield Notice(Reason.SIDECAR_GOES_ON, f"{text} {_SIDECAR_REMEDY}", warning=True)
