"""How many replicates a difference takes to be told apart, and how small a difference so many replicates show.

Two combinations are told apart when one leaves the confidence set of the other (see `ties`). What its t statistic must exceed is
known for the replicates that there are; for others it is taken to be c = q(0.95; m, df) / sqrt(2), with q the studentised range of
the m combinations that remain, and df such that it is what was needed here. With two that is the two-sided t test at 5 %. With
differences that have standard deviation s, and a true difference d, the statistic of n replicates follows the non-central t with df
degrees of freedom and non-centrality sqrt(n) d / s:

    power(n) = 1 - F(c; df, sqrt(n) d / s)

Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2. The interval of d / s that was observed as the
statistic t inverts the same distribution: Steiger & Fouladi, "Noncentrality interval estimation and the evaluation of statistical
models", in "What if there were no significance tests?" (1997).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, nct
from scipy.stats import norm as normal
from scipy.stats import t as student

from regsweep.api.constants import CONFIDENCE_LEVEL, MOST_REPLICATES_NAMED
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.studentised_range import studentised_range_quantile

POWER = 0.8
"""How often a difference is to be shown, by the usual convention."""
CLEARLY = float(normal.ppf(POWER))
"""Standard errors by which a statistic must be expected beyond its limit to be so that often."""
FEWEST_REPLICATES = 3
MOST_DEGREES_OF_FREEDOM = 1000.0
"""Above it a t distribution is a normal one to three digits."""
NODES = (2.0, 4.0, 8.0, 16.0, 40.0, inf)
"""Degrees of freedom at which quantiles of the studentised range are computed."""
LARGEST_STATISTIC = 30.0
"""A larger t statistic leaves no doubt whatever its noise, and is beyond what the non-central t is computed well for."""


@dataclass(frozen=True, slots=True)
class Design:
    """The candidates of a confidence set, and how degrees of freedom grow with replicates."""

    effects: Floats
    """(m - 1,) difference to the best in standard deviations of a paired difference, of each that is tied with it; of many the
    nearest, which are the last to leave."""
    freedom_per_replicate: float = 1.0
    """Degrees of freedom for each replicate above the first: more than 1 where combinations share their noise."""

    def degrees_of_freedom(self, replicates: int) -> float:
        """Of the noise with so many replicates."""
        return min(self.freedom_per_replicate * (replicates - 1), MOST_DEGREES_OF_FREEDOM)

    def critical_value(self, replicates: int) -> float:
        """What the t statistic must exceed, once those have left that surely are told apart with so many replicates."""
        return critical_value(self.remaining(replicates), self.degrees_of_freedom(replicates))

    def remaining(self, replicates: int) -> int:
        """The candidates that are not surely told from the best with so many replicates, with the best; 2 at least."""
        df, candidates = self.degrees_of_freedom(replicates), len(self.effects) + 1
        while True:
            limit = critical_value(candidates, df)
            remain = max(int((self.effects * sqrt(replicates) <= limit + CLEARLY).sum()) + 1, 2)
            if remain >= candidates:
                return candidates
            candidates = remain


@dataclass(frozen=True, slots=True)
class Pair:
    """The best and one that is tied with it, among others that leave as replicates are added.

    While others remain, the difference is held against an error that is pooled over all of them. Once the pair is alone, its own
    differences alone decide: the paired t test.
    """

    crowd: Design
    """All that are tied; the pair's own effect is 0, since it stays."""
    pooled: float
    """The deviation that is pooled, as a multiple of the pair's own."""
    freedom_per_replicate: float = 1.0
    """Of the pair's own deviation."""

    def power(self, effect: float, replicates: int) -> float:
        """Probability that they are told apart. `effect`: their true difference in standard deviations of the pair's own."""
        if self.crowd.remaining(replicates) > 2:
            df = self.crowd.degrees_of_freedom(replicates)
            return power(effect / self.pooled, replicates, self.crowd.critical_value(replicates), df)
        df = min(self.freedom_per_replicate * (replicates - 1), MOST_DEGREES_OF_FREEDOM)
        return power(effect, replicates, critical_value(2, df), df)


