"""When values have a tail that makes intervals too narrow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.skewness import is_skewed

Noise = Callable[[np.random.Generator], Floats]
SIZE = (24, 10)


@pytest.mark.parametrize(
    ("noise", "least", "most"),
    [
        pytest.param(lambda rng: rng.standard_normal(SIZE), 0.0, 0.05, id="normal"),
        pytest.param(lambda rng: rng.standard_t(3, SIZE), 0.0, 0.05, id="heavy tails to both sides"),
        pytest.param(lambda rng: rng.exponential(size=SIZE), 0.9, 1.0, id="a tail to large values"),
        pytest.param(lambda rng: -rng.exponential(size=SIZE), 0.9, 1.0, id="a tail to small ones"),
        pytest.param(lambda rng: np.ones(SIZE), 0.0, 0.0, id="no noise at all"),
    ],
)
def test_a_long_tail_to_one_side_is_seen(noise: Noise, least: float, most: float) -> None:
    rng = np.random.default_rng(1)
    found = [is_skewed(noise(rng) + 3 * rng.standard_normal(SIZE[1])) for _ in range(60)]
    assert least <= np.mean(found) <= most


@pytest.mark.parametrize(("combinations", "n"), [(8, 5), (8, 10), (24, 5)])
def test_a_few_splits_that_are_hard_for_all_are_no_tail(combinations: int, n: int) -> None:
    rng = np.random.default_rng(2)
    losses = (rng.standard_normal((combinations, n)) + 3 * rng.standard_normal(n) for _ in range(200))
    assert sum(map(is_skewed, losses)) <= 0.05 * 200 + 3 * np.sqrt(0.05 * 0.95 * 200)


@pytest.mark.parametrize(("combinations", "n"), [(24, 3), (24, 5), (60, 5), (8, 10)])
def test_combinations_that_move_together_do_not_count_as_many(combinations: int, n: int) -> None:
    """A flag of two values does next to nothing: each value of noise is there twice."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        noise = np.repeat(rng.standard_normal((combinations // 2, n)), 2, axis=0)
        found.append(is_skewed(noise + 0.05 * rng.standard_normal(noise.shape) + 3 * rng.standard_normal(n)))
    assert sum(found) <= 0.05 * 200 + 3 * np.sqrt(0.05 * 0.95 * 200)


def test_a_combination_that_alone_informs_about_the_replicates_has_no_tail() -> None:
    """What is left of it is rounding. The others' spread is out of all proportion to its own."""
    losses = np.array(
        [[0.82732349, 0.78740489, 0.29960061], [0.9, 0.36984401, 0.85656162], [0.76896986, 0.7511, 0.79865697]]
    )
    assert not is_skewed(losses)


def test_missing_replicates_make_no_tail() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        losses = rng.standard_normal((24, 3)) + 3 * rng.standard_normal(3)
        losses[rng.random((24, 3)) < 0.25] = np.nan
        found.append(is_skewed(losses[np.isfinite(losses).any(axis=1)]))
    assert np.mean(found) <= 0.05
