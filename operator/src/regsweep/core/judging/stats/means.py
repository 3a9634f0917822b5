"""Means at each value of a flag, and at pairs of values whose interplay surely matters, over all values of the other flags.

Estimated marginal means: Searle, Speed & Milliken, "Population marginal means in the linear model", The American Statistician 34
(1980). With a full grid they are the plain means over all combinations that have the value; in a partial one those over the settings
of the other flags in which all values of the flag were trained, so that no value is compared with what others did. Where there is no such
setting, all flags (and of an interplay its pair) are fitted by least squares: such means take other interplays for 0, so that they have no
intervals.
The error of a mean is that over replicates; the difference to the flag's best value is paired by replicates. Both are
about this data set (`givenData`). The best value was chosen by these numbers: the intervals of a flag's differences hold together,
for all pairs of its values (Bonferroni). Missing cells are filled in as in `term_tests`, and count for no replicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, exp, sqrt

import numpy as np
from scipy.stats import t as student

from regsweep.api.analysis import Interplay, InterplayCell, Interval, MarginalMean, Share
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.factors import Factor, factors_of, paired, products, sum_to_zero
from regsweep.core.judging.stats.levels import Scale
from regsweep.core.judging.stats.matched import complete_settings
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.term_tests import filled

CHANCE = 1 - CONFIDENCE_LEVEL
"""P value up to which an interplay surely matters."""
MOST_INTERPLAYS = 10
"""Pairs of flags whose means are given, those with the largest shares."""
MOST_CELLS = 10_000
"""Pairs of values of one interplay."""
MOST_COLUMNS = 400
"""Widest design that is fitted."""
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class GridMeans:
    """A grid's values, replicate by replicate."""

    factors: Sequence[Factor]
    values: Floats
    """(G, n), complete; logarithms where `log_scale`."""
    replicates: float
    """Of a combination; where some are missing, the harmonic mean."""
    scale: Scale
    log_scale: bool

    @classmethod
    def of(cls, combinations: Sequence[Combination], values: Floats, scale: Scale, log_scale: bool) -> GridMeans:
        """`values`: (G, n), NaN for a missing cell; at least one is there."""
        rows = np.flatnonzero(np.isfinite(values).any(axis=1))
        known = values[rows][:, np.isfinite(values).any(axis=0)]
        complete, replicates = filled(known) if np.isnan(known).any() else (known, float(known.shape[1]))
        factors = factors_of([combinations[row] for row in rows.tolist()])
        return cls(factors, complete, replicates, scale, log_scale)

    def marginal_means(self) -> list[MarginalMean]:
        """One for each value of each flag that varies; none where the combinations do not tell the flags apart."""
        complete = [complete_settings(self.factors, factor) for factor in self.factors]
        fitted = [] if all(rows.any() for rows in complete) else self._fitted_at_values()
        found: list[MarginalMean] = []
        for place, (factor, rows) in enumerate(zip(self.factors, complete, strict=True)):
            if rows.any():
                found += self._of_flag(factor, self._plain(factor, rows), rows)
            elif fitted:
                found += self._of_flag(factor, fitted[place], None)
        return found

    def _of_flag(self, factor: Factor, at_value: Floats, rows: Bools | None) -> list[MarginalMean]:
        """`rows`: (G,) those that the means are over; None: they are fitted to all."""
        best = int(np.argmin(self.scale.sign * at_value.mean(axis=1)))
        counts = np.bincount(factor.codes if rows is None else factor.codes[rows], minlength=factor.levels).tolist()
        return [
            MarginalMean(
                flag=factor.name,
                value=value,
                combinations=counts[place],
                mean=self._mean(at_value[place]),
                level=None if rows is None else self._level(at_value[place]),
                beside_best=self._difference(at_value[place] - at_value[best], pairs=comb(factor.levels, 2))
                if rows is not None and place != best
                else None,
            )
            for place, value in enumerate(factor.values)
        ]

    def interplays(self, shares: Sequence[Share]) -> list[Interplay]:
        """Of the pairs that surely matter, the largest share first."""
        by_name = {factor.name: factor for factor in self.factors}
        sure = [s for s in shares if len(s.flags) == 2 and s.p_value is not None and s.p_value <= CHANCE]
        sure.sort(key=lambda share: -(share.eta_squared or 0.0))
        pairs = ((by_name[share.flags[0]], by_name[share.flags[1]]) for share in sure[:MOST_INTERPLAYS])
        return [found for a, b in pairs if (found := self._interplay(a, b)) is not None]

    def _fitted_at_values(self) -> list[Floats]:
        """Of each flag the (levels, n) means by a model without interplay; empty where it cannot be fitted."""
        solution = self._fit([factor.columns for factor in self.factors])
        if solution is None:
            return []
        found, start = [], 1
        for factor in self.factors:
            of_factor = solution[start : start + factor.levels - 1]
            found.append(solution[0] + sum_to_zero(factor.levels) @ of_factor)
            start += factor.levels - 1
        return found

    def _interplay(self, a: Factor, b: Factor) -> Interplay | None:
        if a.levels * b.levels > MOST_CELLS:
            return None
        others = [factor for factor in self.factors if factor not in (a, b)]
        both = paired(a, b)
        rows = complete_settings(others, both)
        at_pairs = self._plain(both, rows) if rows.any() else self._fitted_at_pairs(a, b, others)
        if at_pairs is None:
            return None
        cells = [
            InterplayCell(
                values=list(values), mean=self._mean(at_pair), level=self._level(at_pair) if rows.any() else None
            )
            for values, at_pair in zip(product(a.values, b.values), at_pairs, strict=True)
        ]
        return Interplay(flags=[a.name, b.name], cells=cells)

    def _fitted_at_pairs(self, a: Factor, b: Factor, others: Sequence[Factor]) -> Floats | None:
        """(pairs of levels, n) means by a model without any other interplay."""
        columns = [a.columns, b.columns, products(a.columns, b.columns)]
        solution = self._fit([*columns, *(factor.columns for factor in others)])
        if solution is None:
            return None
        of_a = np.repeat(sum_to_zero(a.levels), b.levels, axis=0)
        of_b = np.tile(sum_to_zero(b.levels), (a.levels, 1))
        of_pair = np.column_stack([np.ones(len(of_a)), of_a, of_b, products(of_a, of_b)])
        return np.asarray(of_pair @ solution[: of_pair.shape[1]])

    def _plain(self, factor: Factor, rows: Bools) -> Floats:
        """(levels, n) means over those rows that have each level."""
        codes = factor.codes[rows]
        sums = np.zeros((factor.levels, self.values.shape[1]))
        np.add.at(sums, codes, self.values[rows])
        return sums / np.bincount(codes, minlength=factor.levels)[:, None]

    def _fit(self, parts: Sequence[Floats]) -> Floats | None:
        """(columns, n) least squares for each replicate; None where the columns are too many or not independent."""
        if 1 + sum(part.shape[1] for part in parts) > MOST_COLUMNS:
            return None
        design = np.column_stack([np.ones(len(self.values)), *parts])
        information = design.T @ design
        if np.linalg.matrix_rank(information, rtol=RANK_TOLERANCE, hermitian=True) < len(information):
            return None
        return np.asarray(np.linalg.solve(information, design.T @ self.values))

    def _mean(self, by_replicate: Floats) -> float:
        centre = float(by_replicate.mean())
        return exp(centre) if self.log_scale else centre

    def _level(self, by_replicate: Floats) -> Interval | None:
        found = self._interval(by_replicate)
        if found is None:
            return None
        if self.log_scale:
            found = _in_ratio(found, 0.0)
        return cut_to(found, self.scale.least, self.scale.most)

    def _difference(self, by_replicate: Floats, pairs: int) -> Interval | None:
        """`by_replicate`: (n,) less the best value's; turned so that positive is worse. `pairs`: that the interval holds for."""
        found = self._interval(self.scale.sign * by_replicate, pairs)
        if found is None:
            return None
        width = self.scale.most - self.scale.least
        return _in_ratio(found, 1.0) if self.log_scale else cut_to(found, -width, width)

    def _interval(self, by_replicate: Floats, intervals: int = 1) -> Interval | None:
        """At a level at which so many `intervals` hold together."""
        n = self.replicates
        if round(n) < MIN_REPLICATES_FOR_ERROR or np.ptp(by_replicate) == 0:
            return None  # values that are all alike tell nothing of their noise
        centre = float(by_replicate.mean())
        error = sqrt(float(((by_replicate - centre) ** 2).sum()) / (n - 1) / n)
        margin = float(student.ppf(1 - CHANCE / 2 / intervals, n - 1)) * error
        return Interval(mean=centre, standard_error=error, low=centre - margin, high=centre + margin)


def _in_ratio(interval: Interval, less: float) -> Interval:
    """An interval of logarithms as one of ratios, `less` that much."""
    mean, low, high = (exp(each) for each in (interval.mean, interval.low, interval.high))
    return Interval(mean=mean - less, standard_error=mean * interval.standard_error, low=low - less, high=high - less)
