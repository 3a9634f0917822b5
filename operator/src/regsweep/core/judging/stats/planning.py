"""What more replicates would show: how many tell the first two apart, and which difference this many show (see `power`).

It rests on the standard errors of `ties`, so that it is about the very sets that are shown: replicates of this data set, not new
data. How large the true difference is nobody knows, and the first two were chosen by these very values: the interval says what
that leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from regsweep.api.outlook import Planning, ReplicatesNeeded
from regsweep.api.spec import Resampling
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.power import (
    MOST_DEGREES_OF_FREEDOM,
    MOST_REPLICATES,
    Design,
    critical_value,
    detectable_statistic,
    effect_interval,
    replicates_needed,
    scale_interval,
)
from regsweep.core.judging.stats.ties import TiedSet

ROUNDING = 1e-12
"""Part of the values below which a standard error is what floating point leaves of equal values."""
MOST_TIED = 20
"""Combinations tied with the best that are looked at, the nearest first."""


def plan_replicates(
    combinations: Sequence[Combination],
    losses: Floats,
    tied: TiedSet,
    resampling: Resampling,
    minimum_difference: float | None = None,
) -> Planning | None:
    """What more replicates show; None where nothing is compared, or where replicates do not differ at all.

    `combinations`, `losses`: those of `tied`, in the order of the ranking; (G, n), smaller is better.
    """
    there = np.isfinite(losses)
    compared = tied.comparable.copy()
    compared[tied.best] = False
    among = compared & tied.tied if (compared & tied.tied).any() else compared
    if not among.any():
        return None
    replicates = int(there[tied.best].sum())
    error = float(np.median(tied.standard_error[among]))
    df = min(float(np.median(tied.degrees_of_freedom[among])), MOST_DEGREES_OF_FREEDOM)
    if not error > ROUNDING * float(np.nanmax(np.abs(losses))) or df < 1:
        return None
    shown = error * detectable_statistic(critical_value(int(tied.tied.sum()), df), df)
    narrow, wide = scale_interval(df)
    planner = _Planner(tied, replicates, df, resampling)
    second = _second(tied)
    needed = planner.for_second(second) if second is not None else None
    return Planning(
        replicates=replicates,
        detectable=shown,
        detectable_low=narrow * shown,
        detectable_high=wide * shown,
        second=combinations[second].id if needed is not None and second is not None else None,
        first_two=needed,
        minimum_difference=None if minimum_difference is None else planner.for_difference(minimum_difference, error),
    )


def _second(tied: TiedSet) -> int | None:
    """The row after the best, if it is tied with it; None where the first two are told apart."""
    if tied.best + 1 >= len(tied.tied) or not tied.tied[tied.best + 1]:
        return None
    return tied.best + 1


class _Planner:
    """Replicates for the confidence set as it is."""

    def __init__(self, tied: TiedSet, replicates: int, degrees_of_freedom: float, resampling: Resampling) -> None:
        rows = tied.tied.copy()
        rows[tied.best] = False
        spread = tied.standard_error[rows] * sqrt(replicates)
        effects = np.sort(np.divide(tied.difference[rows], spread, out=np.zeros_like(spread), where=spread > 0))
        self._tied = tied
        self._replicates = replicates
        self._df = degrees_of_freedom
        self._design = Design(effects[:MOST_TIED], degrees_of_freedom / max(replicates - 1, 1))
        self._folds = (resampling.folds or 1) if resampling.has_folds else 1

    def for_second(self, row: int) -> ReplicatesNeeded | None:
        """Those that tell this row and the best apart; None where they do not differ in noise that can be seen."""
        error, difference = float(self._tied.standard_error[row]), float(self._tied.difference[row])
        if not error > 0:
            return None
        statistic = max(difference, 0.0) / error
        low, high = effect_interval(statistic, self._df, self._replicates)
        more = self._replicates + 1
        return ReplicatesNeeded(
            difference=difference,
            replicates=self._needed(statistic / sqrt(self._replicates), more),
            low=self._needed(high, more) or MOST_REPLICATES,
            high=self._needed(low, more),
        )

    def for_difference(self, difference: float, error: float) -> ReplicatesNeeded:
        """Those that show a difference of just this size. `error`: the standard error of a typical difference."""
        effect = difference / (error * sqrt(self._replicates))
        narrow, wide = scale_interval(self._df)
        return ReplicatesNeeded(
            difference=difference,
            replicates=self._needed(effect),
            low=self._needed(effect / narrow) or MOST_REPLICATES,
            high=self._needed(effect / wide),
        )

    def _needed(self, effect: float, fewest: int = 3) -> int | None:
        """In whole rounds of folds."""
        found = replicates_needed(effect, self._design, fewest)
        return None if found is None else ceil(found / self._folds) * self._folds
