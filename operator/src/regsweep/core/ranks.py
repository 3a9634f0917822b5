"""The ranking of a sweep: `stats.ranking` with what the sweep's spec and its last analysis say."""

from __future__ import annotations

from regsweep.api.objective import objective_status
from regsweep.core.judge import Judged
from regsweep.core.records import Records
from regsweep.core.stats.ranking import Ranking
from regsweep.core.stats.ranking import rank as rank_combinations
from regsweep.core.sweep import Sweep


def rank(sweep: Sweep, records: Records, judged: Judged | None) -> Ranking:
    """The sweep's combinations in order, with or without results; those that a race dropped behind those that it did not."""
    return rank_combinations(
        [point.combination for point in sweep.points],
        {point.combination.id: point.key for point in sweep.points},
        records,
        objective_status(sweep.spec.objective),
        sweep.most_replicates,
        sweep.spec.objective.constraints,
        judged.dropped if judged is not None else frozenset(),
    )
