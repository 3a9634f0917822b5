"""Which combinations may be the best: a confidence set, shown unordered.

With 95 % probability no combination that is truly equal to the best is left out: the guarantee of a model confidence set
(Hansen, Lunde & Nason, "The model confidence set", Econometrica 79, 2011). Being in the set does not say that two
combinations are equivalent: with few replicates the set is large because little is known.

The best is chosen by the same data, so that a t-test against it, Holm-corrected or not, drops true equals too often.
The range of all candidates is compared instead: combination i leaves when

    (mean_i - mean_best) / sqrt((v_i + v_best) / (2 n)) > q(0.95; m, df)

with v the block-adjusted variances moderated over combinations (see `additive`, `moderation`), and q the studentised
range's quantile (Tukey) for the m candidates that remain; after each round of leaving m is smaller and the comparison is
made again. Where replicates are not paired (see `pairing`), plain means are compared, with v_i / n_i + v_best / n_best in
the place of (v_i + v_best) / n. That the shrinking m keeps the 95 % was checked by simulation (docs/calibration.md), also between the
extremes of all equal and all others far behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf

import numpy as np
from scipy.optimize import brentq
from scipy.stats import studentized_range

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.additive import Bools, RowVariances, fit_additive, fit_means, row_variances
from regsweep.core.judging.stats.differences import differences_to
from regsweep.core.judging.stats.moderation import Floats

MANY_DEGREES_OF_FREEDOM = 1000.0
Quantile = Callable[[int, float], float]
"""Upper quantile of the studentised range by (number of candidates, degrees of freedom)."""


@dataclass(frozen=True, slots=True)
class TiedSet:
    """The combinations that cannot be told from the best."""

    best: int
    """Row of the best adjusted mean."""
    tied: Bools
    """(G,) in the set; the best itself is."""
    comparable: Bools
    """(G,) has at least 3 replicates in common with the best (unpaired: 3 replicates). What is not comparable is not in the
    set, nor ruled out."""
    difference: Floats
    """(G,) mean difference to the best over common replicates (unpaired: of the means); positive is worse. NaN where not
    comparable."""
    standard_error: Floats
    """(G,) of that difference, from the moderated variances."""
    statistic: Floats
    """(G,) studentised difference, on the scale of the studentised range."""
    degrees_of_freedom: Floats
    """(G,)"""
    critical_value: float
    """What the statistic was last compared with, at the best's degrees of freedom."""
    variances: RowVariances


@lru_cache(maxsize=4096)
def studentised_range_quantile(candidates: int, degrees_of_freedom: float, level: float = CONFIDENCE_LEVEL) -> float:
    """The studentised range's quantile for that many means (scipy.stats.studentized_range).

    From 1,000 degrees of freedom on the root is looked for just above the quantile at infinity, which is quick to come by:
    a third of the evaluations.
    """
    m = max(candidates, 2)
    if not MANY_DEGREES_OF_FREEDOM <= degrees_of_freedom < inf:
        return float(studentized_range.ppf(level, m, degrees_of_freedom))
    least = float(studentized_range.ppf(level, m, inf))
    most = least * (1 + least**2 / degrees_of_freedom)
    return float(brentq(lambda q: studentized_range.cdf(q, m, degrees_of_freedom) - level, least, most, xtol=1e-11))


def tied_with_best(
    losses: Floats,
    quantile: Quantile = studentised_range_quantile,
    candidates: Bools | None = None,
    variances: RowVariances | None = None,
    paired: bool = True,
) -> TiedSet | None:
    """The confidence set of the best.

    `losses`: (G, n), smaller is better, NaN for a missing cell; row i, column k is combination i's replicate k. Only rows
    that may be called best (none of their replicates diverged) belong in here. `candidates`: (G,) the rows among which the best
    is looked for and that may be tied with it; the others help to estimate the noise, and are compared with the best.
    `variances`: of these same losses, if there already.

    None where no set can be given: no combination has 3 replicates, or none at all is there.
    """
    own = np.isfinite(losses).sum(axis=1)
    enough = own >= MIN_REPLICATES_FOR_ERROR
    candidates = enough if candidates is None else enough & candidates
    if not candidates.any():
        return None
    fit = fit_additive(losses) if paired else fit_means(losses)
    variances = row_variances(fit) if variances is None else variances
    best = int(np.nanargmin(np.where(candidates, fit.means, np.nan)))
    v = variances.moderated.variances
    found = differences_to(losses, best, paired, variances)
    variance = (
        (v + v[best]) / np.maximum(found.replicates, 1) if paired else v / np.maximum(own, 1) + v[best] / own[best]
    )
    comparable = enough & (found.replicates >= MIN_REPLICATES_FOR_ERROR)
    difference, error = np.where(comparable, found.means, np.nan), np.where(comparable, np.sqrt(variance), np.nan)
    statistic = _ratio(difference, error / np.sqrt(2))
    statistic[best] = 0.0
    df = np.minimum(variances.moderated.degrees_of_freedom, variances.moderated.degrees_of_freedom[best])
    tied = _remaining(comparable & candidates, statistic, df, quantile)
    return TiedSet(
        best,
        tied,
        comparable,
        difference,
        error,
        statistic,
        df,
        quantile(_rounded_up(int(tied.sum())), float(df[best])),
        variances,
    )


def _remaining(candidates: Bools, statistic: Floats, degrees_of_freedom: Floats, quantile: Quantile) -> Bools:
    """(G,): the candidates that stay when those beyond the quantile leave, round after round, until nobody leaves."""
    while True:
        remain = int(candidates.sum())
        limits = {
            each: quantile(_rounded_up(remain), each) for each in np.unique(degrees_of_freedom[candidates]).tolist()
        }
        stays = candidates & (statistic <= np.array([limits.get(each, np.inf) for each in degrees_of_freedom.tolist()]))
        if stays.sum() == remain:
            return candidates
        candidates = stays


def _rounded_up(candidates: int) -> int:
    """Above 100, to two significant digits: hardly more cautious, and the quantile, which takes long there, is reused."""
    step = 10 ** max(len(str(candidates)) - 2, 0) if candidates > 100 else 1
    return -(-candidates // step) * step


def _ratio(difference: Floats, error: Floats) -> Floats:
    """difference / error, where 0 / 0 is 0: values that are equal to the last digit are tied."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / error)
