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
MOST_ROWS = 500
"""Combinations that are looked at for how they move together."""
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
    known = standard[np.isfinite(standard)]
    if len(known) == 0:
        return False
    skew = abs(float(known.mean() - np.median(known))) / float(known.std())
    return skew > max(CLEAR, ERRORS * ERROR * sqrt(_design_effect(standard) / len(known)))


def _design_effect(standard: Floats) -> float:
    """By how much combinations that move together raise the variance of mean - median, beside as many that do not; 1 or more.

    `standard`: (G, n), NaN where nothing is known. For normal values x and y that correlate by r, x - sqrt(pi / 2) sign(x) and the same
    of y have the covariance arcsin(r) - r, by Stieltjes' formula for the signs: Kish, "Survey Sampling" (1965), for the name.
    """
    rows = standard[np.isfinite(standard).any(axis=1)]
    rows = rows[:: len(rows) // MOST_ROWS + 1]
    values = np.where(np.isfinite(rows), rows, 0.0)
    lengths = np.linalg.norm(values, axis=1)
    values = values[lengths > 0] / lengths[lengths > 0, None]
    correlations = np.clip(values @ values.T, -1.0, 1.0)
    np.fill_diagonal(correlations, 0.0)
    together = (np.arcsin(correlations) - correlations).sum() / max(len(values) * (len(values) - 1), 1)
    return max(1.0 + (len(standard) - 1) * float(together) / ERROR**2, 1.0)
