"""Where the noise of simulated sweeps comes from. The combinations' true means are added elsewhere, but for those of `PLACED`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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
    """Normal; a replicate diverges (infinite) where its noise is beyond 2.5: divergence says something of the loss."""
    own = rng.standard_normal((combinations, replicates))
    return np.where(own > 2.5, np.inf, own + 3 * rng.standard_normal(replicates))


def two_ahead(quiet: float) -> World:
    """Two equal bests; the rest, `quiet` times as noisy, hopelessly far behind."""

    def noise(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
        scale = np.where(np.arange(combinations) < 2, 1.0, quiet)[:, None]
        own = scale * rng.standard_normal((combinations, replicates))
        return np.asarray(own + np.where(np.arange(combinations) < 2, 0, HOPELESS)[:, None] + hard(rng, replicates))

    return noise


def idle_flag(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A flag of two values that does next to nothing: combinations come in pairs that move together."""
    twice = np.repeat(rng.standard_normal((-(-combinations // 2), replicates)), 2, axis=0)[:combinations]
    return np.asarray(twice + IDLE * rng.standard_normal((combinations, replicates)) + hard(rng, replicates))


def idle_levels(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A flag of many values that does next to nothing beside one of two values."""
    halves = np.repeat(rng.standard_normal((2, replicates)), -(-combinations // 2), axis=0)[:combinations]
    return np.asarray(halves + IDLE * rng.standard_normal((combinations, replicates)) + hard(rng, replicates))


def clusters(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Two clusters, within which combinations correlate by 0.9."""
    halves = np.repeat(rng.standard_normal((2, replicates)), -(-combinations // 2), axis=0)[:combinations]
    own = rng.standard_normal((combinations, replicates))
    return np.asarray(np.sqrt(0.9) * halves + np.sqrt(0.1) * own + hard(rng, replicates))


def crossed(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Combinations react to hard splits by slopes of their own."""
    slopes = 3 + rng.uniform(-1, 1, (combinations, 1))
    return np.asarray(0.4 * rng.standard_normal((combinations, replicates)) + slopes * rng.standard_normal(replicates))


def one_noisy(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """One combination is four times as noisy as the others."""
    scale = np.where(np.arange(combinations) == 0, 4.0, 1.0)[:, None]
    return np.asarray(scale * rng.standard_normal((combinations, replicates)) + hard(rng, replicates))


def discrete(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Values in steps of one standard deviation, as an accuracy on few rows."""
    return np.round(normal(rng, combinations, replicates))


def missing(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A quarter of the cells is missing, whatever their values."""
    values = normal(rng, combinations, replicates)
    return np.where(rng.random(values.shape) < 0.25, np.nan, values)


def few_missing(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A tenth of the cells is missing, whatever their values."""
    values = normal(rng, combinations, replicates)
    return np.where(rng.random(values.shape) < 0.1, np.nan, values)


def missing_in_clusters(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Two clusters, within which combinations correlate by 0.9; a quarter of the cells is missing."""
    values = clusters(rng, combinations, replicates)
    return np.where(rng.random(values.shape) < 0.25, np.nan, values)


def two_ways(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Trainings of one combination end in one of two ways, `APART` apart; all combinations have the same mean."""
    values = normal(rng, combinations, replicates)
    values[0] += APART * ((rng.random(replicates) < ENDS_BADLY) - ENDS_BADLY)
    return values


def multiplicative(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Noise in proportion to the loss; the second half of the combinations has three times the loss of the first."""
    level = np.where(np.arange(combinations) < combinations / 2, 1.0, 3.0)[:, None]
    own = 0.3 * rng.standard_normal((combinations, replicates)) + 0.5 * rng.standard_normal(replicates)
    return np.asarray(level * np.exp(own))


def outliers(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """A twentieth of the cells lies six times as far off."""
    own = rng.standard_normal((combinations, replicates))
    return np.asarray(np.where(rng.random(own.shape) < 0.05, 6 * own, own) + hard(rng, replicates))


def saturated(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """The share of wrong answers of 50, of which there are 1 % on average: most replicates have none at all."""
    rate = 0.01 * np.exp(rng.standard_normal(replicates))
    return np.asarray(rng.binomial(50, np.minimum(rate, 1.0), (combinations, replicates)) / 50 * 50)


def hard(rng: np.random.Generator, replicates: int) -> Floats:
    """How hard the replicates are: three times the noise."""
    return np.asarray(3 * rng.standard_normal(replicates))


def nothing_in_common(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Every replicate has data of its own: what else is a replicate's effect, three times the noise, differs in each cell."""
    return np.asarray(np.sqrt(10) * rng.standard_normal((combinations, replicates)))


def nothing_in_common_unequal(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """The same with standard deviations that differ between combinations, by a factor of 6 between the 10 % and 90 % points."""
    return np.exp(0.7 * rng.standard_normal((combinations, 1))) * rng.standard_normal((combinations, replicates))


def two_devices(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Each cell is trained on one of two devices, by chance; replicate k has an effect of its own on each."""
    on_second = rng.integers(2, size=(combinations, replicates))
    effects = 3 * rng.standard_normal((2, replicates))
    return np.asarray(effects[on_second, np.arange(replicates)] + rng.standard_normal((combinations, replicates)))


def resampled(table: Floats) -> World:
    """Replicates of a real sweep, each at most once, without the combinations' means; in units of their noise.

    What is drawn from so many without replacement has too quiet a mean, which is made up for.
    """
    residuals = table - table.mean(axis=1, keepdims=True)
    own = residuals - residuals.mean(axis=0)
    scaled, kept = residuals / own.std(), table.shape[1]

    def noise(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
        drawn = scaled[:combinations, rng.permutation(kept)[:replicates]]
        means = drawn.mean(axis=1, keepdims=True)
        return np.asarray(drawn + means * (1 / np.sqrt(1 - replicates / kept) - 1))

    return noise


def _real() -> dict[str, World]:
    kept: dict[str, list[list[float]]] = json.loads(RESIDUALS.read_text(encoding="utf-8"))
    return {f"residuals of {name}": resampled(np.array(table)) for name, table in kept.items()}


HOPELESS = 15.0
IDLE = 0.15
"""What an idle flag adds, in noise standard deviations."""
APART, ENDS_BADLY = 20.0, 0.4
"""Distance of the two ways in which trainings of a combination may end, and how often they end in the worse one."""
RESIDUALS = Path(__file__).with_name("residuals.json")
"""val_average_loss of 8 combinations (4 values of l2 by 2 of dropout) in 40 replicates, of three bundled data sets: of breast cancer
those of manifests/samples/breast-cancer.yaml with 40 replicates."""
EQUAL: dict[str, World] = {
    "equal normal noise": normal,
    "unequal variances": unequal,
    "one row 4 times as noisy": one_noisy,
    "slope x replicate": crossed,
    "idle flag of 2 values": idle_flag,
    "idle flag of G/2 values": idle_levels,
    "neighbours correlate 0.9": correlated,
    "two clusters, 0.9": clusters,
    "25 % missing": missing,
    "25 % missing, two clusters, 0.9": missing_in_clusters,
    "10 % missing": few_missing,
    "one ends in two ways": two_ways,
    "informative divergence": diverging,
    "discrete": discrete,
    "saturated": saturated,
    "outliers": outliers,
    "heavy tails (t, 3 df)": heavy,
    "skewed (exponential)": skewed,
}
"""All combinations are equal. Written down by somebody who had not seen the code, or of the kinds they asked for."""
PLACED: dict[str, tuple[World, Callable[[int], int]]] = {
    "two bests, the rest far and 1/4 as noisy": (two_ahead(0.25), lambda _: 2),
    "two bests, the rest far and 1/2 as noisy": (two_ahead(0.5), lambda _: 2),
    "multiplicative, half at 3 times the loss": (multiplicative, lambda combinations: -(-combinations // 2)),
}
"""Worlds that say themselves who is best: the first so many of the combinations."""
REAL: dict[str, World] = _real()
"""Of 8 combinations, all made equal."""
UNPAIRED: dict[str, World] = {
    "nothing in common": nothing_in_common,
    "nothing in common, unequal variances": nothing_in_common_unequal,
    "two devices at random": two_devices,
}
"""Replicates that were trained on different devices or data."""
