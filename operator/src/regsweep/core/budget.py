"""What `spec.budget` leaves room for: which runs are still started, and whether those under way are stopped.

What a run will use is taken from what has been trained: as much for each replicate as the costliest has taken so far, so that
a budget is rather left with a rest than exceeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from regsweep.api.budget_spec import Budget, OnExhausted
from regsweep.api.wording import plural
from regsweep.core.collect import Collected, is_recorded
from regsweep.core.figures import duration, gpu_time
from regsweep.core.gputime import held_now, unrecorded_seconds
from regsweep.core.moves import is_at_rest
from regsweep.core.progress import Progress, Stage
from regsweep.core.results.records import Records
from regsweep.core.runs import ObservedRun, RunRequest, replicates_of
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import later
from regsweep.core.world import Observed


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """The budget has no room for what is left to train."""

    message: str
    """Which limit, and what to raise, as sentences."""
    overdrawn: bool
    """Runs under way are to be stopped, not only none started."""
    stops: bool
    """They are stopped now: the status says what was used. Their pods take their part of it along, and it would be forgotten."""
    over: bool
    """No run is under way any more."""
    gpu_seconds: float
    """Used by now, pods in flight included."""


class Allowance:
    """The room that a budget has left, smaller by each run that is admitted."""

    def __init__(self, budget: Budget, observed: Observed, records: Records, now: datetime) -> None:
        self._budget = budget
        self._costs = records.costs
        self._gpus = observed.usage.pod_gpus
        self._open = [run for run in observed.runs if not is_recorded(run, records)]
        self._points = {*records.points, *(run.point_key for run in observed.runs)}
        self._admitted = 0
        self._stored = max(self._costs.gpu_seconds, observed.usage.gpu_seconds)
        self.gpu_seconds = self._used(records, now)
        self._elapsed = (
            (now - observed.usage.start_time).total_seconds() if observed.usage.start_time is not None else 0.0
        )
        self._gpu_room = float("inf")
        if budget.max_gpu_seconds is not None:
            self._gpu_room = budget.max_gpu_seconds - self.gpu_seconds - self._reserved(records, now)

    @property
    def is_overdrawn(self) -> bool:
        """Whether the time or the GPU-seconds are used up, whatever is under way."""
        return self._time_is_up or self._gpu_is_up

    @property
    def is_known(self) -> bool:
        """Whether that is so without the pods in flight too, by what is stored."""
        most = self._budget.max_gpu_seconds
        return self._time_is_up or (most is not None and self._stored >= most)

    def admit(self, request: RunRequest) -> str | None:
        """Takes the room that the run needs; where there is not enough, says why, as sentences."""
        refusal = self._runs_refusal(request) or self._time_refusal(request) or self._gpu_refusal(request)
        if refusal is None:
            self._points.add(request.point.key)
            self._admitted += 1
            self._gpu_room -= self._expected(request.replicates)
        return refusal

    def overdrawn_message(self) -> str:
        """Which limit is used up, and what to raise, as sentences."""
        if self._time_is_up:
            return f"The time of {duration(self._budget.max_elapsed_seconds or 0)} is up. Raise spec.budget.maxElapsedSeconds to continue."
        return f"{self._gpu_figures()} are used. Raise spec.budget.maxGpuSeconds to continue."

    # Limits

    @property
    def _time_is_up(self) -> bool:
        most = self._budget.max_elapsed_seconds
        return most is not None and self._elapsed >= most

    @property
    def _gpu_is_up(self) -> bool:
        most = self._budget.max_gpu_seconds
        return most is not None and self.gpu_seconds >= most

    def _runs_refusal(self, request: RunRequest) -> str | None:
        most = self._budget.max_runs
        if most is None or request.point.key in self._points or len(self._points) < most:
            return None
        used = f"{len(self._points):,} of {plural(most, 'run')} are used" if most else "No run is allowed"
        return f"{used}. Raise spec.budget.maxRuns to continue."

    def _time_refusal(self, request: RunRequest) -> str | None:
        most = self._budget.max_elapsed_seconds
        if most is None:
            return None
        if self._time_is_up:
            return self.overdrawn_message()
        expected = request.replicates * (self._costs.most_seconds or 0.0)
        if self._elapsed + expected <= most:
            return None
        return (
            f"{duration(self._elapsed)} of {duration(most)} have passed, and a run may take {duration(expected)}, as the longest so "
            "far. Raise spec.budget.maxElapsedSeconds to continue."
        )

    def _gpu_refusal(self, request: RunRequest) -> str | None:
        if self._budget.max_gpu_seconds is None:
            return None
        if self._gpu_is_up:
            return self.overdrawn_message()
        if (
            self._gpus != 0
            and self._costs.most_gpu_seconds is None
            and (self._admitted or any(map(_trains, self._open)))
        ):
            return (
                "The first run trains alone: what a run takes of spec.budget.maxGpuSeconds is known when it has ended."
            )
        expected = self._expected(request.replicates)
        if expected <= self._gpu_room:
            return None
        return (
            f"{self._gpu_figures()} are used, and a run may take {gpu_time(expected)}, as the costliest so far. Raise "
            "spec.budget.maxGpuSeconds to continue."
        )

    def _gpu_figures(self) -> str:
        return f"{gpu_time(self.gpu_seconds)} of {gpu_time(self._budget.max_gpu_seconds or 0)}"

    # Figures

    def _expected(self, replicates: int) -> float:
        """GPU-seconds that so many replicates take; 0 while nobody knows."""
        return replicates * (self._costs.most_gpu_seconds or 0.0)

    def _used(self, records: Records, now: datetime) -> float:
        last = [run for run in self._open if not any(_goes_on_in(run, other) for other in self._open)]
        open_ = (unrecorded_seconds(run, records.of(run.point_key), self._gpus or 0, now) for run in last)
        return max(self._costs.gpu_seconds + sum(open_), self._stored)

    def _reserved(self, records: Records, now: datetime) -> float:
        """What runs under way will use beyond what they have used."""
        return sum(self._still_needed(run, records, now) for run in self._open if _trains(run))

    def _still_needed(self, run: ObservedRun, records: Records, now: datetime) -> float:
        stored = records.of(run.point_key)
        missing = sum(k not in stored for k in replicates_of(run))
        used = sum(held_now(pod, now) for pod in run.pods) * (self._gpus or 0)
        return max(self._expected(missing) - used, 0.0)


def within_budget(
    sweep: Sweep,
    observed: Observed,
    records: Records,
    progress: Progress,
    collected: Mapping[str, Collected],
    waiting: Iterator[RunRequest],
    now: datetime,
) -> tuple[Iterator[RunRequest], Exhaustion | None]:
    """The runs that may be started, of those that wait, in their order; and why the next one may not, if so.

    records: with what is to be stored now.
    """
    budget = sweep.spec.budget
    if budget is None:
        return waiting, None
    allowance = Allowance(budget, observed, records, now)
    first = next(waiting, None)
    is_open = progress.stage in (Stage.TRAINING, Stage.EVALUATING)
    overdrawn = is_open and budget.on_exhausted is OnExhausted.STOP and allowance.is_overdrawn
    stops = overdrawn and allowance.is_known
    refusal = allowance.overdrawn_message() if overdrawn else allowance.admit(first) if first is not None else None
    if refusal is None:
        return _admitted(first, waiting, allowance), None
    over = not any(_is_under_way(run, records, collected[run.name], stops) for run in observed.runs)
    return iter(()), Exhaustion(refusal, overdrawn, stops, over, allowance.gpu_seconds)


def exhausted_at(sweep: Sweep, observed: Observed, now: datetime) -> Iterator[datetime]:
    """When a limit will be reached though nothing happens: that of time, and that of GPU-seconds by the pods in flight."""
    budget = sweep.spec.budget
    if budget is None:
        return
    if budget.max_elapsed_seconds is not None and observed.usage.start_time is not None:
        yield from _future(observed.usage.start_time, budget.max_elapsed_seconds, now)
    allowance = Allowance(budget, observed, observed.records, now)
    rate = sum(pod.in_flight and pod.started_at is not None for run in observed.runs for pod in run.pods)
    rate *= observed.usage.pod_gpus or 0
    if budget.max_gpu_seconds is not None and rate:
        yield from _future(now, (budget.max_gpu_seconds - allowance.gpu_seconds) / rate, now)


def _future(start: datetime, seconds: float, now: datetime) -> Iterator[datetime]:
    at = later(start, seconds)
    if at > now:
        yield at


def _admitted(first: RunRequest | None, waiting: Iterator[RunRequest], allowance: Allowance) -> Iterator[RunRequest]:
    if first is None:
        return
    yield first
    for request in waiting:
        if allowance.admit(request) is not None:
            return
        yield request


def _goes_on_in(run: ObservedRun, other: ObservedRun) -> bool:
    """Whether the other run trains replicates of this one after it, and so has noted what was spent on them."""
    later = (other.attempt, other.lost, other.moved) > (run.attempt, run.lost, run.moved)
    same = other.point_key == run.point_key and not set(replicates_of(run)).isdisjoint(replicates_of(other))
    return later and same


def _is_under_way(run: ObservedRun, records: Records, collected: Collected, stops: bool) -> bool:
    """Whether something is still to come of the run without another run."""
    if is_recorded(run, records):
        return False
    if collected.awaiting or any(pod.in_flight for pod in run.pods):
        return True
    return _trains(run) and not (stops and run.suspended)


def _trains(run: ObservedRun) -> bool:
    """Whether a pod of the run trains, or will. What has ended and goes on in another run does not keep that one from being started."""
    in_flight = any(pod.in_flight for pod in run.pods)
    return in_flight or not (run.deleting or is_at_rest(run) or run.needs_no_pod)
