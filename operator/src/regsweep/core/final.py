"""The final evaluation's picks: what they are, and whether they still are what the sweep would pick."""

from __future__ import annotations

from regsweep.api.analysis import PickRole
from regsweep.api.status import FinalPick, FinalStatus
from regsweep.core.judging.analysis import rank
from regsweep.core.progress import PointState, Progress, grid_digest
from regsweep.core.results.records import Records
from regsweep.core.sweep import Sweep


def freeze(sweep: Sweep, progress: Progress, records: Records) -> FinalStatus:
    """The picks to evaluate: the best and the one-standard-error pick, once where both are one; none where nothing may be best.

    The spec must ask for a final evaluation, and the grid must have ended.

    Raises ValueError where it does not.
    """
    if sweep.spec.final is None:
        raise ValueError(f"sweep {sweep.name} has no final evaluation")
    roles: dict[str, list[PickRole]] = {}
    best = rank(sweep, records, progress.analysis_result).best
    if best is not None:
        roles[best.combination.id] = [PickRole.BEST]
        pick = progress.analysis_result.analysis.pick if progress.analysis_result is not None else None
        if pick is not None and pick.combination is not None:
            roles.setdefault(pick.combination, []).append(PickRole.ONE_STANDARD_ERROR)
    flags = {point.combination.id: point.combination.flags for point in sweep.points}
    return FinalStatus(
        rests_on=grid_digest(sweep, progress.grid, records),
        picks=[FinalPick(roles=played, flags=flags[combination]) for combination, played in roles.items()],
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
    stale = frozen.rests_on != grid_digest(sweep, progress.grid, records)
    return frozen.model_copy(update={"ended": ended, "failed": failed, "stale": stale})
