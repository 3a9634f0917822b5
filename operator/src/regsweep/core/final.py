"""What is chosen once and then stays: the final evaluation's picks, and what refinement adds; and whether they still are what the
sweep would choose."""

from __future__ import annotations

from regsweep.api.status import FinalStatus, OuterStatus, RefinementStatus
from regsweep.core.judging.analysis import picks_of
from regsweep.core.progress import Progress, grid_digest, search_digest
from regsweep.core.refinement import next_refinement
from regsweep.core.results.records import Records
from regsweep.core.standings import PointState
from regsweep.core.sweep import Sweep


def freeze(sweep: Sweep, progress: Progress, records: Records) -> FinalStatus:
    """The picks to evaluate: the best and the one-standard-error pick, or with nested resampling those of each outer fold.

    The spec must ask for a final evaluation, and the grid and the outer folds must have ended and been analysed.

    Raises ValueError where it does not.
    """
    if sweep.spec.final is None:
        raise ValueError(f"sweep {sweep.name} has no final evaluation")
    found, folds = progress.analysis_result, sweep.spec.final.folds
    if folds is None:
        picks = picks_of(sweep, records, found)
    else:
        picks = list(found.outer.picks) if found is not None and found.outer is not None else []
    return FinalStatus(
        rests_on=grid_digest(sweep, progress.grid, records),
        picks=picks,
        folds=folds,
        replicates=sweep.spec.final.replicates,
    )


def final_status(sweep: Sweep, frozen: FinalStatus, progress: Progress, records: Records) -> FinalStatus:
    """How far the final evaluation is, and whether the sweep has changed since the picks were frozen."""
    ended = failed = 0
    for target, state in zip(progress.final, progress.final_ended, strict=True):
        stored = records.of(target.point.key)
        present = [stored[k] for k in range(target.replicates) if k in stored]
        lost = sum(not record.has_result for record in present) if state is not PointState.OPEN else 0
        ended += sum(record.has_result for record in present) + lost
        failed += lost
    stale = frozen.rests_on != grid_digest(sweep, progress.grid, records) or _asks_otherwise(sweep, frozen)
    return frozen.model_copy(update={"ended": ended, "failed": failed, "stale": stale})


def _asks_otherwise(sweep: Sweep, frozen: FinalStatus) -> bool:
    """Whether the spec asks for other rows by now than the picks were frozen for."""
    return sweep.spec.final is not None and sweep.spec.final.folds != frozen.folds


def outer_status(progress: Progress) -> OuterStatus | None:
    """How far the outer folds are; None where none are to be trained, or their picks are frozen."""
    states = progress.outer_ended
    if not states:
        return None
    return OuterStatus(
        total=len(states),
        ended=sum(state is not PointState.OPEN for state in states),
        failed=sum(state is PointState.FAILED for state in states),
    )


def refine(sweep: Sweep, progress: Progress, records: Records) -> RefinementStatus:
    """What refinement chooses next, by the analysis of all that was trained. Raises ValueError where there is no such analysis."""
    if progress.analysis_result is None:
        raise ValueError(f"sweep {sweep.name} has not been analysed")
    return next_refinement(sweep, progress.analysis_result.analysis, search_digest(sweep, records))


def refinement_status(sweep: Sweep, chosen: RefinementStatus | None, records: Records) -> RefinementStatus | None:
    """What refinement has chosen, and whether the sweep has changed since; None where there is none."""
    if chosen is None or sweep.spec.refinement is None or chosen.contenders is None:
        return chosen
    return chosen.model_copy(update={"stale": chosen.rests_on != search_digest(sweep, records)})
