"""How good the best and the one-standard-error pick are, for this data set and for new data.

What the mean of the best of many equal combinations is too good by grows with their number: its t interval then covers far too seldom.
Where the best was chosen among contenders, the worse end of its interval is one of as many as there are contenders that hold
together (see `rotations.error_of_any`): so it holds for whichever of them was chosen. The better end is the ordinary one, since
choosing the best makes a mean too good and never too bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from regsweep.api.analysis import Interval, Levels, PickResult
from regsweep.api.constants import CONFIDENCE_LEVEL
from regsweep.api.objective import metric_bounds
from regsweep.api.spec import Resampling
from regsweep.core.grid import label
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.intervals import Estimand, Split, given_data, new_data, unpaired
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pick import Pick
from regsweep.core.judging.stats.rotations import error_of_any
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
    are_contenders: bool = False
    """The combinations are what a refinement has left, and these same values choose among them."""


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


def level_of(losses: Floats, row: int, cells: Cells, how: Judging) -> Levels:
    """How good a row of (G, n) losses is, on the objective's scale; where it is one of the contenders, with room for that choice."""
    split, scale = split_of(cells, (row,), how.resampling), how.scale
    found = _levels(losses[row], split, scale)
    error = error_of_any(losses, row, (1 - CONFIDENCE_LEVEL) / 2) if how.are_contenders else None
    if error is not None and found.given_data is not None:
        extra = int(np.isfinite(losses[row]).sum()) * (split.ratio or 0.0)
        given = _with_room(found.given_data, error, scale)
        new = found.new_data and _with_room(found.new_data, error * sqrt(1 + extra), scale)
        found = Levels(given_data=given, new_data=new)
    return _cut(found, scale.least, scale.most)


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
        level=level_of(losses, pick.row, cells, how),
        difference=difference,
        rule=pick.rule,
    )


def _levels(losses: Floats, split: Split, scale: Scale) -> Levels:
    values = scale.sign * losses[np.isfinite(losses)]
    return Levels(given_data=given_data(values, split), new_data=new_data(values, split))


def _with_room(interval: Interval, error: float, scale: Scale) -> Interval:
    """The interval with so much room at its worse end, or as much as it has."""
    if scale.sign > 0:
        return interval.model_copy(update={"high": max(interval.high, interval.mean + error)})
    return interval.model_copy(update={"low": min(interval.low, interval.mean - error)})


def _cut(levels: Levels, least: float, most: float) -> Levels:
    given, new = (each and cut_to(each, least, most) for each in (levels.given_data, levels.new_data))
    return Levels(given_data=given, new_data=new)
