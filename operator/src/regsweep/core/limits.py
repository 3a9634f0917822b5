"""When a sweep has to stop: too many failures, failures that no retry mends, or a metric that no run reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.core.progress import PointState
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep

ALIKE = 3
"""So many first runs that all failed for one reason that no retry mends stop the sweep; so many without a metric that is
asked for, too."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a sweep starts nothing more."""

    reason: Reason
    message: str


def failed_run_limit(sweep: Sweep) -> int:
    """Maximum number of failed runs tolerated: maxFailedRuns as a count (percentages rounded up), by default 10 % and at least 3."""
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
    all_failed = bool(failed) and len(failed) == len(states)
    if not succeeded and len(reasons) == 1 and (len(failed) >= ALIKE or all_failed) and reasons <= NO_RETRY_MENDS:
        first = failures[0]
        runs = f"All {len(failed)} runs" if all_failed else f"The first {len(failed)} runs all"
        who = runs if len(failed) > 1 else "The only run"
        text = f"{who} failed with {first.reason}: {_sentence(first.message)} Fix the cause, then {sweep.how_to_retry} or change the flags."
        return Stop(Reason.RUNS_FAIL_ALIKE, text)
    if all_failed:
        who = f"All {len(failed)} runs failed" if len(failed) > 1 else "The only run failed"
        text = f"{who}. {_first(failures)} Fix the cause, then {sweep.how_to_retry}."
        return Stop(Reason.ALL_RUNS_FAILED, text)
    limit = failed_run_limit(sweep)
    if len(failed) > limit:
        allowed = f"at most {limit} failed runs are" if limit > 1 else "at most 1 failed run is" if limit else "none is"
        return Stop(
            Reason.TOO_MANY_FAILED_RUNS,
            f"{len(failed)} of {len(states)} runs failed; {allowed} allowed (spec.maxFailedRuns). {_first(failures)} "
            f"Fix the cause, then {sweep.how_to_retry}, or raise spec.maxFailedRuns.",
        )
    return _metric_missing(sweep, records, states)


def first_failure(point: Point, records: Records) -> Record:
    """The point's failed record of the lowest replicate; the point must have one."""
    stored = records.of(point.key)
    return next(stored[k] for k in sorted(stored) if stored[k].outcome is Outcome.FAILED)


def _first(failures: Sequence[Record]) -> str:
    return f"The first: {failures[0].reason}: {_sentence(failures[0].message)}"


def _sentence(text: str) -> str:
    """A trainer's words, so that more can follow them."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _metric_missing(sweep: Sweep, records: Records, states: Sequence[PointState]) -> Stop | None:
    """Why the objective, or else a constraint, cannot be judged: its metric is in no record. None until enough runs are in."""
    objective = sweep.spec.objective
    missing = {objective.metric, *(constraint.metric for constraint in objective.constraints)}
    reported: set[str] = set()
    trained = 0
    for point, state in zip(sweep.points, states, strict=True):
        if state is PointState.OPEN:
            continue
        results = [record for record in records.of(point.key).values() if record.outcome is Outcome.OK]
        reported.update(*(record.metrics for record in results))
        if missing <= reported:
            return None
        trained += bool(results)
    if trained < ALIKE and (not trained or PointState.OPEN in states):
        return None
    missing -= reported
    if objective.metric in missing:
        return _unreported(Reason.OBJECTIVE_NOT_REPORTED, "spec.objective.metric", objective.metric, reported)
    place = next(place for place, constraint in enumerate(objective.constraints) if constraint.metric in missing)
    field = f"spec.objective.constraints[{place}].metric"
    return _unreported(Reason.CONSTRAINT_NOT_REPORTED, field, objective.constraints[place].metric, reported)


def _unreported(reason: Reason, field: str, metric: str, reported: set[str]) -> Stop:
    names = ", ".join(sorted(name for name in reported if name.startswith(("train_", "val_")))) or "nothing"
    text = f"{field}: no run reported {metric}. Reported: {names}. Set {field} to one of these."
    return Stop(reason, text)
