"""Whether values have a long tail to one side, where a t interval of few of them covers too seldom."""

from __future__ import annotations

from math import sqrt

import numpy as np

from regsweep.core.judging.stats.additive import fit_additive, row_variances
from regsweep.core.judging.stats.moderation import Floats

CLEAR = 0.15
"""(mean - median) / standard deviation: 0 of a symmetric distribution, 0.31 of an exponential one."""
ERROR = 0.756
"""Times 1 / sqrt(N): that figure's standard error in a normal sample of N (sqrt(pi / 2 - 1))."""
ERRORS = 3.3
"""So far from 0 it is no chance, in heavy-tailed samples neither."""
FEWEST = 3
"""Values of a combination that can tell of a tail."""
ROUNDING = 1e-12
"""Part of the values below which residuals are what floating point leaves of equal values."""


def is_skewed(losses: Floats) -> bool:
    """Whether what is left of (G, n) losses without combination and replicate is surely and clearly skewed.

    What replicates have in common is taken out whether or not they are paired: they may still have the same splits, and a split that is
    hard for all combinations would count as many values.
    """
    fit = fit_additive(losses)
    residuals = fit.residuals[fit.informing]
    noise = ROUNDING * np.nanmax(np.abs(losses), initial=0.0)
    # A combination that alone informs about the replicates has no residuals but rounding.
    residuals = np.where(np.nanmax(np.abs(residuals), axis=1, initial=0.0)[:, None] > noise, residuals, np.nan)
    # Two values of a combination lie equally far from their mean, whatever the distribution.
    residuals[np.isfinite(residuals).sum(axis=1) < FEWEST] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = residuals / np.sqrt(row_variances(fit).raw[fit.informing, None])
    standard = standard[np.isfinite(standard)]
    if len(standard) == 0:
        return False
    skew = abs(float(standard.mean() - np.median(standard))) / float(standard.std())
    return skew > max(CLEAR, ERRORS * ERROR / sqrt(len(standard)))
