"""The best and the pick compared with references: models outside the grid, trained by the same replicates.

The reference is given beforehand, the best is not: it was chosen among m combinations by the same values, and looks better than
it is. So the interval of a difference is one of m that hold together (Dunn, "Multiple comparisons among means", Journal of the
American Statistical Association 56, 1961): t at 1 - 5 % / m, with the variances of all combinations' differences to the reference
moderated (see `moderation`). These differences have the reference's replicates in common, so that their variances agree more
than they are known; the interval is therefore never narrower than the difference's own t interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import JsonValue
from scipy.stats import t as student

from regsweep.api.analysis import Analysis, Interval, ReferenceComparison
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Subject
from regsweep.api.spec import Resampling
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.differences import Differences, differences_to
from regsweep.core.judging.stats.digits import last_digit
from regsweep.core.judging.stats.findings import not_converged
from regsweep.core.judging.stats.intervals import Estimand, Split, given_data, unpaired
from regsweep.core.judging.stats.levels import Judging, Scale
from regsweep.core.judging.stats.moderation import Floats, moderate
from regsweep.core.judging.stats.pairing import mixture_of
from regsweep.core.judging.stats.ranking import TrainedGrid, objective_reader
from regsweep.core.judging.stats.scores import Cells
from regsweep.core.results.records import Outcome
from regsweep.core.sweep import Reference


def compare_with_references(
    grid: TrainedGrid,
    references: Sequence[Reference],
    found: Analysis,
    resampling: Resampling,
    parameters: Mapping[str, JsonValue] | None = None,
    minimum_difference: float | None = None,
) -> list[ReferenceComparison]:
    """Each reference beside the best and the pick that were found. `parameters`: those that references are overlays of.
    `minimum_difference`: of the objective, what is too small to matter.

    A reference that something else has trained is not paired with the grid, though the grid's combinations may be.
    """
    chosen = [each.combination for each in found.comparisons if each.combination is not None]
    if not chosen:
        return [ReferenceComparison(name=each.name) for each in references]
    by_id = {combination.id: combination for combination in grid.combinations}
    pick = found.pick.combination if found.pick is not None else None
    rows = Cells([by_id[each] for each in chosen], grid)
    losses = rows.losses(objective_reader(grid.objective))
    scale = Scale.of(grid.objective.metric, grid.sign, grid.sign * losses)
    how = Judging(scale, resampling, found.paired)
    compared = []
    for each in references:
        key = each.point.key
        keys = [grid.point_keys[each] for each in chosen]
        is_best = key == keys[0]
        family = _family(losses, grid, key, keys, how)
        of_pick = chosen.index(pick) if pick in chosen and pick != chosen[0] else None
        compared.append(
            ReferenceComparison(
                name=each.name,
                is_best=is_best,
                still_improving=_is_still_improving(each, grid, parameters or {}, minimum_difference),
                difference=family.interval(0) if family is not None and not is_best else None,
                constant_difference=family.constant(0) if family is not None and not is_best else None,
                pick_difference=family.interval(of_pick) if family is not None and of_pick is not None else None,
            )
        )
    return compared


def _is_still_improving(
    reference: Reference, grid: TrainedGrid, parameters: Mapping[str, JsonValue], minimum_difference: float | None
) -> bool:
    records = grid.records.of(reference.point.key)
    sound = [records[k] for k in sorted(records) if k < grid.replicates and records[k].outcome is Outcome.OK]
    trained_with = {**parameters, **reference.flags}
    return not_converged(Subject.SWEEP, sound, trained_with, grid.objective.metric, minimum_difference) is not None


@dataclass(frozen=True, slots=True)
class _Family:
    """Differences of one reference to all combinations that might have been chosen."""

    losses: Floats
    """(m, n), smaller is better."""
    reference: Floats
    """(n,)"""
    differences: Differences
    """(m,): combination minus reference."""
    moderated_errors: Floats
    """(m,)"""
    degrees_of_freedom: Floats
    """(m,) of these."""
    others: int
    """Combinations that are not the reference itself."""
    how: Judging

    def interval(self, row: int) -> Interval | None:
        """Reference minus this combination; None where they have too few replicates in common, or are one."""
        own = self._own(row)
        enough = self.differences.replicates[row] >= MIN_REPLICATES_FOR_ERROR
        if own is None or not enough or self.constant(row) is not None:
            return None
        tail = (1 - CONFIDENCE_LEVEL) / 2 / max(self.others, 1)
        margin = float(student.ppf(1 - tail, self.degrees_of_freedom[row]) * self.moderated_errors[row])
        margin = max(margin, own.high - own.mean)
        wide = own.model_copy(update={"low": own.mean - margin, "high": own.mean + margin})
        width = self.how.scale.most - self.how.scale.least
        return cut_to(wide, -width, width)

    def constant(self, row: int) -> float | None:
        """Reference minus this combination, where that is the same in all replicates that they have in common, at least 3."""
        gaps = self.reference - self.losses[row]
        gaps = gaps[np.isfinite(gaps)]
        if not self.how.paired or len(gaps) < MIN_REPLICATES_FOR_ERROR:
            return None
        rounding = last_digit(np.array([self.reference, self.losses[row]]))
        if float(np.ptp(gaps)) > rounding:
            return None
        centre = float(gaps.mean())
        return centre if abs(centre) > rounding else 0.0

    def _own(self, row: int) -> Interval | None:
        split = Split(self.how.resampling)
        if self.how.paired:
            gaps = self.reference - self.losses[row]
            return given_data(gaps[np.isfinite(gaps)], split)
        one, other = (each[np.isfinite(each)] for each in (self.reference, self.losses[row]))
        return unpaired(Estimand.GIVEN_DATA, one, other, split)


def _family(losses: Floats, grid: TrainedGrid, key: str, keys: list[str], how: Judging) -> _Family | None:
    """The reference's differences; None where one of its replicates diverged, or none has the objective."""
    placeholder = Combination("", {}, 0)
    alone = replace(grid, combinations=[placeholder], point_keys={placeholder.id: key})
    records = [record for k, record in alone.records_of(placeholder).items() if 0 <= k < grid.replicates]
    reference = Cells([placeholder], alone).losses(objective_reader(grid.objective))[0]
    if any(record.outcome is Outcome.DIVERGED for record in records) or not np.isfinite(reference).any():
        return None
    paired = how.paired and not mixture_of([*keys, key], grid.records, grid.replicates)
    values = np.vstack([losses, reference])
    differences = differences_to(values, len(losses), paired)
    others = [row for row, each in enumerate(keys) if each != key]
    errors, df = differences.standard_errors.copy(), differences.degrees_of_freedom.copy()
    if paired:
        n = differences.replicates[others]
        usable = np.where(n >= 2, df[others], 0.0)
        moderated = moderate(errors[others] ** 2 * n, usable, float(usable.sum()))
        errors[others] = np.sqrt(moderated.variances / np.maximum(n, 1))
        df[others] = np.maximum(moderated.degrees_of_freedom, 1)
    return _Family(losses, reference, differences, errors, df, len(others), replace(how, paired=paired))
