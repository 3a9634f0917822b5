"""How good the best and the one-standard-error pick are, for this data set and for new data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.api.spec import PickRule, Resampling
from regsweep.core.judging.stats.intervals import Estimand, Interval, Split, given_data, new_data, unpaired
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pick import Pick
from regsweep.core.judging.stats.scores import Cells
from regsweep.core.results.records import Record


@dataclass(frozen=True, slots=True)
class Levels:
    """How good a combination is, or how large a difference."""

    given_data: Interval | None
    new_data: Interval | None


@dataclass(frozen=True, slots=True)
class PickResult:
    """The one-standard-error pick."""

    combination_id: str
    is_best: bool
    """Nothing simpler was about as good."""
    candidates: int
    levels: Levels
    difference: Levels
    """Pick minus best, positive is worse, paired where replicates are; both None where the pick is the best."""
    rule: PickRule


def rows_ratio(records: Sequence[Record]) -> float | None:
    """n_val / n_train, the mean over the replicates that say it; None where none does."""
    known = [
        environment.val_rows / environment.train_rows
        for environment in (record.environment for record in records)
        if environment.val_rows is not None and environment.train_rows
    ]
    return sum(known) / len(known) if known else None


def split_of(cells: Cells, rows: Sequence[int], resampling: Resampling) -> Split:
    """How the rows' replicates were split; of several rows the largest n_val / n_train, which is the cautious one."""
    known = [ratio for row in rows if (ratio := rows_ratio(cells.sound(row))) is not None]
    return Split(resampling, max(known, default=None))


def levels_of(values: Floats, split: Split) -> Levels:
    """`values`: (n,), NaN for a missing replicate."""
    there = values[np.isfinite(values)]
    return Levels(given_data(there, split), new_data(there, split))


def pick_result(
    pick: Pick, best: int, cells: Cells, losses: Floats, sign: float, resampling: Resampling, paired: bool
) -> PickResult:
    """`losses`: (G, n), smaller is better; `sign`: what turns them into the objective."""
    is_best = pick.row == best
    difference = Levels(None, None)
    if not is_best:
        split = split_of(cells, (pick.row, best), resampling)
        if paired:
            difference = levels_of(losses[pick.row] - losses[best], split)
        else:
            one, other = (losses[row][np.isfinite(losses[row])] for row in (pick.row, best))
            difference = Levels(
                unpaired(Estimand.GIVEN_DATA, one, other, split), unpaired(Estimand.NEW_DATA, one, other, split)
            )
    return PickResult(
        combination_id=cells.rows[pick.row].id,
        is_best=is_best,
        candidates=pick.candidates,
        levels=levels_of(sign * losses[pick.row], split_of(cells, (pick.row,), resampling)),
        difference=difference,
        rule=pick.rule,
    )
