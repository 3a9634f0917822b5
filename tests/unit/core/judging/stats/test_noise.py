"""What the noise of those that may still be the best is pooled from."""

from __future__ import annotations

import numpy as np
import pytest

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.noise import pool_of
from regsweep.core.judging.stats.ties import tied_with_best

SEEDS = range(40)


def noise_of(own: Floats, seed: int) -> Floats:
    """Rows with an effect of the replicate that is three times as large as the noise."""
    return own + 3 * np.random.default_rng(1000 + seed).standard_normal(own.shape[1])


def test_equal_noise_is_pooled_as_a_rule() -> None:
    everybody = np.ones(8, dtype=np.bool_)
    found = [
        pool_of(noise_of(np.random.default_rng(seed).standard_normal((8, 5)), seed), everybody, paired=True)
        for seed in SEEDS
    ]
    assert np.mean([np.isinf(each.prior_degrees_of_freedom) for each in found]) > 0.5


def test_unequal_noise_is_moderated_as_far_as_it_scatters() -> None:
    everybody = np.ones(8, dtype=np.bool_)
    scale = np.array([1, 1, 1, 1, 6, 6, 6, 6.0])[:, None]
    found = [
        pool_of(noise_of(scale * np.random.default_rng(seed).standard_normal((8, 10)), seed), everybody, paired=True)
        for seed in SEEDS
    ]
    assert max(each.prior_degrees_of_freedom for each in found) < 10


@pytest.mark.parametrize("factor", [pytest.param(0.25, id="quieter"), pytest.param(4.0, id="louder")])
def test_what_has_left_and_is_noisy_in_another_way_does_not_help(factor: float) -> None:
    remaining = np.arange(8) < 2
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        losses = noise_of(rng.standard_normal((8, 10)) * np.where(remaining, 1, factor)[:, None], seed)
        assert pool_of(losses, remaining, paired=True).degrees_of_freedom == 0


def test_what_has_left_and_is_as_noisy_helps() -> None:
    remaining = np.arange(8) < 2
    found = [
        pool_of(noise_of(np.random.default_rng(seed).standard_normal((8, 10)), seed), remaining, paired=True)
        for seed in SEEDS
    ]
    helped = [each for each in found if each.degrees_of_freedom]
    assert len(helped) > 0.7 * len(found)
    assert {each.degrees_of_freedom for each in helped} == {5 * 9}
    assert np.mean([each.squares for each in helped]) == pytest.approx(45, rel=0.1)


def test_the_error_that_is_shown_does_not_depend_on_what_is_far_behind() -> None:
    rng = np.random.default_rng(8)
    near = 0.01 * rng.standard_normal((4, 10)) + rng.standard_normal(10)
    far = 5 + rng.standard_normal((2, 10))
    alone, beside = tied_with_best(near), tied_with_best(np.vstack([near, far]))
    assert alone is not None and beside is not None
    np.testing.assert_allclose(beside.standard_error[:4], alone.standard_error, rtol=1e-9)
    np.testing.assert_array_equal(beside.tied[:4], alone.tied)
