"""Case (g): the final evaluation's interval, over seeds and test rows together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import t as student

from bench.calibration.figures import Figure, share
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pigeonhole import resampled_means, stretched_interval

LEVEL = 0.95
REPLICATES = (3, 5, 10)
BLOCKS = 60
RESAMPLES = 1000
"""A tenth of what a sweep gets: coverage hardly depends on it, the simulation's time does."""


def alike(rng: np.random.Generator, replicates: int) -> Floats:
    """Of five replicates' mean, seeds and rows make up about as much; and what is neither's own."""
    return _cells(rng, 0.5 * rng.standard_normal((replicates, 1)), 1.7 * rng.standard_normal(BLOCKS))


def seeds_alone(rng: np.random.Generator, replicates: int) -> Floats:
    """Rows are all alike."""
    return _cells(rng, rng.standard_normal((replicates, 1)), np.zeros(BLOCKS))


def skewed_rows(rng: np.random.Generator, replicates: int) -> Floats:
    """Rows matter most, and a few blocks hold most of the loss."""
    return _cells(rng, 0.2 * rng.standard_normal((replicates, 1)), 3 * (rng.exponential(size=BLOCKS) - 1))


def _cells(rng: np.random.Generator, of_seeds: Floats, of_rows: Floats) -> Floats:
    return np.asarray(of_seeds + of_rows + rng.standard_normal((len(of_seeds), BLOCKS)))


WORLDS = {"seeds and rows alike": alike, "seeds alone": seeds_alone, "rows most, skewed": skewed_rows}


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """Coverage of what many seeds on many rows would reach: ours, over seeds alone, and plain percentiles."""
    for place, (name, world) in enumerate(WORLDS.items()):
        for replicates in REPLICATES:
            rng = np.random.default_rng([seed, 88, place, replicates])
            quantile = float(student.ppf((1 + LEVEL) / 2, replicates - 1))
            joint = seeds = plain = 0
            for _ in range(sweeps):
                cells = world(rng, replicates)
                means = resampled_means(cells, RESAMPLES)
                interval = stretched_interval(cells, means)
                assert interval is not None
                joint += interval.low <= 0 <= interval.high
                alone = cells.mean(axis=1)
                seeds += abs(alone.mean()) <= quantile * alone.std(ddof=1) / np.sqrt(replicates)
                low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                plain += low <= 0 <= high
            where = f"{name}, n={replicates}"
            yield Figure(f"{where}: test loss over seeds and rows", *share(joint, sweeps), at_least=LEVEL)
            yield Figure(f"{where}: the interval over seeds alone", *share(seeds, sweeps))
            yield Figure(f"{where}: percentiles without the stretch", *share(plain, sweeps))
