"""When a sweep has to stop: data that changed, too many failures, failures that no retry mends, or an objective that nobody reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.conditions import NO_RETRY_MENDS, Reason
from regsweep.core.data import change_of
from regsweep.core.progress import PointState, Progress
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


def stop_reason(sweep: Sweep, records: Records, progress: Progress, pinned_data: str) -> Stop | None:
    """Why the sweep starts nothing more, or None. `pinned_data`: digest of the data that all results must rest on; may be empty."""
    return _data_changed(sweep, records, progress, pinned_data) or _failures(sweep, records, progress.ended)


def _data_changed(sweep: Sweep, records: Records, progress: Progress, pinned: str) -> Stop | None:
    """Results, or what was refused, of other data than the first results' stop a sweep at once: they answer another question."""
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


def _failures(sweep: Sweep, records: Records, states: Sequence[PointState]) -> Stop | None:
    """Too many failures, or an objective that nobody reports. `states`: how the wanted replicates of the grid have ended."""
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
