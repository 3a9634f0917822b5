"""When replicates of a combination fall into two groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.two_ways import TwoWays, ends_two_ways

Noise = Callable[[np.random.Generator, int], Floats]
SWEEPS = 400


def hard(rng: np.random.Generator, n: int) -> Floats:
    return 3 * rng.standard_normal(n)


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_normal((8, n)) + hard(rng, n)


def unequal(rng: np.random.Generator, n: int) -> Floats:
    return np.asarray(np.exp(0.7 * rng.standard_normal((8, 1))) * rng.standard_normal((8, n)) + hard(rng, n))


def slopes(rng: np.random.Generator, n: int) -> Floats:
    return np.asarray(0.4 * rng.standard_normal((8, n)) + (3 + rng.uniform(-1, 1, (8, 1))) * rng.standard_normal(n))


def in_steps(rng: np.random.Generator, n: int) -> Floats:
    return np.round(normal(rng, n))


def unequal_folds(rng: np.random.Generator, n: int) -> Floats:
    """Shares of 23 rows, and of 22."""
    rows = np.where(np.arange(n) < 2, 23, 22)
    return np.asarray(rng.binomial(rows, 0.03, (8, n)) / rows)


def after_a_race(rng: np.random.Generator, n: int) -> Floats:
    """The good ones alone were trained to the end."""
    losses = normal(rng, n) + np.linspace(0, 20, 8)[:, None]
    losses[3:, 3:] = np.nan
    return losses


def with_holes(rng: np.random.Generator, n: int) -> Floats:
    losses = normal(rng, n) + np.linspace(0, 20, 8)[:, None]
    losses[rng.random((8, n)) < 0.25] = np.nan
    return losses


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("noise", [normal, unequal, slopes, in_steps, unequal_folds, after_a_race, with_holes])
def test_it_is_said_of_few_sweeps_in_which_there_is_nothing(noise: Noise, n: int, paired: bool) -> None:
    rng = np.random.default_rng(n)
    said = sum(ends_two_ways(noise(rng, n), paired) is not None for _ in range(SWEEPS))
    assert said / SWEEPS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SWEEPS)


@pytest.mark.parametrize(("apart", "n"), [(1, 5), (2, 5), (3, 10), (7, 10), (2, 20)])
@pytest.mark.parametrize("gap", [40.0, -40.0])
def test_replicates_that_lie_far_from_the_others_are_counted(apart: int, n: int, gap: float) -> None:
    losses = np.random.default_rng(1).standard_normal((8, n)) + 3 * np.random.default_rng(2).standard_normal(n)
    losses[3, :apart] += gap
    assert ends_two_ways(losses, paired=True) == TwoWays(3, min(apart, n - apart), n)


def test_after_a_race_replicates_that_lie_far_from_the_others_are_seen_as_well() -> None:
    losses = after_a_race(np.random.default_rng(5), 10)
    losses[1, 4:6] += 60
    assert ends_two_ways(losses, paired=True) == TwoWays(1, 2, 10)


def test_missing_replicates_are_not_counted() -> None:
    losses = np.random.default_rng(3).standard_normal((4, 8))
    losses[1, :2] += 60
    losses[1, 5] = losses[2, 0] = np.nan
    assert ends_two_ways(losses, paired=True) == TwoWays(1, 2, 7)


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param(np.ones((3, 5)), id="all are equal"),
        pytest.param(np.full((3, 5), np.nan), id="no value"),
        pytest.param(np.array([[1.0, 2.0]]), id="two replicates"),
        pytest.param(
            np.array([[1.0, 1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0]]), id="one step of a rounded value"
        ),
        pytest.param(np.zeros((0, 5)), id="no combination"),
    ],
)
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.filterwarnings("error")
def test_nothing_is_said_where_nothing_shows_it(losses: Floats, paired: bool) -> None:
    assert ends_two_ways(losses, paired) is None
