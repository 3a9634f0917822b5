"""What more replicates would show: how many tell the first two apart, and which difference this many show (see `power`).

It rests on the errors and limits of `ties`, so that it is about the very sets that are shown: replicates of this data set, not new
data. How large the true difference is nobody knows, and the first two were chosen by these very values: the interval says what
that leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from regsweep.api.constants import MOST_REPLICATES_NAMED
from regsweep.api.outlook import Planning, ReplicatesNeeded
from regsweep.api.spec import Resampling
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.digits import last_digit
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.power import (
    FEWEST_REPLICATES,
    MOST_DEGREES_OF_FREEDOM,
    Design,
    Pair,
    critical_value,
    detectable_statistic,
    effect_interval,
    freedom_for,
    replicates_for_pair,
    replicates_needed,
    scale_interval,
)
from regsweep.core.judging.stats.ties import TiedSet

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
    spread = NoiseOfDifferences.of(losses, tied)
    if spread is None:
        return None
    second = tied.best + 1 if tied.best + 1 < len(tied.tied) and tied.tied[tied.best + 1] else None
    needed = None if second is None else _for_second(spread, losses, tied, second, resampling)
    return spread.planning(spread.replicates, resampling, minimum_difference).model_copy(
        update={
            "second": combinations[second].id if needed is not None and second is not None else None,
            "first_two": needed,
        }
    )


@dataclass(frozen=True, slots=True)
class NoiseOfDifferences:
    """How much differences to the best vary between the replicates of a sweep."""

    deviation: float
    """Standard deviation of a typical combination's."""
    degrees_of_freedom: float
    replicates: int
    """That it was found from."""
    candidates: int
    """Combinations in the confidence set."""
    effects: Floats
    """Of those nearest to the best, see `Design`."""

    @classmethod
    def of(cls, losses: Floats, tied: TiedSet) -> NoiseOfDifferences | None:
        """None where nothing is compared, or where replicates do not differ at all."""
        others = tied.comparable.copy()
        others[tied.best] = False
        among = others & tied.tied if (others & tied.tied).any() else others
        if not among.any():
            return None
        errors, candidates = errors_of(tied), int(tied.tied.sum())
        error, replicates = float(np.median(errors[among])), int(np.isfinite(losses[tied.best]).sum())
        if not error > last_digit(losses):
            return None
        own = min(float(np.median(tied.degrees_of_freedom[among])), MOST_DEGREES_OF_FREEDOM)
        # In a race the critical value is that of a milder level, or others that have left have made it smaller.
        df = (
            own
            if candidates <= 2
            else min(freedom_for(tied.critical_value, candidates), tied.pooled_degrees_of_freedom)
        )
        rows = tied.tied & others
        deviations = errors[rows] * sqrt(replicates)
        effects = np.divide(tied.difference[rows], deviations, out=np.zeros_like(deviations), where=deviations > 0)
        return cls(error * sqrt(replicates), df, replicates, candidates, np.sort(effects)[:MOST_TIED])

    @property
    def design(self) -> Design:
        """The confidence set, and how its degrees of freedom grow."""
        return Design(self.effects, self.degrees_of_freedom / max(self.replicates - 1, 1))

    def of_grid(self, combinations: int) -> NoiseOfDifferences:
        """The same noise in a grid of so many, of which as many may remain in the confidence set as did here, and 2 at least."""
        return replace(self, candidates=max(min(self.candidates, combinations), 2))

    def planning(self, replicates: int, resampling: Resampling, difference: float | None) -> Planning:
        """What so many replicates show, and how many it takes to show the difference. `replicates`: 3 or more."""
        df = self.design.degrees_of_freedom(replicates)
        shown = self.deviation / sqrt(replicates) * detectable_statistic(critical_value(self.candidates, df), df)
        narrow, wide = scale_interval(self.degrees_of_freedom)
        return Planning(
            replicates=replicates,
            detectable=shown,
            detectable_low=narrow * shown,
            detectable_high=wide * shown,
            minimum_difference=None if difference is None else self._for_difference(difference, resampling),
        )

    def needed(self, effect: float, resampling: Resampling, fewest: int = FEWEST_REPLICATES) -> int | None:
        """Replicates that show the effect, in whole rounds of folds."""
        found, folds = replicates_needed(effect, self.design, fewest), (resampling.folds or 1)
        return None if found is None else ceil(found / folds) * folds

    def _for_difference(self, difference: float, resampling: Resampling) -> ReplicatesNeeded:
        effect, (narrow, wide) = difference / self.deviation, scale_interval(self.degrees_of_freedom)
        return ReplicatesNeeded(
            difference=difference,
            replicates=self.needed(effect, resampling),
            low=self.needed(effect / narrow, resampling) or MOST_REPLICATES_NAMED,
            high=self.needed(effect / wide, resampling),
        )


