"""Which Jobs are no longer needed, and which of them are kept for a while, for people to read their logs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from regsweep.core.collect import Collected, is_recorded, is_settled, is_stuck
from regsweep.core.moves import Move, is_at_rest, outlives_at, outlives_training
from regsweep.core.runs import ObservedRun, PodPhase, RunRef, ref_of, replicates_of
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import later
from regsweep.core.waiting import needless, told_refusal
from regsweep.core.world import Observed


def deletions(
    sweep: Sweep,
    observed: Observed,
    collected: Mapping[str, Collected],
    trained: Mapping[str, Collection[int]],
    now: datetime,
    *,
    stops: bool = False,
) -> Iterator[RunRef]:
    """Runs to delete: nothing of theirs is wanted that is not stored, or that another run does not train.

    trained: by the point's key the replicates that runs have in hand. stops: an exhausted budget stops runs.
    """
    ended: list[ObservedRun] = []
    taken_back = _taken_back(sweep, observed) | needless(observed)
    for run in observed.runs:
        if run.deleting:
            continue
        if not is_recorded(run, observed.records):
            stopped = stops and _cannot_be_paused(run, observed)
            if stopped or run.name in taken_back or _is_left_behind(run, observed, collected[run.name], trained):
                yield ref_of(run)
        elif is_ended(run) or _is_held(run):
            ended.append(run)
        elif is_stuck(run, now) or _goes_on(run, now):
            yield ref_of(run)
    ended.sort(key=lambda run: (run.ended_at or run.created_at, run.name), reverse=True)
    refusal = told_refusal(observed)
    if observed.others_wait or (refusal is not None and refusal.counts_objects):
        yield from map(ref_of, ended)  # what is kept uses up the quota that new runs wait for
        return
    kept = sweep.spec.retention
    ended, old = _by_age(ended, kept.max_age_seconds, now)
    yield from map(ref_of, old)
    yield from (ref_of(run) for run in [r for r in ended if r.failed_reason is None][kept.succeeded_jobs :])
    yield from (ref_of(run) for run in [r for r in ended if r.failed_reason is not None][kept.failed_jobs :])


def _cannot_be_paused(run: ObservedRun, observed: Observed) -> bool:
    """Whether only its deletion stops the run: a queue would resume it, and its Workload is not known."""
    return run.queue_managed and not run.needs_no_pod and run.uid not in (observed.workloads or {})


def outdated_at(sweep: Sweep, observed: Observed, now: datetime) -> Iterator[datetime]:
    """When finished Jobs will be too old to be kept."""
    seconds = sweep.spec.retention.max_age_seconds
    if seconds is None:
        return
    for run in observed.runs:
        at = later(run.ended_at or run.created_at, seconds)
        if at > now and not run.deleting and is_ended(run):
            yield at


def _by_age(
    ended: Sequence[ObservedRun], most_seconds: int | None, now: datetime
) -> tuple[list[ObservedRun], list[ObservedRun]]:
    """The runs that are young enough to be kept, and the others."""
    if most_seconds is None:
        return list(ended), []
    since = later(now, -most_seconds)
    young = [run for run in ended if (run.ended_at or run.created_at) > since]
    return young, [run for run in ended if (run.ended_at or run.created_at) <= since]


def is_ended(run: ObservedRun) -> bool:
    """Whether its Job has ended or is at rest, with no pod that holds anything."""
    return run.is_over or (is_at_rest(run) and not any(pod.holds_node for pod in run.pods))


def _is_held(run: ObservedRun) -> bool:
    """Whether its Job is suspended, with no pod that holds anything."""
    return run.suspended and not any(pod.holds_node for pod in run.pods)


def has_to_rest(run: ObservedRun, observed: Observed, collected: Collected, now: datetime, *, pausing: bool) -> bool:
    """Whether its Job is to start no more pods, and to stop those that it has. pausing: runs are stopped by their Workloads."""
    if run.parallelism == 0 or run.deleting or run.is_over:
        return False
    if _trained_to_its_end(run):
        return True
    move = collected.move
    if move is None or not _can_move(run, move):
        return False
    return not (run.queue_managed and _keeps_its_turn(run, observed, move, now, pausing=pausing))


def _keeps_its_turn(run: ObservedRun, observed: Observed, move: Move, now: datetime, *, pausing: bool) -> bool:
    """Whether its queue is to do with its Job as it likes: a queue puts a Job out of turn for a change.

    Not where all that holds its pods is what goes on beside trainers that have ended; and not where the queue has put it back, and
    another Job would train less: one that is admitted again trains all of its replicates.
    """
    workload = (observed.workloads or {}).get(run.uid)
    if workload is not None and (pausing or workload.given_up or not (workload.active or workload.paused)):
        return True
    if run.suspended:
        return workload is None or not move.replaces
    return any(pod.in_flight for pod in run.pods) or not any(outlives_training(p, now) for p in run.pods)


def _can_move(run: ObservedRun, move: Move) -> bool:
    """Whether no pod of it is worth to be waited for, before it goes on in another Job."""
    return all(pod.index in move.replaces for pod in run.pods if pod.in_flight)


def _trained_to_its_end(run: ObservedRun) -> bool:
    """Whether its Job would train again what has been trained: a container beside the trainer has failed since."""
    if not any(pod.trained and pod.phase is PodPhase.FAILED for pod in run.pods):
        return False
    trained = {pod.index for pod in run.pods if pod.trained} | run.succeeded_indexes
    return len(trained) == run.completions


def outlived_at(runs: Iterable[ObservedRun], now: datetime) -> Iterator[datetime]:
    """When pods whose training has ended will have held their GPUs for too long."""
    for run in runs:
        for pod in run.pods:
            deadline = outlives_at(pod)
            if deadline is not None and deadline > now:
                yield deadline


def _taken_back(sweep: Sweep, observed: Observed) -> set[str]:
    """Names of runs without pods that need none: the sweep is paused, or has a lower parallelism since.

    A queue has not admitted them, or the API server refuses their pods.
    """
    queued = [run for run in observed.runs if run.queue_managed and run.held and not (run.deleting or run.pods)]
    refused = [run for run in observed.runs if run.name in observed.refused_pods and run.lacks_pod]
    if sweep.spec.suspend:  # where its Workload is known, that is deactivated instead, and keeps its place
        return {run.name for run in queued if run.uid not in (observed.workloads or {})}
    surplus = sum(run.slots for run in observed.runs) - sweep.spec.parallelism
    taken = set()
    without_pods = {run.name for run in (*queued, *refused)}
    for run in reversed([run for run in observed.runs if run.name in without_pods]):
        if surplus > 0:
            taken.add(run.name)
            surplus -= run.slots
    return taken


def _is_left_behind(
    run: ObservedRun, observed: Observed, collected: Collected, trained: Mapping[str, Collection[int]]
) -> bool:
    """Whether all of it that is not stored goes on in other runs, which are there already."""
    moved = collected.moved
    if not moved or any(pod.in_flight for pod in run.pods):
        return False
    others = (k for k in replicates_of(run) if k not in moved)
    stored = all(is_settled(observed.records.get(run.point_key, k), run) for k in others)
    return stored and all(k in trained.get(run.point_key, ()) for k in moved)


def _goes_on(run: ObservedRun, now: datetime) -> bool:
    """Whether a pod trains what is stored already, or holds its GPU for too long after training."""
    trained = {pod.index for pod in run.pods if pod.trained}
    return any((pod.in_flight and pod.index in trained) or outlives_training(pod, now) for pod in run.pods)
