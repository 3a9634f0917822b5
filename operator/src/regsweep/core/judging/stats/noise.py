"""What the noise of those that may still be the best is pooled from.

What has left helps only as long as it is neither quieter nor louder than what remains (F test of the pooled variances): what is far
behind must not decide who is tied. And the variances of combinations are moderated only as far as their scatter allows (see
`moderation`).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import f as fisher

from regsweep.core.judging.stats.additive import (
    AdditiveFit,
    Bools,
    fit_additive,
    fit_means,
    row_variances,
    within_fence,
)
from regsweep.core.judging.stats.moderation import Floats, fit_prior
from regsweep.core.judging.stats.rotations import Pool

QUIETER_LEVEL, LOUDER_LEVEL = 0.9, 0.99
"""One-sided levels of the F tests that take what has left out of the estimate. What is too quiet is taken out the sooner: by
what is too loud only power is lost."""


def pool_of(losses: Floats, remaining: Bools, paired: bool) -> Pool:
    """What the variances of the `remaining` rows are moderated by.

    `losses`: (G, n), NaN for a missing cell. `remaining`: (G,) rows that may still be the best.
    """
    usable = np.isfinite(losses).sum(axis=1) >= 2
    here, left = losses[usable & remaining], losses[usable & ~remaining]
    (v, df), (v_left, df_left) = _pooled(here, paired), _pooled(left, paired)
    helps = df_left > 0 and df > 0 and not _differ((v, df), (v_left, df_left))
    own = [_own(rows, paired) for rows in ([here, left] if helps else [here])]
    variances = np.concatenate([each for each, _ in own])
    own_df = np.concatenate([each for _, each in own])
    prior = fit_prior(variances, own_df)
    return Pool(v_left * df_left if helps else 0.0, df_left if helps else 0.0, prior.degrees_of_freedom)


def _differ(one: tuple[float, float], left: tuple[float, float]) -> bool:
    """Whether two pooled variances, each with its degrees of freedom, are surely not the same."""
    (v, df), (v_left, df_left) = one, left
    quieter = v > v_left * fisher.ppf(QUIETER_LEVEL, df, df_left)
    louder = v_left > v * fisher.ppf(LOUDER_LEVEL, df_left, df)
    return bool(quieter or louder)


def _pooled(values: Floats, paired: bool) -> tuple[float, float]:
    """Pooled residual variance and its degrees of freedom; 0 of these where there are none."""
    if len(values) == 0:
        return 0.0, 0.0
    inside = values[within_fence(values)]
    there = np.isfinite(inside)
    blocks = int(there.any(axis=0).sum()) - 1 if paired else 0
    df = float(there.sum() - len(inside) - blocks)
    squares = float(np.nansum(_fit(inside, paired).residuals ** 2))
    return (squares / df if df > 0 else 0.0), max(df, 0.0)


def _own(values: Floats, paired: bool) -> tuple[Floats, Floats]:
    """The variance of each combination within the fence, and its degrees of freedom."""
    inside = values[within_fence(values)]
    found = row_variances(_fit(inside, paired))
    return found.raw, found.raw_degrees_of_freedom


def _fit(values: Floats, paired: bool) -> AdditiveFit:
    everyone = np.ones(len(values), dtype=np.bool_)
    return fit_additive(values, everyone) if paired else fit_means(values, everyone)
