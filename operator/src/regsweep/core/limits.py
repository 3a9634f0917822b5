"""When a sweep has to stop: too many failures, failures that no retry mends, or an objective that nobody reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.core.progress import PointState
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep

ALIKE = 3
"""So many first runs, all failed for one reason that no retry mends, stop the sweep; so many without the objective too."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a sweep starts nothing more."""

    reason: Reason
    message: str


def failed_run_limit(sweep: Sweep) -> int:
    """Failed runs that are put up with: maxFailedRuns as a count (percentages rounded up), by default 10 % and at least 3."""
    asked, total = sweep.spec.max_failed_runs, len(sweep.points)
    if asked is None:
        return max(3, math.ceil(total * 0.1))
    text = str(asked)
    return math.ceil(total * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def stop_reason(sweep: Sweep, records: Records, states: Sequence[PointState]) -> Stop | None:
    """Why the sweep starts nothing more, or None. `states`: how the replicates wanted now have ended, in the grid's order."""
    failed = [p for p, state in zip(sweep.points, states, strict=True) if state is PointState.FAILED]
    succeeded = sum(state is PointState.SUCCEEDED for state in states)
    failures = [first_failure(p, records) for p in failed]
    reasons = {f.reason for f in failures}
    all_failed = len(failed) == len(states)
    if not succeeded and len(reasons) == 1 and (len(failed) >= ALIKE or all_failed) and reasons <= NO_RETRY_MENDS:
        first = failures[0]
        who = f"The first {len(failed)} runs all" if len(failed) > 1 else "The only run"
        return Stop(
            Reason.RUNS_FAIL_ALIKE,
            f"{who} failed with {first.reason}: {_sentence(first.message)} "
            f"Mend the cause, then {sweep.how_to_retry} or change the flags.",
        )
    limit = failed_run_limit(sweep)
    if len(failed) > limit or (failed and all_failed):
        return Stop(
            Reason.TOO_MANY_FAILED_RUNS,
            f"{len(failed)} of {len(states)} runs failed, {limit} are put up with (spec.maxFailedRuns). "
            f"The first: {failures[0].reason}: {_sentence(failures[0].message)} "
            f"Mend the cause, then {sweep.how_to_retry}, or raise spec.maxFailedRuns.",
        )
    return _objective_missing(sweep, records, states)


def first_failure(point: Point, records: Records) -> Record:
    """The point's failed record of the lowest replicate; the point must have one."""
    stored = records.of(point.key)
    return next(stored[k] for k in sorted(stored) if stored[k].outcome is Outcome.FAILED)


def _sentence(text: str) -> str:
    """A trainer's words, so that more can follow them."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _objective_missing(sweep: Sweep, records: Records, states: Sequence[PointState]) -> Stop | None:
    metric = sweep.spec.objective.metric
    reported: set[str] = set()
    without = 0
    for point, state in zip(sweep.points, states, strict=True):
        if state is PointState.OPEN:
            continue
        trained = [r for r in records.of(point.key).values() if r.outcome is Outcome.OK]
        if any(metric in r.metrics for r in trained):
            return None
        if trained:
            without += 1
            reported.update(*(r.metrics for r in trained))
    if without < ALIKE and (without == 0 or PointState.OPEN in states):
        return None
    names = ", ".join(sorted(reported)) or "nothing"
    return Stop(
        Reason.OBJECTIVE_NOT_REPORTED,
        f"spec.objective.metric: no run reported {metric}. Reported: {names}. Set spec.objective.metric to one of these.",
    )
