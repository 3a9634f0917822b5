"""Which combinations may be the best: a confidence set, shown unordered.

With 95 % probability no combination that is truly equal to the best is left out: the guarantee of a model confidence set
(Hansen, Lunde & Nason, "The model confidence set", Econometrica 79, 2011). Being in the set does not say that two
combinations are equivalent: with few replicates the set is large because little is known.

The best is chosen by the same data, so that a t-test against it, Holm-corrected or not, drops true equals too often.
The range of all candidates is compared instead: combination i leaves when both hold,

    (mean_i - mean_best) / (se_i / sqrt(2)) > q(0.95; m, df)
    t_i > t(1 - gate; n - 1)

with se_i the standard error of the difference from all that the data allow to be pooled (see `noise`), q the studentised
range's quantile (Tukey) for the m candidates that remain, and t_i the combination's own paired t statistic. After each
round of leaving the noise is estimated anew from those that remain, m is smaller, and the comparison is made again.

The own t keeps what is pooled honest: a combination that shares its noise with few others is not to leave by the noise of all.
Where the noise is homogeneous the gate is wide (5 %), so that it costs little; else it is 2 %, or 1 % below 10 replicates, where
the data hardly tell what may be pooled. The gates were chosen by simulation (docs/calibration.md), as was that the
shrinking m keeps the 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import floor, inf, isinf, log10

import numpy as np
from scipy.optimize import brentq
from scipy.stats import studentized_range
from scipy.stats import t as student

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.additive import Bools, fit_additive, fit_means
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.noise import DifferenceNoise, difference_noise

MANY_DEGREES_OF_FREEDOM = 1000.0
HOMOGENEOUS_GATE, GATE, GATE_OF_FEW = 1.0, 0.4, 0.2
"""One-sided levels of the own t, as parts of the error that is allowed: of 5 % they are 5 %, 2 % and 1 %."""
ROUNDING = 1e-9
"""What a number that has three digits may fall short of itself by in floating point."""
FEW_REPLICATES = 10
"""Below it the data hardly tell whether the noise may be pooled."""
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
    """(G,) of that difference; of what has left, as it was when it left."""
    statistic: Floats
    """(G,) studentised difference, on the scale of the studentised range."""
    degrees_of_freedom: Floats
    """(G,)"""
    critical_value: float
    """What the statistic was last compared with, at the best's degrees of freedom."""
    homogeneous: bool
    """Nothing says that those that remain differ in their noise, or that some of them move together."""


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
    paired: bool = True,
    alpha: float = 1 - CONFIDENCE_LEVEL,
) -> TiedSet | None:
    """The confidence set of the best.

    `losses`: (G, n), smaller is better, NaN for a missing cell; row i, column k is combination i's replicate k. Only rows
    that may be called best (none of their replicates diverged) belong in here. `candidates`: (G,) the rows among which the best
    is looked for and that may be tied with it; the others help to estimate the noise, and are compared with the best.
    `alpha`: the error that is allowed; `quantile` must be of the same level.

    None where no set can be given: no combination has 3 replicates, or none at all is there.
    """
    enough = np.isfinite(losses).sum(axis=1) >= MIN_REPLICATES_FOR_ERROR
    candidates = enough if candidates is None else enough & candidates
    if not candidates.any():
        return None
    means = (fit_additive(losses) if paired else fit_means(losses)).means
    best = int(np.nanargmin(np.where(candidates, means, np.nan)))
    noise = difference_noise(losses, best, candidates, paired)
    comparable = enough & (noise.differences.replicates >= MIN_REPLICATES_FOR_ERROR)
    tied = comparable & candidates
    kept = _Compared.of(noise, comparable)
    while True:
        leaving = _leaving(kept, noise, tied, best, quantile, alpha)
        if not leaving.any():
            break
        tied = tied & ~leaving
        noise = difference_noise(losses, best, tied, paired)
        kept = kept.renewed(_Compared.of(noise, comparable), tied)
    critical = quantile(_rounded_up(int(tied.sum())), _rounded_down(float(kept.degrees_of_freedom[best])))
    return TiedSet(
        best=best,
        tied=tied,
        comparable=comparable,
        difference=np.where(comparable, noise.differences.means, np.nan),
        standard_error=kept.standard_error,
        statistic=kept.statistic,
        degrees_of_freedom=kept.degrees_of_freedom,
        critical_value=critical,
        homogeneous=noise.homogeneous,
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """Each row beside the best; (G,) each, NaN where not comparable."""

    standard_error: Floats
    statistic: Floats
    degrees_of_freedom: Floats

    @classmethod
    def of(cls, noise: DifferenceNoise, comparable: Bools) -> _Compared:
        error = np.where(comparable, np.sqrt(noise.variances), np.nan)
        difference = np.where(comparable, noise.differences.means, np.nan)
        return cls(error, _ratio(difference, error / np.sqrt(2)), noise.degrees_of_freedom)

    def renewed(self, by: _Compared, rows: Bools) -> _Compared:
        """The same with these rows' figures taken from `by`."""
        return _Compared(
            np.where(rows, by.standard_error, self.standard_error),
            np.where(rows, by.statistic, self.statistic),
            np.where(rows, by.degrees_of_freedom, self.degrees_of_freedom),
        )


def _leaving(
    compared: _Compared, noise: DifferenceNoise, tied: Bools, best: int, quantile: Quantile, alpha: float
) -> Bools:
    """(G,): rows of the set that are worse than the best by the range of the set and by their own t."""
    remain, df = _rounded_up(int(tied.sum())), compared.degrees_of_freedom
    limits = {each: quantile(remain, _rounded_down(each)) for each in np.unique(df[tied]).tolist()}
    beyond = compared.statistic > np.array([limits.get(each, np.inf) for each in df.tolist()])
    own = noise.differences
    part = np.where(own.replicates < FEW_REPLICATES, GATE_OF_FEW, GATE)
    gate = alpha * (HOMOGENEOUS_GATE if noise.homogeneous else part)
    agrees = _ratio(own.means, own.standard_errors) > student.ppf(1 - gate, own.degrees_of_freedom)
    leaving = tied & beyond & agrees
    leaving[best] = False
    return np.asarray(leaving)


def _rounded_up(candidates: int) -> int:
    """Above 100, to two significant digits: hardly more cautious, and the quantile, which takes long there, is reused."""
    step = 10 ** max(len(str(candidates)) - 2, 0) if candidates > 100 else 1
    return -(-candidates // step) * step


def _rounded_down(degrees_of_freedom: float) -> float:
    """To three significant digits: hardly more cautious, and the quantile is reused."""
    if isinf(degrees_of_freedom) or degrees_of_freedom <= 0:
        return degrees_of_freedom
    step = 10.0 ** (floor(log10(degrees_of_freedom)) - 2)
    return floor(degrees_of_freedom / step + ROUNDING) * step


def _ratio(difference: Floats, error: Floats) -> Floats:
    """difference / error, where 0 / 0 is 0: values that are equal to the last digit are tied."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / error)
