"""When a sweep has to stop: changed data, too many failures, failures that a retry does not fix, or a metric that no run reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.core.data import change_of
from regsweep.core.progress import Progress
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.standings import PointState
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


def stop_reason(sweep: Sweep, records: Records, progress: Progress, pinned_data: str) -> Stop | None:
    """Why the sweep starts nothing more, or None. `pinned_data`: digest of the data that all results must rest on; may be empty."""
    return (
        _data_changed(sweep, records, progress, pinned_data)
        or _failures(sweep, records, progress)
        or _outer_failures(sweep, records, progress)
    )


def _data_changed(sweep: Sweep, records: Records, progress: Progress, pinned: str) -> Stop | None:
    """Results, or what was refused, of other data than the first results' stop a sweep at once: they answer another question."""
    if progress.data <= {pinned} and not progress.data_refused:
        return None
    stored = {target.point.key: records.of(target.point.key) for target in progress.targets}
    others = [r for each in stored.values() for r in each.values() if _has_other_data(r, pinned, sweep)]
    if not others:
        return None
    new = next((r.environment.data_digest for r in others if r.environment.data_digest not in ("", pinned)), "")
    resting = sum(
        any(r.has_result and r.environment.data_digest == pinned for r in stored[target.point.key].values())
        for target in progress.grid
    )
    change = change_of(pinned, new)
    return Stop(
        Reason.DATA_CHANGED,
        f"The data changed{f' ({change})' if change else ''}: {resting} of {len(progress.grid)} runs rest on the old data. "
        f"Restore the data, then {sweep.how_to_retry}; or {sweep.how_to_train_anew} to train all of them again.",
    )


def _has_other_data(record: Record, pinned: str, sweep: Sweep) -> bool:
    if record.has_result:
        return record.environment.data_digest not in ("", pinned)
    return record.reason is Reason.DATA_CHANGED and record.attempt >= sweep.first_attempt


def _failures(sweep: Sweep, records: Records, progress: Progress) -> Stop | None:
    """Too many failures, or an objective that nobody reports."""
    states, failed, succeeded = progress.ended, progress.failed, progress.succeeded
    if not failed:
        return _metric_missing(sweep, records, states)
    failures = [first_failure(target.point, records) for target in failed]
    reasons = {f.reason for f in failures}
    all_failed = len(failed) == len(states)
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


def _outer_failures(sweep: Sweep, records: Records, progress: Progress) -> Stop | None:
    """The first runs in outer folds that all failed for one reason that no retry mends, such as data that mark their own test rows."""
    states = [state for state in progress.outer_ended if state is not PointState.OPEN]
    if len(states) < min(ALIKE, len(progress.outer_ended)) or any(state is PointState.SUCCEEDED for state in states):
        return None
    failed = zip(progress.outer, progress.outer_ended, strict=True)
    failures = [first_failure(target.point, records) for target, state in failed if state is PointState.FAILED]
    reasons = {failure.reason for failure in failures}
    if not failures or len(reasons) > 1 or not reasons <= NO_RETRY_MENDS:
        return None
    first = failures[0]
    text = (
        f"The first {len(failures)} runs in outer folds all failed with {first.reason}: {_sentence(first.message)} Fix the cause, then "
        f"{sweep.how_to_retry}, or remove evaluate: Nested."
    )
    return Stop(Reason.RUNS_FAIL_ALIKE, text)


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
