"""What missing cells do to comparisons: the fit is least squares, its errors are those of the linear model, and 5 % stay 5 %."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.core.judging.stats.additive import Bools, fit_additive
from regsweep.core.judging.stats.holes import MOST_TURNED, Holes, rotations
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.rotations import Contrasts, Pool, critical_value, observed
from regsweep.core.judging.stats.ties import tied_with_best

ALONE = Pool(squares=0.0, degrees_of_freedom=0.0, prior_degrees_of_freedom=np.inf)


@st.composite
def patterns(draw: st.DrawFn) -> Bools:
    """(k, n): every row has a cell."""
    k, n = draw(st.integers(2, 5)), draw(st.integers(2, 6))
    there = np.array(draw(st.lists(st.booleans(), min_size=k * n, max_size=k * n))).reshape(k, n)
    there[~there.any(axis=1), 0] = True
    return there


def table(there: Bools, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return np.where(there, rng.standard_normal(there.shape) + 5 * rng.standard_normal(there.shape[1]), np.nan)


@given(patterns(), st.integers(0, 99))
def test_means_and_residuals_are_those_of_combination_and_replicate(there: Bools, seed: int) -> None:
    everyone = np.ones(len(there), dtype=np.bool_)
    values = table(there, seed)
    means, squares = Holes.of(there, everyone).fit(np.where(there, values, 0.0)[None])
    expected = fit_additive(values, everyone)
    np.testing.assert_allclose(means[:, 0], expected.means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(squares[:, 0], np.nansum(expected.residuals**2, axis=1), atol=1e-9)


@given(patterns())
def test_differences_have_the_variance_that_the_linear_model_gives(there: Bools) -> None:
    """Of two combinations whose difference can be estimated at all."""
    k, n = there.shape
    rows, replicates = np.nonzero(there)
    design = np.hstack([np.eye(k)[rows], np.eye(n)[replicates]])
    inverse = np.linalg.pinv(design.T @ design)
    holes = Holes.of(there, np.ones(k, dtype=np.bool_))
    counts = there.sum(axis=1)
    for best in range(k):
        found = 1 / counts + 1 / counts[best] + holes.apart(np.array([best]))[:, 0]
        for row in set(range(k)) - {best}:
            contrast = np.zeros(k + n)
            contrast[[row, best]] = 1, -1
            if np.allclose(inverse @ (design.T @ design) @ contrast, contrast):
                assert found[row] == pytest.approx(contrast @ inverse @ contrast, rel=1e-9)


@pytest.mark.parametrize("rows", [2, 5])
def test_rotations_are_orthonormal_and_have_no_preference(rows: int) -> None:
    found = rotations(5, rows, 1024)
    np.testing.assert_allclose(
        found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(rows), (1024, rows, rows)), atol=1e-12
    )
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((found**2).mean(axis=0), 1 / 5, atol=0.02)


def quarter_missing(rng: np.random.Generator, k: int, n: int) -> Floats:
    values = rng.standard_normal((k, n)) + 3 * rng.standard_normal(n)
    return np.where(rng.random((k, n)) < 0.25, np.nan, values)


def clusters(rng: np.random.Generator, k: int, n: int) -> Floats:
    own = np.sqrt(0.1) * rng.standard_normal((k, n)) + np.sqrt(0.9) * np.repeat(
        rng.standard_normal((2, n)), k // 2, axis=0
    )
    return np.where(rng.random((k, n)) < 0.25, np.nan, own + 3 * rng.standard_normal(n))


@pytest.mark.parametrize("replicates", [5, 10, MOST_TURNED + 4])
@pytest.mark.parametrize("world", [quarter_missing, clusters])
def test_a_true_best_stays_in_the_set_though_a_quarter_is_missing(world: object, replicates: int) -> None:
    assert callable(world)
    rng, left_out, sweeps = np.random.default_rng(replicates), 0, 400
    for _ in range(sweeps):
        tied = tied_with_best(world(rng, 4, replicates))
        left_out += tied is not None and not (tied.tied | ~tied.comparable).all()
    assert left_out / sweeps <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / sweeps)


def test_replicates_that_nobody_has_change_nothing() -> None:
    losses = np.random.default_rng(1).standard_normal((4, 5))
    wider = np.hstack([losses[:, :3], np.full((4, 2), np.nan), losses[:, 3:]])
    for paired in (True, False):
        one, other = (Contrasts.of(values, paired) for values in (losses, wider))
        assert critical_value(one, ALONE, 0.05) == critical_value(other, ALONE, 0.05)
        np.testing.assert_array_equal(observed(one, ALONE, 0).statistic, observed(other, ALONE, 0).statistic)


def test_of_two_combinations_only_common_replicates_count() -> None:
    losses = np.random.default_rng(2).standard_normal((2, 9))
    holes = losses.copy()
    holes[0, 0] = holes[1, 1] = np.nan
    one, other = tied_with_best(losses[:, 2:]), tied_with_best(holes)
    assert one is not None and other is not None
    np.testing.assert_allclose(one.difference, other.difference, rtol=1e-12)
    limits = [found.critical_value * found.scale[1 - found.best] for found in (one, other)]
    assert limits[1] == pytest.approx(limits[0], rel=0.05), "a difference must be as large to count"