def critical_value(candidates: int, degrees_of_freedom: float) -> float:
    """What the t statistic of a difference to the best of so many must exceed.

    With two it is exact. With more, where a quantile takes long, it is interpolated in 1 / df between the nodes (and more than
    100 candidates are rounded up to two digits): within 1 %.
    """
    if candidates <= 2:
        return float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, degrees_of_freedom))
    step = 10 ** max(len(str(candidates)) - 2, 0) if candidates > 100 else 1
    compared, df = -(-candidates // step) * step, max(degrees_of_freedom, NODES[0])
    after = next(node for node in NODES if node >= df)
    before = max((node for node in NODES if node <= df), default=after)
    low, high = (studentised_range_quantile(compared, node) / sqrt(2) for node in (before, after))
    part = 0.0 if before == after else (1 / before - 1 / df) / (1 / before - 1 / after)
    return low + part * (high - low)


def freedom_for(limit: float, candidates: int) -> float:
    """The degrees of freedom with which so many candidates have this critical value, 2 to `MOST_DEGREES_OF_FREEDOM`."""

    def excess(part: float) -> float:
        return critical_value(candidates, 1 / part) - limit

    least, most = 1 / MOST_DEGREES_OF_FREEDOM, 1 / NODES[0]
    if excess(least) >= 0:
        return MOST_DEGREES_OF_FREEDOM
    return NODES[0] if excess(most) <= 0 else 1 / float(brentq(excess, least, most))


def power(effect: float, replicates: int, limit: float, degrees_of_freedom: float) -> float:
    """Probability that the statistic exceeds the limit. `effect`: the true difference in standard deviations of a paired one."""
    return _exceeding(limit, degrees_of_freedom, effect * sqrt(replicates))


def replicates_needed(effect: float, design: Design, fewest: int = FEWEST_REPLICATES) -> int | None:
    """Smallest number of replicates with which a difference of this effect is told apart; None above `MOST_REPLICATES_NAMED`."""

    def power_with(n: int) -> float:
        return power(effect, n, design.critical_value(n), design.degrees_of_freedom(n))

    return None if effect <= 0 else _fewest(power_with, fewest)


def replicates_for_pair(effect: float, pair: Pair, fewest: int = FEWEST_REPLICATES) -> int | None:
    """Smallest number of replicates with which the two are told apart; None above `MOST_REPLICATES_NAMED`."""
    return None if effect <= 0 else _fewest(lambda n: pair.power(effect, n), fewest)


def _fewest(power_with: Callable[[int], float], fewest: int) -> int | None:
    """The number of replicates above which the power suffices; None above `MOST_REPLICATES_NAMED`."""

    def suffices(n: int) -> bool:
        return power_with(n) >= POWER

    if not suffices(MOST_REPLICATES_NAMED):
        return None
    low, high = fewest - 1, MOST_REPLICATES_NAMED
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def detectable_statistic(limit: float, degrees_of_freedom: float) -> float:
    """The difference, in standard errors, whose statistic exceeds the limit with probability `POWER`."""
    return _root(lambda shift: POWER - _exceeding(limit, degrees_of_freedom, shift), limit)


def effect_interval(statistic: float, degrees_of_freedom: float, replicates: int) -> tuple[float, float]:
    """The 95 % interval of the true effect, of which this t statistic was observed."""
    df, tail = min(degrees_of_freedom, MOST_DEGREES_OF_FREEDOM), (1 - CONFIDENCE_LEVEL) / 2
    observed = round(min(statistic, LARGEST_STATISTIC), 12)  # the series do not converge for 1e-100

    def end(probability: float) -> float:
        return _root(lambda shift: probability - _exceeding(observed, df, shift), observed) / sqrt(replicates)

    return end(tail), end(1 - tail)


def scale_interval(degrees_of_freedom: float) -> tuple[float, float]:
    """The 95 % interval of a standard deviation, as multiples of its estimate."""
    if degrees_of_freedom == inf:
        return 1.0, 1.0
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low, high = (sqrt(degrees_of_freedom / float(chi2.ppf(p, degrees_of_freedom))) for p in (1 - tail, tail))
    return low, high


def _exceeding(value: float, degrees_of_freedom: float, shift: float) -> float:
    """Probability that a non-central t exceeds the value. scipy's complement of it is NaN here and there at negative shifts."""
    return float(nct.sf(value, degrees_of_freedom, shift)) if shift else float(student.sf(value, degrees_of_freedom))


def _root(falling: Callable[[float], float], near: float) -> float:
    """Where a function that falls from above 0 to below crosses 0. `near`: where to look first."""
    low, high, step = near - 1.0, near + 1.0, 1.0
    while falling(low) < 0:
        low, step = low - step, 2 * step
    step = 1.0
    while falling(high) > 0:
        high, step = high + step, 2 * step
    return float(brentq(falling, low, high, xtol=1e-12, rtol=4 * np.finfo(float).eps))
