"""What the noise of a difference is estimated from."""

from __future__ import annotations

import numpy as np
import pytest

from bench.calibration.quantiles import quantile
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.noise import difference_noise
from regsweep.core.judging.stats.ties import tied_with_best

SEEDS = range(40)


def noise_of(own: Floats, seed: int) -> Floats:
    """Rows with an effect of the replicate that is three times as large as the noise."""
    return own + 3 * np.random.default_rng(1000 + seed).standard_normal(own.shape[1])


def everybody(losses: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(losses), dtype=np.bool_)


def test_equal_noise_is_pooled() -> None:
    found = [
        difference_noise(noise_of(rng.standard_normal((8, 5)), seed), 0, np.ones(8, dtype=np.bool_), paired=True)
        for seed in SEEDS
        for rng in [np.random.default_rng(seed)]
    ]
    pooled = [each for each in found if each.homogeneous]
    assert len(pooled) > len(found) / 4
    assert all(each.degrees_of_freedom[1] == 7 * 4 for each in pooled)
    assert np.mean([each.variances[1] for each in found]) == pytest.approx(2 / 5, rel=0.15)


@pytest.mark.parametrize("quiet", [0.25, 0.5])
def test_what_has_left_and_is_quieter_does_not_inform(quiet: float) -> None:
    """Two noisy rows remain of eight: their difference has a variance of 2 / n."""
    remaining = np.arange(8) < 2
    variances, pooled = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        losses = noise_of(rng.standard_normal((8, 10)) * np.where(remaining, 1, quiet)[:, None], seed)
        found = difference_noise(losses, 0, remaining, paired=True)
        assert not found.homogeneous
        variances.append(found.variances[1])
        pooled.append(difference_noise(losses, 0, everybody(losses), paired=True).variances[1])
    assert np.mean(variances) == pytest.approx(2 / 10, rel=0.15)
    assert np.mean(pooled) < np.mean(variances)


def test_rows_that_move_together_are_quiet_among_themselves_and_noisy_to_others() -> None:
    inside, outside = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        clusters = np.repeat(rng.standard_normal((2, 10)), 4, axis=0)
        losses = noise_of(np.sqrt(0.9) * clusters + np.sqrt(0.1) * rng.standard_normal((8, 10)), seed)
        found = difference_noise(losses, 0, everybody(losses), paired=True)
        assert not found.homogeneous
        inside.append(found.variances[1:4].mean())
        outside.append(found.variances[4:].mean())
    assert np.mean(inside) < 0.3 * np.mean(outside), "a tenth in truth"
    assert np.mean(outside) == pytest.approx(2 / 10, rel=0.25)


@pytest.mark.parametrize(
    ("quiet", "truth"),
    [pytest.param(0.25, 15.0, id="far and quiet"), pytest.param(0.5, 15.0, id="far, half the noise")],
)
def test_hopeless_rows_do_not_decide_who_is_tied(quiet: float, truth: float) -> None:
    """At most 5 % of sweeps leave one of two equal bests out, but for Monte-Carlo error: 400 sweeps of 5 replicates."""
    rng = np.random.default_rng(7)
    scale = np.array([1.0, 1.0, *[quiet] * 6])[:, None]
    means = np.array([0.0, 0.0, *[truth] * 6])[:, None]
    left_out = 0
    for _ in range(400):
        tied = tied_with_best(scale * rng.standard_normal((8, 5)) + 3 * rng.standard_normal(5) + means, quantile)
        assert tied is not None
        left_out += not tied.tied[:2].all()
    assert left_out <= 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)


def test_the_error_that_is_shown_does_not_depend_on_what_is_far_behind() -> None:
    rng = np.random.default_rng(8)
    near = 0.01 * rng.standard_normal((4, 10)) + rng.standard_normal(10)
    far = 5 + rng.standard_normal((2, 10))
    alone, beside = tied_with_best(near), tied_with_best(np.vstack([near, far]))
    assert alone is not None and beside is not None
    np.testing.assert_allclose(beside.standard_error[:4], alone.standard_error, rtol=0.5)
