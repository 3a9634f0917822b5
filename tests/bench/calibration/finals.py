"""The final evaluation's interval, over seeds and test rows together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import t as student

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pigeonhole import two_way_interval

LEVEL = 0.95
REPLICATES = (3, 5, 10, 20)
BLOCKS = 60
RESAMPLES = 1000
"""A tenth of what a sweep gets: coverage hardly depends on it, the simulation's time does."""
SWEEPS = 800
COVERS, SEEDS = "the interval covers", "one over seeds alone does"


def alike(rng: np.random.Generator, replicates: int) -> Floats:
    """Of five replicates' mean, seeds and rows make up about as much; and what is neither's own."""
    return _cells(rng, 0.5 * rng.standard_normal((replicates, 1)), 1.7 * rng.standard_normal(BLOCKS))


def seeds_alone(rng: np.random.Generator, replicates: int) -> Floats:
    """Rows are all alike."""
    return _cells(rng, rng.standard_normal((replicates, 1)), np.zeros(BLOCKS))


def skewed_rows(rng: np.random.Generator, replicates: int) -> Floats:
    """Rows matter most, and a few blocks hold most of the loss."""
    return _cells(rng, 0.2 * rng.standard_normal((replicates, 1)), 3 * (rng.exponential(size=BLOCKS) - 1))


def carried(spread: float) -> Callable[[np.random.Generator, int], Floats]:
    """Losses of rows that are log-normal with this standard deviation of their logarithms, one row in each block."""

    def cells(rng: np.random.Generator, replicates: int) -> Floats:
        rows = rng.lognormal(-(spread**2) / 2, spread, BLOCKS)
        return np.asarray(rows * rng.lognormal(-0.08, 0.4, (replicates, BLOCKS)))

    return cells


def rare(rng: np.random.Generator, replicates: int) -> Floats:
    """One block in twenty carries nearly all of the loss."""
    rows = 0.02 + 0.98 * 20 * (rng.random(BLOCKS) < 0.05) * rng.exponential(size=BLOCKS)
    return np.asarray(rows * rng.lognormal(-0.08, 0.4, (replicates, BLOCKS)))


def _cells(rng: np.random.Generator, of_seeds: Floats, of_rows: Floats) -> Floats:
    """Around 1,000, so that all are losses."""
    return np.asarray(1000 + of_seeds + of_rows + rng.standard_normal((len(of_seeds), BLOCKS)))


WORLDS: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float, bool]] = {
    "seeds and rows alike": (alike, 1000.0, True),
    "seeds alone": (seeds_alone, 1000.0, True),
    "rows most, skewed": (skewed_rows, 1000.0, True),
    "log-normal rows, sd 1: 26 effective": (carried(1.0), 1.0, False),
    "log-normal rows, sd 1.5: 14 effective": (carried(1.5), 1.0, False),
    "log-normal rows, sd 2: 8 effective": (carried(2.0), 1.0, False),
    "one row in 20 carries the loss: 3 effective": (rare, 1.0, False),
}
"""World, truth, and whether 95 % is promised: where few rows carry the loss a note says that it is a rough guide."""


def cases() -> Iterator[Case]:
    """Coverage of what many seeds on many rows would reach."""
    for name in WORLDS:
        for n in REPLICATES:
            yield case(name, n)


def case(name: str, replicates: int) -> Case:
    """One world."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        world, truth, promised = WORLDS[name]
        quantile = float(student.ppf((1 + LEVEL) / 2, replicates - 1))
        joint = seeds = 0
        for _ in range(sweeps):
            cells = world(rng, replicates)
            interval = two_way_interval(cells, RESAMPLES)
            joint += interval is not None and interval.low <= truth <= interval.high
            alone = cells.mean(axis=1)
            seeds += abs(alone.mean() - truth) <= quantile * alone.std(ddof=1) / np.sqrt(replicates)
        yield share(COVERS, joint, sweeps, at_least=LEVEL if promised else None)
        yield share(SEEDS, seeds, sweeps)

    return Case("finals", {"World": name, "n": str(replicates)}, SWEEPS, simulation)