def errors_of(tied: TiedSet) -> Floats:
    """(G,) what differences to the best are held against: by all that is pooled, or by their own replicates where nothing was
    compared."""
    return np.where(np.isfinite(tied.scale), tied.scale, tied.standard_error)


def _for_second(
    spread: NoiseOfDifferences, losses: Floats, tied: TiedSet, row: int, resampling: Resampling
) -> ReplicatesNeeded | None:
    """Those that tell this row and the best apart; None where they do not differ in noise that can be seen."""
    own = _own_errors(losses, tied)
    if not own[row] > 0:
        return None
    difference, df = float(tied.difference[row]), float(tied.degrees_of_freedom[row])
    difference = 0.0 if abs(difference) <= last_digit(losses) else difference
    replicates = int(_common(losses, tied)[row])
    pair = _pair(spread, losses, tied, row, df / max(replicates - 1, 1))
    statistic, folds = max(difference, 0.0) / float(own[row]), resampling.folds or 1

    def needed(effect: float, pair: Pair = pair) -> int | None:
        found = replicates_for_pair(effect, pair, spread.replicates + 1)
        return None if found is None else ceil(found / folds) * folds

    low, high = effect_interval(statistic, df, replicates)
    # When the others leave is not known either: the ends are of none leaving, or all at once, whichever is further.
    extremes = [replace(pair, crowd=replace(pair.crowd, effects=np.zeros(m))) for m in (1, len(pair.crowd.effects))]
    fewest, most = (
        [needed(high, each) or MOST_REPLICATES_NAMED for each in extremes],
        [needed(low, each) for each in extremes],
    )
    return ReplicatesNeeded(
        difference=difference,
        replicates=needed(statistic / sqrt(replicates)),
        low=min(fewest),
        high=None if None in most else max(each for each in most if each is not None),
    )


def _pair(spread: NoiseOfDifferences, losses: Floats, tied: TiedSet, row: int, freedom_per_replicate: float) -> Pair:
    """The best and this row, among all that are tied."""
    deviations = _own_errors(losses, tied) * np.sqrt(_common(losses, tied))
    others = tied.tied.copy()
    others[[tied.best, row]] = False
    others &= deviations > 0
    effects = np.sort(tied.difference[others] / deviations[others])[: MOST_TIED - 1]
    crowd = Design(np.concatenate([[0.0], effects]), spread.design.freedom_per_replicate)
    pooled = float(errors_of(tied)[row]) * sqrt(spread.replicates)
    return Pair(crowd, pooled / float(deviations[row]), freedom_per_replicate)


def _own_errors(losses: Floats, tied: TiedSet) -> Floats:
    """(G,) errors of differences to the best by their own replicates; where these are all alike, by all that is pooled."""
    seen = tied.standard_error > last_digit(losses)
    return np.where(seen, tied.standard_error, errors_of(tied))


def _common(losses: Floats, tied: TiedSet) -> Floats:
    """(G,) replicates in common with the best."""
    there = np.isfinite(losses)
    return np.asarray((there & there[tied.best]).sum(axis=1), dtype=np.float64)
