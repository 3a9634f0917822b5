"""Where the noise of simulated sweeps comes from. The combinations' true means are added elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regsweep.core.judging.stats.moderation import Floats

World = Callable[[np.random.Generator, int, int], Floats]
"""(generator, combinations, replicates) -> noise (G, n) of mean 0; standard deviation about 1 unless it says otherwise."""


def normal(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Independent normal noise, and a replicate effect three times as large."""
    return rng.standard_normal((combinations, replicates)) + 3 * rng.standard_normal(replicates)


def unequal(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Standard deviations that differ between combinations: log-normal, a factor of 6 between the 10 % and 90 % points."""
    deviations = np.exp(0.7 * rng.standard_normal((combinations, 1)))
    own = deviations * rng.standard_normal((combinations, replicates))
    return np.asarray(own + 3 * rng.standard_normal(replicates))


def heavy(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Student's t with 3 degrees of freedom."""
    own = rng.standard_t(3, (combinations, replicates)) / np.sqrt(3)
    return np.asarray(own + 3 * rng.standard_normal(replicates))


def skewed(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Exponential: a tail towards large losses."""
    return rng.exponential(size=(combinations, replicates)) - 1 + 3 * rng.standard_normal(replicates)


def correlated(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Neighbours in the grid correlate by 0.9, their neighbours by 0.81 and so on."""
    places = np.arange(combinations)
    root = np.linalg.cholesky(0.9 ** np.abs(places[:, None] - places))
    return np.asarray(root @ rng.standard_normal((combinations, replicates)) + 3 * rng.standard_normal(replicates))


def diverging(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Normal; a replicate diverges (NaN) where its noise is beyond 2.5: divergence says something of the loss."""
    own = rng.standard_normal((combinations, replicates))
    return np.where(own > 2.5, np.nan, own + 3 * rng.standard_normal(replicates))


WORLDS: dict[str, World] = {
    "equal normal noise": normal,
    "unequal variances": unequal,
    "heavy tails (t, 3 df)": heavy,
    "skewed (exponential)": skewed,
    "neighbours correlate 0.9": correlated,
    "informative divergence": diverging,
}
