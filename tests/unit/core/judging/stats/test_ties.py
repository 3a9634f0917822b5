"""The confidence set of the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import studentized_range, ttest_rel
from scipy.stats import t as student
from statsmodels.stats.libqsturng import qsturng

from regsweep.core.judging.stats.additive import fit_additive, row_variances
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.studentised_range import studentised_range_quantile
from regsweep.core.judging.stats.ties import tied_with_best

NAN = float("nan")


def table(combinations: int, replicates: int, *, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((combinations, replicates)) + 5 * rng.standard_normal(replicates)


@pytest.mark.parametrize(
    ("m", "df"), [(2, 4.0), (5, 16.0), (24, 92.0), (100, 396.0), (2, 1e3), (250, 1e3), (9000, 4e4)]
)
def test_the_quantile_is_scipys_studentised_range(m: int, df: float) -> None:
    value = studentised_range_quantile(m, df)
    assert value == pytest.approx(float(studentized_range.ppf(0.95, m, df)), rel=1e-9)
    if m <= 100:
        assert value == pytest.approx(float(qsturng(0.95, m, df)), rel=2e-3), "statsmodels' approximation agrees"


def test_two_combinations_are_compared_by_the_paired_t_test() -> None:
    losses = table(2, 6)
    tied = tied_with_best(losses)
    assert tied is not None
    other = 1 - tied.best
    d = losses[other] - losses[tied.best]
    assert tied.standard_error[other] == pytest.approx(d.std(ddof=1) / np.sqrt(6), rel=1e-9)
    assert tied.degrees_of_freedom[other] == 5
    assert tied.scale[other] == pytest.approx(tied.standard_error[other], rel=1e-9)
    assert tied.critical_value == pytest.approx(student.ppf(0.975, 5), rel=0.03), (
        "which of the two is the best is not known"
    )


def test_with_equal_variances_differences_are_compared_by_tukeys_pooled_error() -> None:
    losses = table(6, 5, seed=4)
    tied = tied_with_best(losses)
    assert tied is not None
    pooled = np.nansum(fit_additive(losses).residuals ** 2) / (5 * 4)
    np.testing.assert_allclose(tied.scale, np.sqrt(2 * pooled / 5), rtol=1e-9)


def test_the_error_shown_is_that_of_the_paired_difference() -> None:
    losses = table(6, 5, seed=4)
    tied = tied_with_best(losses)
    assert tied is not None
    reference = [ttest_rel(row, losses[tied.best]) for row in np.delete(losses, tied.best, axis=0)]
    errors = np.delete(tied.difference, tied.best) / [each.statistic for each in reference]
    np.testing.assert_allclose(np.delete(tied.standard_error, tied.best), errors, rtol=1e-9)


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        pytest.param([0, 0, 0, 40], [True, True, True, False], id="one that is far behind leaves"),
        pytest.param([0, 0, 0, 0], [True] * 4, id="equal ones stay"),
        pytest.param([0, 60, 60, 60], [True, False, False, False], id="a clear winner stands alone"),
    ],
)
def test_who_is_tied(shifts: Sequence[float], expected: Sequence[bool]) -> None:
    tied = tied_with_best(table(4, 5, seed=5) + np.array(shifts)[:, None])
    assert tied is not None
    assert tied.tied.tolist() == expected


def test_one_that_explodes_does_not_make_all_others_tied() -> None:
    losses = table(6, 5, seed=6)
    losses[3:5] += 30
    losses[5] = [1e6, 3e2, 5e5, 9e6, 1e3]
    tied = tied_with_best(losses)
    assert tied is not None
    assert not tied.tied[3:5].any()


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        pytest.param([[1.0, 2.0], [2.0, 3.0]], "two replicates", id="nothing at two replicates"),
        pytest.param([[NAN, NAN, NAN]], "no value", id="nothing without a value"),
    ],
)
def test_no_set_without_three_replicates(losses: list[list[float]], reason: str) -> None:
    assert tied_with_best(np.array(losses)) is None


def test_fewer_than_three_replicates_in_common_are_not_comparable() -> None:
    losses = table(4, 6, seed=8)
    losses[0] -= 5
    losses[0, 3:] = NAN
    losses[1, :2] = NAN
    tied = tied_with_best(losses)
    assert tied is not None
    assert tied.best == 0
    assert tied.comparable.tolist() == [True, False, True, True]
    assert not tied.tied[1]
    assert np.isnan(tied.difference[1])


def test_values_that_are_all_equal_are_tied() -> None:
    tied = tied_with_best(np.ones((3, 4)))
    assert tied is not None
    assert tied.tied.all()


Losses = (
    st.integers(2, 6)
    .flatmap(lambda n: st.lists(st.lists(st.integers(-50, 50), min_size=n, max_size=n), min_size=2, max_size=6))
    .filter(lambda rows: len(rows[0]) >= 3)
)


@settings(max_examples=40, deadline=None)
@given(Losses, st.permutations(range(6)), st.sampled_from([0.5, 4.0]), st.integers(-8, 8))
def test_order_of_runs_and_units_change_nothing(
    rows: list[list[int]], order: list[int], scale: float, shift: int
) -> None:
    losses = np.array(rows, dtype=np.float64)
    order = [place for place in order if place < len(rows)]
    moved = scale * losses[order] + shift
    one, other = tied_with_best(losses), tied_with_best(moved)
    assert one is not None and other is not None
    if np.unique(losses.mean(axis=1)).size == len(rows):
        assert order[other.best] == one.best
        assert other.tied.tolist() == one.tied[order].tolist()


@settings(max_examples=40, deadline=None)
@given(Losses)
def test_the_best_is_in_its_set_and_what_leaves_is_further_off_than_what_stays_may_be(rows: list[list[int]]) -> None:
    losses = np.array(rows, dtype=np.float64)
    tied = tied_with_best(losses)
    assert tied is not None
    assert tied.tied[tied.best]
    others = tied.tied.copy()
    others[tied.best] = False
    if others.any():
        assert (tied.difference[others] <= tied.critical_value * tied.scale[others] * (1 + 1e-9)).all()


def test_the_residual_variance_of_equal_rows_is_unbiased_for_any_number_of_combinations() -> None:
    rng = np.random.default_rng(9)
    for combinations in (2, 3, 10):
        raws = [row_variances(fit_additive(rng.standard_normal((combinations, 5)))).raw for _ in range(4000)]
        assert np.mean(raws) == pytest.approx(1.0, abs=0.03)
