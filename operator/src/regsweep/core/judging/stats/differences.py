"""Differences of means to the best, with their errors: of paired replicates, and of replicates that are not.

Paired: the mean of the differences within replicates, its standard error s / sqrt(n), t with n - 1 degrees of freedom.
Unpaired (see `pairing`): the difference of the means, with the variance v_i / n_i + v_b / n_b, where v are the combinations'
variances moderated over combinations; degrees of freedom after Satterthwaite, "An approximate distribution of estimates of
variance components", Biometrics Bulletin 2 (1946), and Welch, Biometrika 34 (1947); no more than all variances hold together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regsweep.core.judging.stats.additive import RowVariances, fit_means, row_variances
from regsweep.core.judging.stats.moderation import Floats


@dataclass(frozen=True, slots=True)
class Differences:
    """Each row's mean less that of the best; (G,) each. Where `replicates` is below 2 the others mean nothing."""

    means: Floats
    standard_errors: Floats
    """0 for the best itself."""
    degrees_of_freedom: Floats
    replicates: Floats
    """In common with the best; unpaired: of the one of the two that has fewer."""


def differences_to(values: Floats, best: int, paired: bool, variances: RowVariances | None = None) -> Differences:
    """The rows' differences to row `best`. `values`: (G, n), NaN for a missing cell.

    `variances`: of these same values and unpaired, if there already.
    """
    return _paired(values, best) if paired else _unpaired(values, best, variances)


def welch(variances: Floats, factors: Floats, degrees_of_freedom: Floats, most: float) -> tuple[Floats, Floats]:
    """Standard error and degrees of freedom of a sum of independent means, over the first axis.

    `variances`, `degrees_of_freedom`: (k, ...); `factors`: (k, ...) what a variance is multiplied by to be that of its mean,
    such as 1 / n. `most`: degrees of freedom that all variances hold together.
    """
    parts = variances * factors
    squares = (parts**2 / np.maximum(degrees_of_freedom, 1)).sum(axis=0)
    total = parts.sum(axis=0)
    df = np.where(squares > 0, total**2 / np.where(squares > 0, squares, 1), most)
    return np.sqrt(total), np.clip(df, 1, max(most, 1))


def _paired(values: Floats, best: int) -> Differences:
    gaps = values - values[best]
    common = np.isfinite(gaps)
    counts = common.sum(axis=1)
    n, df = np.maximum(counts, 1), np.maximum(counts - 1, 1)
    means = np.where(common, gaps, 0.0).sum(axis=1) / n
    errors = np.sqrt(np.where(common, (gaps - means[:, None]) ** 2, 0.0).sum(axis=1) / df / n)
    return Differences(means, errors, df.astype(np.float64), counts.astype(np.float64))


def _unpaired(values: Floats, best: int, variances: RowVariances | None) -> Differences:
    fit = fit_means(values)
    moderated = (row_variances(fit) if variances is None else variances).moderated
    counts = np.isfinite(values).sum(axis=1)
    v, d = moderated.variances, moderated.degrees_of_freedom
    factors = 1 / np.maximum(counts, 1)
    both = [np.array([each, np.full_like(each, each[best])]) for each in (v, factors, d)]
    errors, df = welch(both[0], both[1], both[2], moderated.pooled_degrees_of_freedom)
    errors[best] = 0.0
    means = np.where(counts > 0, fit.means - fit.means[best], 0.0)
    return Differences(means, errors, df, np.minimum(counts, counts[best]).astype(np.float64))
