"""Where the noise of simulated sweeps comes from. The combinations' true means are added elsewhere, but for those of `PLACED`."""

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


def two_ahead(quiet: float) -> World:
    """Two equal bests; the rest, `quiet` times as noisy, hopelessly far behind."""

    def noise(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
        scale = np.where(np.arange(combinations) < 2, 1.0, quiet)[:, None]
        own = scale * rng.standard_normal((combinations, replicates))
        return np.asarray(own + np.where(np.arange(combinations) < 2, 0, HOPELESS)[:, None] + _hard(rng, replicates))

    return noise


def idle_flag(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A flag of two values that does next to nothing: combinations come in pairs that move together."""
    twice = np.repeat(rng.standard_normal((-(-combinations // 2), replicates)), 2, axis=0)[:combinations]
    return np.asarray(twice + IDLE * rng.standard_normal((combinations, replicates)) + _hard(rng, replicates))


def idle_levels(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A flag of many values that does next to nothing beside one of two values."""
    halves = np.repeat(rng.standard_normal((2, replicates)), -(-combinations // 2), axis=0)[:combinations]
    return np.asarray(halves + IDLE * rng.standard_normal((combinations, replicates)) + _hard(rng, replicates))


def clusters(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Two clusters, within which combinations correlate by 0.9."""
    halves = np.repeat(rng.standard_normal((2, replicates)), -(-combinations // 2), axis=0)[:combinations]
    own = rng.standard_normal((combinations, replicates))
    return np.asarray(np.sqrt(0.9) * halves + np.sqrt(0.1) * own + _hard(rng, replicates))


def crossed(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Combinations react to hard splits by slopes of their own."""
    slopes = 3 + rng.uniform(-1, 1, (combinations, 1))
    return np.asarray(0.4 * rng.standard_normal((combinations, replicates)) + slopes * rng.standard_normal(replicates))


def one_noisy(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """One combination is four times as noisy as the others."""
    scale = np.where(np.arange(combinations) == 0, 4.0, 1.0)[:, None]
    return np.asarray(scale * rng.standard_normal((combinations, replicates)) + _hard(rng, replicates))


def discrete(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Values in steps of one standard deviation, as an accuracy on few rows."""
    return np.round(normal(rng, combinations, replicates))


def missing(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A quarter of the cells is missing, whatever their values."""
    values = normal(rng, combinations, replicates)
    return np.where(rng.random(values.shape) < 0.25, np.nan, values)


def multiplicative(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Noise in proportion to the loss; the second half of the combinations has three times the loss of the first."""
    level = np.where(np.arange(combinations) < combinations / 2, 1.0, 3.0)[:, None]
    own = 0.3 * rng.standard_normal((combinations, replicates)) + 0.5 * rng.standard_normal(replicates)
    return np.asarray(level * np.exp(own))


def _hard(rng: np.random.Generator, replicates: int) -> Floats:
    """How hard the replicates are: three times the noise."""
    return 3 * rng.standard_normal(replicates)


HOPELESS = 15.0
IDLE = 0.15
"""What an idle flag adds, in noise standard deviations."""
OTHERS: dict[str, World] = {
    "idle flag of 2 values": idle_flag,
    "idle flag of G/2 values": idle_levels,
    "two clusters, 0.9": clusters,
    "slope x replicate": crossed,
    "one row 4 times as noisy": one_noisy,
    "discrete": discrete,
    "25 % missing": missing,
    "equal normal noise": normal,
    "unequal variances": unequal,
    "heavy tails (t, 3 df)": heavy,
    "skewed (exponential)": skewed,
    "neighbours correlate 0.9": correlated,
}
"""All combinations are equal. Written down by somebody who had not seen the code, or of the kinds they asked for."""
PLACED: dict[str, tuple[World, Callable[[int], int]]] = {
    "two bests, the rest far and 1/4 as noisy": (two_ahead(0.25), lambda _: 2),
    "two bests, the rest far and 1/2 as noisy": (two_ahead(0.5), lambda _: 2),
    "multiplicative, half at 3 times the loss": (multiplicative, lambda combinations: -(-combinations // 2)),
}
"""Worlds that say themselves who is best: the first so many of the combinations."""
