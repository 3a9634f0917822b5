"""How good the best and the one-standard-error pick are, for this data set and for new data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from regsweep.api.analysis import Levels, PickResult
from regsweep.api.objective import metric_bounds
from regsweep.api.spec import Resampling
from regsweep.core.grid import label
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.intervals import Estimand, Split, given_data, new_data, unpaired
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pick import Pick
from regsweep.core.judging.stats.scores import Cells
from regsweep.core.results.records import Record


@dataclass(frozen=True, slots=True)
class Scale:
    """The objective's values: how they relate to losses, and which they can be."""

    sign: float
    """What turns a loss into the objective: -1 where large is good."""
    least: float = -inf
    most: float = inf

    @classmethod
    def of(cls, metric: str, sign: float, values: Floats) -> Scale:
        """The scale of the metric; without bounds where one of the values lies outside of those that its name promises."""
        least, most = metric_bounds(metric)
        holds = np.nanmin(values, initial=least) >= least and np.nanmax(values, initial=most) <= most
        return cls(sign, least, most) if holds else cls(sign)


@dataclass(frozen=True, slots=True)
class Judging:
    """What every mean and difference of a sweep is judged by."""

    scale: Scale
    resampling: Resampling
    paired: bool
    """Replicates are paired (see `pairing`)."""


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


def levels_of(losses: Floats, split: Split, scale: Scale) -> Levels:
    """How good a combination is, on the objective's scale. `losses`: (n,), NaN for a missing replicate."""
    values = scale.sign * losses[np.isfinite(losses)]
    return _cut(Levels(given_data=given_data(values, split), new_data=new_data(values, split)), scale.least, scale.most)


def difference_of(pick: Floats, best: Floats, split: Split, scale: Scale, paired: bool) -> Levels:
    """Pick minus best, positive is worse. (n,) losses each, NaN for a missing replicate."""
    if paired:
        values = (pick - best)[np.isfinite(pick - best)]
        found = Levels(given_data=given_data(values, split), new_data=new_data(values, split))
    else:
        one, other = pick[np.isfinite(pick)], best[np.isfinite(best)]
        found = Levels(
            given_data=unpaired(Estimand.GIVEN_DATA, one, other, split),
            new_data=unpaired(Estimand.NEW_DATA, one, other, split),
        )
    width = scale.most - scale.least
    return _cut(found, -width, width)


def pick_result(pick: Pick, best: int, cells: Cells, losses: Floats, how: Judging) -> PickResult:
    """The one-standard-error pick beside the best. `losses`: (G, n), smaller is better."""
    combination = cells.rows[pick.row]
    is_best = pick.row == best
    difference = Levels()
    if not is_best:
        split = split_of(cells, (pick.row, best), how.resampling)
        difference = difference_of(losses[pick.row], losses[best], split, how.scale, how.paired)
    return PickResult(
        combination=combination.id,
        label=label(combination.flags),
        is_best=is_best,
        candidates=pick.candidates,
        level=levels_of(losses[pick.row], split_of(cells, (pick.row,), how.resampling), how.scale),
        difference=difference,
        rule=pick.rule,
    )


def _cut(levels: Levels, least: float, most: float) -> Levels:
    given, new = (each and cut_to(each, least, most) for each in (levels.given_data, levels.new_data))
    return Levels(given_data=given, new_data=new)
