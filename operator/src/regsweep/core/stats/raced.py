"""A sweep's race, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.api.spec import Constraint, Goal, Racing, SimplicityFlag
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.records import Outcome, Records
from regsweep.core.stats.pairing import mixture_of
from regsweep.core.stats.racing import Bound, Race, may_be_picked, race
from regsweep.core.stats.ranking import objective_reader
from regsweep.core.stats.scores import Cells, metric_reader


@dataclass(frozen=True, slots=True)
class RaceRules:
    """What a race goes by, beside the records."""

    racing: Racing
    constraints: Sequence[Constraint]
    simplicity_order: Sequence[SimplicityFlag]
    first_attempt: int = 0
    """A replicate that failed at an earlier attempt is trained again, and does not count as failed."""


def race_of(
    combinations: Sequence[Combination],
    point_keys: Mapping[str, str],
    records: Records,
    objective: ObjectiveStatus,
    rules: RaceRules,
) -> Race:
    """Replays the race on the sweep's records; rows are `combinations`. A replicate without a number counts as diverged."""
    cells = Cells(combinations, point_keys, records, rules.racing.max_replicates)
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0
    losses = sign * cells.collect(objective_reader(objective))
    broke, failed = np.zeros(losses.shape, dtype=np.bool_), np.zeros(losses.shape, dtype=np.bool_)
    for row, combination in enumerate(combinations):
        for replicate, record in records.of(point_keys[combination.id]).items():
            if not 0 <= replicate < losses.shape[1]:
                continue
            if record.outcome is Outcome.FAILED:
                failed[row, replicate] = record.attempt >= rules.first_attempt
            else:
                broke[row, replicate] = np.isnan(losses[row, replicate])
    return race(
        losses,
        broke,
        rules.racing,
        may_be_picked(combinations, rules.simplicity_order),
        failed=failed,
        bounds=[Bound(cells.collect(metric_reader(each.metric)), each) for each in rules.constraints],
        paired=not mixture_of(point_keys.values(), records, rules.racing.max_replicates),
    )
