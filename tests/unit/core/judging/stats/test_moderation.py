"""Moderated variances against limma's formulas, written down a second time with scipy's root finder and distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from regsweep.core.judging.stats.moderation import Floats, fit_prior, inverse_trigamma, moderate


def limma_fit_f_dist(x: Floats, df1: float) -> tuple[float, float]:
    """limma::fitFDist(x, df1) without covariate: (df2, scale)."""
    x = np.maximum(x, 1e-5 * np.median(x))
    e = np.log(x) - digamma(df1 / 2) + np.log(df1 / 2)
    emean = e.mean()
    evar = ((e - emean) ** 2).sum() / (len(x) - 1) - polygamma(1, df1 / 2)
    if evar <= 0:
        return math.inf, float(x.mean())
    df2 = 2 * brentq(lambda y: polygamma(1, y) - evar, 1e-9, 1e9, xtol=1e-14, rtol=1e-14)
    return df2, float(np.exp(emean + digamma(df2 / 2) - np.log(df2 / 2)))


@pytest.mark.parametrize("df", [pytest.param(d, id=f"{d} degrees of freedom") for d in (2, 4, 9)])
@pytest.mark.parametrize(
    "spread", [pytest.param(0.0, id="equal variances"), pytest.param(1.0, id="variances that differ much")]
)
def test_the_prior_is_limmas(df: int, spread: float) -> None:
    rng = np.random.default_rng(7)
    variances = np.exp(spread * rng.standard_normal(60)) * rng.chisquare(df, 60) / df
    d0, s0 = limma_fit_f_dist(variances, df)
    moderated = moderate(variances, np.full(60, float(df)), 60.0 * df)
    if math.isinf(d0):
        assert math.isinf(moderated.prior.degrees_of_freedom)
        expected = np.full(60, s0)
    else:
        assert moderated.prior.degrees_of_freedom == pytest.approx(d0, rel=1e-9)
        expected = (d0 * s0 + df * variances) / (d0 + df)
    assert moderated.prior.variance == pytest.approx(s0, rel=1e-9)
    np.testing.assert_allclose(moderated.variances, expected, rtol=1e-9)
    np.testing.assert_allclose(moderated.degrees_of_freedom, min(d0 + df, 60 * df), rtol=1e-9)


@pytest.mark.parametrize(
    "value", [pytest.param(v, id=f"{v:g}") for v in (1e-8, 1e-3, 0.5, 1.6449340668482264, 30, 1e8)]
)
def test_the_inverse_of_trigamma(value: float) -> None:
    assert float(polygamma(1, inverse_trigamma(value))) == pytest.approx(value, rel=1e-3 if value > 1e7 else 1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_trigamma_takes_positive_values_only(value: float) -> None:
    with pytest.raises(ValueError, match="every value above 0"):
        inverse_trigamma(value)


def test_variances_of_exactly_zero_do_no_harm() -> None:
    prior = fit_prior(np.array([0.0, 1.0, 1.2, 0.8, 0.0]), np.full(5, 4.0))
    assert prior.variance > 0
    assert fit_prior(np.zeros(4), np.full(4, 4.0)).variance == 0
