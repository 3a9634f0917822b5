"""Combination + replicate, fitted by least squares over the cells that are there: adjusted means, residuals, variances.

The same model as `blocks`, for arrays: y[i, k] = a[i] + b[k] + e[i, k], where e of combination i has its own variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regsweep.core.judging.stats.blocks import FENCE, fence_place
from regsweep.core.judging.stats.moderation import Floats, ModeratedVariances, apply_prior, fit_prior

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AdditiveFit:
    """Least squares of combination + replicate."""

    means: Floats
    """(G,) adjusted means: what the mean over all n replicates would have been. NaN for a combination without a value."""
    effects: Floats
    """(n,) replicates' effects, adding up to 0 within each set of replicates that combinations connect."""
    residuals: Floats
    """(G, n), NaN where the cell is missing."""
    informing: Bools
    """(G,) the combinations that the replicates' effects were estimated from."""
    paired: bool = True
    """Replicates' effects were taken out; False: `effects` are 0 and `means` plain means."""


@dataclass(frozen=True, slots=True)
class RowVariances:
    """One residual variance for each combination: the noise that is left once the replicate's effect is out."""

    raw: Floats
    """(G,)"""
    raw_degrees_of_freedom: Floats
    """(G,) values there, less one."""
    moderated: ModeratedVariances


def within_fence(values: Floats) -> Bools:
    """(G,): combinations whose spread over replicates is not out of all proportion to the others' (see `blocks.FENCE`)."""
    counts = np.isfinite(values).sum(axis=1)
    spread = np.full(len(values), np.nan)
    several = counts >= 2
    if several.any():
        spread[several] = np.nanvar(values[several], axis=1, ddof=1)
    positive = np.sort(spread[spread > 0])
    if len(positive) == 0:
        return np.ones(len(values), dtype=np.bool_)
    limit = FENCE**2 * positive[fence_place(len(positive))]
    return np.asarray(~(spread > limit))


def fit_additive(values: Floats, informing: Bools | None = None) -> AdditiveFit:
    """Fits combination + replicate.

    `values`: (G, n), NaN for a missing cell. `informing`: (G,) which combinations may estimate the replicates' effects;
    None: those within the fence.

    Source: Searle, "Linear Models for Unbalanced Data" (1987), chapter 4.
    """
    informing = within_fence(values) if informing is None else informing
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    counts = there.sum(axis=1)
    divisor = np.maximum(counts, 1)
    use = informing & (counts > 1)
    pattern = there[use].astype(np.float64)
    size = counts[use]
    centred = np.where(there[use], filled[use] - (filled[use].sum(axis=1) / size)[:, None], 0.0)
    equations = np.diag(pattern.sum(axis=0)) - (pattern / size[:, None]).T @ pattern
    effects = (
        np.linalg.lstsq(equations, centred.sum(axis=0), rcond=1e-12)[0] if use.any() else np.zeros(values.shape[1])
    )
    less_block = np.where(there, filled - effects, 0.0)
    means = np.where(counts > 0, less_block.sum(axis=1) / divisor, np.nan)
    complete = counts == values.shape[1]
    means[complete] = filled[complete].mean(axis=1)
    residuals = np.where(there, values - effects - (less_block.sum(axis=1) / divisor)[:, None], np.nan)
    return AdditiveFit(means, effects, residuals, informing)


def fit_means(values: Floats, informing: Bools | None = None) -> AdditiveFit:
    """The same without replicates' effects, for replicates that are not paired: plain means and what is left of them."""
    there = np.isfinite(values)
    counts = there.sum(axis=1)
    totals = np.where(there, values, 0.0).sum(axis=1)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    residuals = np.where(there, values - means[:, None], np.nan)
    informing = within_fence(values) if informing is None else informing
    return AdditiveFit(means, np.zeros(values.shape[1]), residuals, informing, paired=False)


def row_variances(fit: AdditiveFit) -> RowVariances:
    """A residual variance per combination, moderated over combinations.

    The replicates' effects are themselves estimated from F combinations, which takes 1/F off a residual's variance of a
    combination that took part: divided by 1 - 1/F. With equal variances s^2 then is sigma^2 chi^2 / (n - 1) exactly.
    Without replicates' effects it is the combination's plain variance.
    A combination outside the fence keeps its own variance: what is common to the others says nothing of it.
    """
    there = np.isfinite(fit.residuals)
    counts = there.sum(axis=1)
    d = np.maximum(counts - 1.0, 0.0)
    rows = int((fit.informing & (counts > 1)).sum())
    shrinkage = np.where(fit.informing & (rows > 1) & fit.paired, 1 - 1 / max(rows, 2), 1.0)
    squares = np.where(there, fit.residuals, 0.0) ** 2
    raw = np.where(d > 0, squares.sum(axis=1) / np.maximum(d, 1) / shrinkage, np.nan)
    within = fit.informing & (d > 0)
    blocks = int((there[fit.informing].any(axis=0)).sum()) if fit.paired else 1
    pooled = float(max(d[within].sum() - max(blocks - 1, 0), 1))
    prior = fit_prior(raw[within], d[within])
    shrunk = apply_prior(prior, np.where(d > 0, raw, prior.variance), d, pooled)
    outside = ~fit.informing & (d > 0)
    moderated = ModeratedVariances(
        prior,
        np.where(outside, raw, shrunk.variances),
        np.where(outside, d, shrunk.degrees_of_freedom),
        pooled + float(d[outside].sum()),
    )
    return RowVariances(raw, d, moderated)
