"""How far apart equal combinations lie by chance alone."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from scipy.stats import kstest, studentized_range
from scipy.stats import t as student

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.rotations import (
    Contrasts,
    Pool,
    critical_value,
    directions,
    error_of_any,
    largest_mean_is_positive,
    observed,
)

ALONE = Pool(squares=0.0, degrees_of_freedom=0.0, prior_degrees_of_freedom=inf)
SWEEPS = 400


def test_directions_have_length_1_and_no_preference() -> None:
    found = directions(5, 512)
    np.testing.assert_allclose((found**2).sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(found @ found.T / 512, np.eye(5) / 5, atol=0.01)
    t = found[0] / np.sqrt((1 - found[0] ** 2) / 4)
    assert kstest(t, student(4).cdf).pvalue > 0.5, "a direction's part along any axis is a t statistic"


@pytest.mark.parametrize("replicates", [3, 5, 10])
def test_of_two_combinations_it_is_students_quantile(replicates: int) -> None:
    losses = np.random.default_rng(replicates).standard_normal((2, replicates))
    found = critical_value(Contrasts.of(losses, paired=True), ALONE, 0.05)
    assert found == pytest.approx(student.ppf(0.975, replicates - 1), rel=0.02)


def test_with_many_replicates_of_equal_noise_it_is_the_studentised_ranges_quantile() -> None:
    losses = np.random.default_rng(1).standard_normal((6, 200))
    found = critical_value(Contrasts.of(losses, paired=True), ALONE, 0.05)
    assert found == pytest.approx(studentized_range.ppf(0.95, 6, 995) / np.sqrt(2), rel=0.03)


def test_the_distance_is_that_of_the_means_beside_their_errors() -> None:
    losses = np.random.default_rng(2).standard_normal((3, 5)) + np.array([[0.0], [1.0], [2.0]])
    own = Pool(squares=0.0, degrees_of_freedom=0.0, prior_degrees_of_freedom=0.0)
    found = observed(Contrasts.of(losses, paired=False), own, 0)
    variances = losses.var(axis=1, ddof=1) / 5
    np.testing.assert_allclose(found.scale[1:, 0], np.sqrt(variances[1:] + variances[0]), rtol=1e-9)
    np.testing.assert_allclose(
        found.statistic[1:, 0], (losses[1:].mean(axis=1) - losses[0].mean()) / found.scale[1:, 0], rtol=1e-9
    )


def equal(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((6, 5))


def clusters(rng: np.random.Generator) -> Floats:
    return np.asarray(np.repeat(rng.standard_normal((2, 5)), 3, axis=0) + 0.3 * rng.standard_normal((6, 5)))


def unequal(rng: np.random.Generator) -> Floats:
    return np.asarray(np.array([1, 1, 1, 1, 4, 8.0])[:, None] * rng.standard_normal((6, 5)))


def slopes(rng: np.random.Generator) -> Floats:
    return np.asarray(0.2 * rng.standard_normal((6, 5)) + np.arange(6)[:, None] * rng.standard_normal(5))


def missing(rng: np.random.Generator) -> Floats:
    values = rng.standard_normal((6, 5))
    values[np.arange(6), rng.integers(5, size=6)] = np.nan
    return values


@pytest.mark.parametrize("world", [equal, clusters, unequal, slopes, missing])
@pytest.mark.parametrize("prior", [pytest.param(inf, id="pooled"), pytest.param(4.0, id="moderated")])
def test_equal_combinations_lie_further_apart_in_5_percent(
    world: Callable[[np.random.Generator], Floats], prior: float
) -> None:
    pool, rng = Pool(0.0, 0.0, prior), np.random.default_rng(3)
    beyond = 0
    for _ in range(SWEEPS):
        contrasts = Contrasts.of(world(rng) + 3 * rng.standard_normal(5), paired=True)
        best = int(contrasts.cells.mean(axis=1).argmin())
        beyond += observed(contrasts, pool, best).statistic.max() > critical_value(contrasts, pool, 0.05)
    assert abs(beyond / SWEEPS - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


def test_what_is_pooled_from_others_changes_no_promise() -> None:
    """Even where they are four times as quiet: the rotations are of the same statistic."""
    pool, rng, beyond = (
        Pool(squares=30 / 16, degrees_of_freedom=30, prior_degrees_of_freedom=inf),
        np.random.default_rng(4),
        0,
    )
    for _ in range(SWEEPS):
        contrasts = Contrasts.of(rng.standard_normal((3, 5)), paired=True)
        best = int(contrasts.cells.mean(axis=1).argmin())
        beyond += observed(contrasts, pool, best).statistic.max() > critical_value(contrasts, pool, 0.05)
    assert abs(beyond / SWEEPS - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


def test_replicates_that_are_not_paired_are_turned_each_by_itself() -> None:
    rng, beyond = np.random.default_rng(5), 0
    for _ in range(SWEEPS):
        contrasts = Contrasts.of(rng.standard_normal((6, 5)), paired=False)
        best = int(contrasts.cells.mean(axis=1).argmin())
        beyond += observed(contrasts, ALONE, best).statistic.max() > critical_value(contrasts, ALONE, 0.05)
    assert beyond / SWEEPS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


def test_the_same_losses_have_the_same_critical_value() -> None:
    contrasts = Contrasts.of(np.random.default_rng(6).standard_normal((40, 4)), paired=False)
    assert critical_value(contrasts, ALONE, 0.05) == critical_value(contrasts, ALONE, 0.05)


@pytest.mark.parametrize("combinations", [1, 8])
def test_some_mean_is_surely_positive_in_5_percent_where_none_is(combinations: int) -> None:
    rng, found = np.random.default_rng(7), 0
    for _ in range(SWEEPS):
        values = rng.standard_normal((combinations, 5)) + 2 * rng.standard_normal(5)
        found += largest_mean_is_positive(values, 0.05, 0.0)
    assert abs(found / SWEEPS - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


def test_one_positive_mean_of_many_is_found_and_other_data_are_harder_to_answer_for() -> None:
    values = np.random.default_rng(8).standard_normal((20, 5))
    values[3] += 8
    assert largest_mean_is_positive(values, 0.05, 0.0)
    assert not largest_mean_is_positive(values, 0.05, 20.0)
    assert not largest_mean_is_positive(-np.abs(values), 0.05, 0.0)
    assert not largest_mean_is_positive(np.full((3, 5), np.nan), 0.05, 0.0)


@pytest.mark.parametrize("combinations", [1, 12])
def test_no_rows_true_mean_is_further_than_the_error_of_any_in_95_percent(combinations: int) -> None:
    rng, missed = np.random.default_rng(9), 0
    for _ in range(SWEEPS):
        values = rng.standard_normal((combinations, 5)) + rng.standard_normal(5)
        chosen = int(values.mean(axis=1).argmin())
        error = error_of_any(values, chosen, 0.05)
        assert error is not None
        missed += values[chosen].mean() + error < 0
    assert missed / SWEEPS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


def test_of_a_row_alone_it_is_students_error() -> None:
    values = np.random.default_rng(10).standard_normal((1, 6))
    expected = student.ppf(0.975, 5) * values.std(ddof=1) / np.sqrt(6)
    assert error_of_any(values, 0, 0.025) == pytest.approx(expected, rel=0.04)


def test_there_is_no_error_of_any_where_a_row_has_few_replicates_or_explodes() -> None:
    values = np.random.default_rng(11).standard_normal((6, 5))
    values[0] *= 1e6
    values[1, 2:] = np.nan
    assert error_of_any(values, 0, 0.05) is None
    assert error_of_any(values, 1, 0.05) is None
    assert error_of_any(values, 2, 0.05) is not None
