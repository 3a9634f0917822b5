"""Power, replicates and intervals against statsmodels and against the definitions, to 1e-9."""

from __future__ import annotations

from math import ceil, inf, sqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import chi2, nct, studentized_range
from statsmodels.stats.power import TTestPower

from regsweep.core.judging.stats import power as power_module
from regsweep.core.judging.stats.power import (
    NODES,
    Design,
    critical_value,
    detectable_statistic,
    effect_interval,
    power,
    replicates_needed,
    scale_interval,
)

STATSMODELS = TTestPower()


def of_two(effect: float) -> Design:
    return Design(np.array([effect]))


@pytest.mark.parametrize(("effect", "n"), [(0.5, 5), (0.5, 34), (1.3, 5), (2.0, 4), (0.1, 800), (0.0, 10)])
def test_power_of_two_combinations_is_that_of_the_paired_t_test(effect: float, n: int) -> None:
    expected = STATSMODELS.power(effect, n, 0.025, alternative="larger")
    assert power(effect, n, critical_value(2, n - 1), n - 1) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("effect", [3.0, 2.0, 1.3, 0.5, 0.2, 0.1])
def test_the_replicates_needed_are_those_of_the_paired_t_test(effect: float) -> None:
    needed = STATSMODELS.solve_power(effect_size=effect, power=0.8, alpha=0.025, alternative="larger")
    assert replicates_needed(effect, of_two(effect)) == max(ceil(float(needed)), 3)


@pytest.mark.parametrize("n", [3, 5, 10, 100])
def test_the_difference_that_shows_is_that_of_the_paired_t_test(n: int) -> None:
    expected = STATSMODELS.solve_power(nobs=n, power=0.8, alpha=0.025, alternative="larger")
    found = detectable_statistic(critical_value(2, n - 1), n - 1) / sqrt(n)
    assert found == pytest.approx(float(expected), rel=1e-5)  # as far as statsmodels iterates
    assert power(found, n, critical_value(2, n - 1), n - 1) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize(("candidates", "df"), [(8, 16.0), (8, 28.0), (3, 5.0), (20, 76.0), (300, 1000.0)])
def test_many_candidates_are_told_apart_by_the_studentised_range(candidates: int, df: float) -> None:
    exact = float(studentized_range.ppf(0.95, candidates, df)) / sqrt(2)
    assert critical_value(candidates, df) == pytest.approx(exact, rel=1e-9 if df in NODES else 0.01)


def test_those_that_have_left_by_then_do_not_make_it_harder() -> None:
    """The second at 0.5 standard deviations, the others far behind: with enough replicates only two remain."""
    crowd = Design(np.array([0.5, 3.0, 3.0, 3.0]))
    assert replicates_needed(0.5, crowd) == replicates_needed(0.5, of_two(0.5))
    equals = Design(np.array([0.5, 0.5, 0.5, 0.5]))
    assert (replicates_needed(0.5, equals) or 0) > (replicates_needed(0.5, crowd) or 0)


@pytest.mark.parametrize("effect", [0.0, -0.2, 0.01])
def test_no_number_is_named_for_what_thousands_would_not_show(effect: float) -> None:
    assert replicates_needed(effect, of_two(effect)) is None


@pytest.mark.parametrize(("statistic", "df", "n"), [(2.0, 4, 5), (0.0, 4, 5), (1.1, 28, 5), (4.0, 9, 10), (25.0, 4, 5)])
def test_the_interval_of_an_effect_inverts_the_non_central_t(statistic: float, df: float, n: int) -> None:
    low, high = (end * sqrt(n) for end in effect_interval(statistic, df, n))
    assert [float(nct.sf(statistic, df, low)), float(nct.cdf(statistic, df, high))] == pytest.approx(
        [0.025, 0.025], abs=1e-9
    )


@given(statistic=st.floats(0, 1e6), df=st.floats(1, 1e4), n=st.integers(2, 1000))
@example(statistic=7.75, df=1, n=5)
@example(statistic=18.25, df=1, n=2)
def test_whatever_was_observed_has_an_interval(statistic: float, df: float, n: int) -> None:
    low, high = effect_interval(statistic, df, n)
    assert -inf < low < high < inf


@given(candidates=st.integers(1, 200), df=st.floats(1, 1e4))
@example(candidates=2, df=1)
def test_some_difference_shows_with_any_noise(candidates: int, df: float) -> None:
    limit = critical_value(candidates, df)
    assert 0 < detectable_statistic(limit, df) < inf


def test_the_interval_of_an_effect_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    values = 0.6 + rng.standard_normal((400, 5))
    statistics = values.mean(axis=1) / values.std(axis=1, ddof=1) * sqrt(5)
    held = [low <= 0.6 <= high for low, high in (effect_interval(t, 4, 5) for t in statistics.tolist())]
    assert 0.92 <= sum(held) / len(held) <= 0.98


def test_the_interval_of_a_standard_deviation_is_that_of_its_chi_square() -> None:
    low, high = scale_interval(9)
    assert [9 / low**2, 9 / high**2] == pytest.approx([chi2.ppf(0.975, 9), chi2.ppf(0.025, 9)], rel=1e-12)
    assert scale_interval(inf) == (1.0, 1.0)


def test_no_noise_leaves_the_interval_finite() -> None:
    low, high = effect_interval(inf, 4, 5)
    assert 0 < low < high < inf


def test_a_tied_set_of_hundreds_is_planned_in_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def quantile(candidates: int, degrees_of_freedom: float) -> float:
        calls.append(candidates)
        return 5.0

    monkeypatch.setattr(power_module, "studentised_range_quantile", quantile)
    replicates_needed(0.3, Design(np.linspace(0.3, 0.9, 20)))
    assert len(calls) < 100
