"""Variances of many combinations, each from few replicates, shrunk towards their common value.

Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray experiments",
Statistical Applications in Genetics and Molecular Biology 3 (2004), article 3; the formulas of Bioconductor's limma
(`fitFDist`, `trigammaInverse`, `squeezeVar`) without trend and without robustness.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

ZERO_OFFSET = 1e-5
"""A variance of exactly 0 (values that are equal to the last digit) is raised to this part of the median, as in limma."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The scaled inverse chi-squared distribution that the variances seem to come from."""

    degrees_of_freedom: float
    """Infinite where the variances differ no more than chance makes them: then all are taken as one."""
    variance: float


@dataclass(frozen=True, slots=True)
class ModeratedVariances:
    """Shrunk variances."""

    prior: Prior
    variances: Floats
    """(G,): (d0 s0^2 + d s^2) / (d0 + d)."""
    degrees_of_freedom: Floats
    """(G,): d0 + d, at most the degrees of freedom of all together."""
    pooled_degrees_of_freedom: float
    """Of all together."""


def inverse_trigamma(value: float) -> float:
    """The y > 0 with trigamma(y) = value, by Newton's iteration on 1 / trigamma (Smyth 2004, appendix).

    Raises ValueError unless `value` > 0.
    """
    if not value > 0:
        raise ValueError(f"trigamma takes every value above 0 and no other, but got {value}")
    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-12:
            break
    return y


def fit_prior(variances: Floats, degrees_of_freedom: Floats) -> Prior:
    """Prior degrees of freedom d0 and variance s0^2, from the mean and the variance of log s^2.

    `variances`, `degrees_of_freedom`: (G,), those with no degree of freedom are left out.
    Where no prior can be fitted (one variance, or all 0), d0 is infinite and s0^2 the mean.
    """
    usable = degrees_of_freedom > 0
    s2, d = variances[usable], degrees_of_freedom[usable]
    if len(s2) == 0:
        return Prior(inf, 0.0)
    middle = float(np.median(s2))
    if len(s2) == 1 or middle == 0:
        return Prior(inf, float(s2.mean()))
    s2 = np.maximum(s2, ZERO_OFFSET * middle)
    e = np.log(s2) - digamma(d / 2) + np.log(d / 2)
    spread = float(e.var(ddof=1) - polygamma(1, d / 2).mean())
    if spread <= 0:
        return Prior(inf, float(s2.mean()))
    d0 = 2 * inverse_trigamma(spread)
    return Prior(d0, float(np.exp(e.mean() + digamma(d0 / 2) - np.log(d0 / 2))))


def moderate(variances: Floats, degrees_of_freedom: Floats, pooled_degrees_of_freedom: float) -> ModeratedVariances:
    """Shrinks each variance towards the common one, by as much as the variances' own scatter allows.

    `variances`, `degrees_of_freedom`: (G,). `pooled_degrees_of_freedom`: what all rows hold together; no shrunk variance
    counts for more (limma's `df.total`).
    """
    prior = fit_prior(variances, degrees_of_freedom)
    return apply_prior(prior, variances, degrees_of_freedom, pooled_degrees_of_freedom)


def apply_prior(
    prior: Prior, variances: Floats, degrees_of_freedom: Floats, pooled_degrees_of_freedom: float
) -> ModeratedVariances:
    """The shrinking alone, with a prior fitted elsewhere."""
    d0, s0 = prior.degrees_of_freedom, prior.variance
    shrunk = (
        np.full_like(variances, s0)
        if isinf(d0)
        else (d0 * s0 + degrees_of_freedom * variances) / (d0 + degrees_of_freedom)
    )
    return ModeratedVariances(
        prior, shrunk, np.minimum(d0 + degrees_of_freedom, pooled_degrees_of_freedom), pooled_degrees_of_freedom
    )
