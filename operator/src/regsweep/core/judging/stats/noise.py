"""How noisy the differences to the best are: one variance for all of them where the data allow it, each its own where they do not.

Three things are asked of the data, and each takes the estimate nearer to a combination's own differences:

1. Are the combinations that have left quieter or louder than those that remain (F test of the pooled variances)? Then they do
   not help to estimate the noise. What is far behind must not decide who is tied: quieter ones would make too few tied, louder
   ones too many.
2. Do the combinations' variances differ by more than chance? They are moderated only as far as their scatter allows
   (see `moderation`).
3. Do pairs of combinations differ by more than the variances of the two say? Combinations that move together (a flag that does
   nothing, neighbours in the grid, the same reaction to hard splits) have quiet differences among themselves and noisy ones
   to the others. The variances of the differences are moderated towards v_i + v_best as far as the scatter over all pairs allows.

Where the answer to all three is no, the noise is called homogeneous.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf

import numpy as np
from scipy.special import digamma, polygamma
from scipy.stats import f as fisher

from regsweep.core.judging.stats.additive import (
    Bools,
    RowVariances,
    fit_additive,
    fit_means,
    row_variances,
    within_fence,
)
from regsweep.core.judging.stats.differences import Differences, differences_to
from regsweep.core.judging.stats.moderation import ZERO_OFFSET, Floats, inverse_trigamma

QUIETER_LEVEL, LOUDER_LEVEL = 0.9, 0.99
"""One-sided levels of the F tests that take what has left out of the estimate. The first is the lower since to be led by what is
too quiet costs honesty, and by what is too loud power alone."""
MOST_PAIRED = 100
"""Combinations, the best first, whose pairs are looked at: their number grows with the square."""
FEWEST_PAIRS = 3
"""Below it a scatter over pairs says nothing."""


@dataclass(frozen=True, slots=True)
class DifferenceNoise:
    """The noise of each combination's mean difference to the best; (G,) each."""

    differences: Differences
    """The mean differences, with errors of their own."""
    variances: Floats
    """Of the mean differences, from all that the data allow to be pooled."""
    degrees_of_freedom: Floats
    homogeneous: bool
    """Nothing says that combinations differ in their noise, or that some of them move together."""


def difference_noise(losses: Floats, best: int, remaining: Bools, paired: bool) -> DifferenceNoise:
    """The noise of the differences to row `best`.

    `losses`: (G, n), NaN for a missing cell. `remaining`: (G,) rows that may still be the best; `best` is one of them.
    """
    usable = np.isfinite(losses).sum(axis=1) >= 2
    rest = usable & ~remaining
    apart = _differ(losses[rest], losses[remaining & usable], paired)
    base = remaining & usable if apart else usable
    rows = _row_variances(losses, base, paired)
    v, d = rows.moderated.variances, rows.moderated.degrees_of_freedom
    homogeneous = not apart and isinf(rows.moderated.prior.degrees_of_freedom)
    differences = differences_to(losses, best, paired, rows)
    if not paired:
        own = np.maximum(np.isfinite(losses).sum(axis=1), 1)
        return DifferenceNoise(differences, v / own + v[best] / own[best], np.minimum(d, d[best]), homogeneous)
    common = np.maximum(differences.replicates, 1)
    prior_df, scale = _pair_prior(losses, remaining & usable, rows)
    prior = scale * (v + v[best])
    df = np.minimum(d, d[best])
    if isinf(prior_df):
        return DifferenceNoise(differences, prior / common, df, homogeneous)
    own_df = np.maximum(common - 1, 0)
    own_variances = differences.standard_errors**2 * common
    moderated = (prior_df * prior + own_df * own_variances) / (prior_df + own_df)
    return DifferenceNoise(differences, moderated / common, np.minimum(df, prior_df + own_df), homogeneous=False)


def _row_variances(losses: Floats, base: Bools, paired: bool) -> RowVariances:
    """The rows' variances, of which those of `base` within the fence inform each other."""
    informing = base.copy()
    informing[base] = within_fence(losses[base])
    return row_variances(fit_additive(losses, informing) if paired else fit_means(losses, informing))


def _differ(rest: Floats, remaining: Floats, paired: bool) -> bool:
    """Whether the pooled variance of `rest` is another one than that of `remaining`; (rows, n) each."""
    (v_rest, df_rest), (v, df) = _pooled(rest, paired), _pooled(remaining, paired)
    if df_rest <= 0 or df <= 0:
        return False
    quieter = v > v_rest * fisher.ppf(QUIETER_LEVEL, df, df_rest)
    louder = v_rest > v * fisher.ppf(LOUDER_LEVEL, df_rest, df)
    return bool(quieter or louder)


def _pooled(values: Floats, paired: bool) -> tuple[float, float]:
    """Pooled residual variance and its degrees of freedom; 0 of these where there are none."""
    if len(values) == 0:
        return 0.0, 0.0
    inside = values[within_fence(values)]
    fit = fit_additive(inside, np.ones(len(inside), dtype=np.bool_)) if paired else fit_means(inside)
    there = np.isfinite(inside)
    blocks = int(there.any(axis=0).sum()) - 1 if paired else 0
    df = float(there.sum() - len(inside) - blocks)
    return (float(np.nansum(fit.residuals**2)) / df if df > 0 else 0.0), max(df, 0.0)


def _pair_prior(losses: Floats, rows: Bools, variances: RowVariances) -> tuple[float, float]:
    """Prior degrees of freedom of a difference's variance about v_i + v_j, and the factor to that; (infinite, 1) where pairs scatter
    no more than chance makes them.

    The moments of log(variance of the difference / (v_i + v_j)) over all pairs, as `moderation.fit_prior` has them. The factor
    is never below 1: pairs that move together must not make others look quiet.
    """
    places = np.flatnonzero(rows)
    if len(places) > MOST_PAIRED:
        places = places[np.argsort(np.nanmean(losses[places], axis=1), kind="stable")[:MOST_PAIRED]]
    first, second = np.triu_indices(len(places), 1)
    gaps = losses[places[first]] - losses[places[second]]
    counts = np.isfinite(gaps).sum(axis=1)
    v = variances.moderated.variances
    expected = v[places[first]] + v[places[second]]
    enough = (counts >= 2) & (expected > 0)
    if int(enough.sum()) < FEWEST_PAIRS:
        return inf, 1.0
    half = (counts[enough] - 1) / 2
    seen = np.nanvar(gaps[enough], axis=1, ddof=1)
    ratio = np.maximum(seen / expected[enough], ZERO_OFFSET)
    e = np.log(ratio) - digamma(half) + np.log(half)
    excess = float(e.var(ddof=1) - polygamma(1, half).mean())
    if excess <= 0:
        return inf, 1.0
    prior_df = 2 * inverse_trigamma(excess)
    return prior_df, max(float(np.exp(e.mean() + digamma(prior_df / 2) - np.log(prior_df / 2))), 1.0)
