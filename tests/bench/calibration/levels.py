"""Levels: intervals for a combination named beforehand, for the one that was selected, and for new data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.cases import Case, sweeps_for
from bench.calibration.figures import Figure, share
from bench.calibration.worlds import EQUAL
from regsweep.core.judging.stats.intervals import given_data
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.optimism import selection_optimism

LEVEL = 0.95
REPLICATES = (3, 5, 10, 20)
SWEEPS = 2000
COVERS, SHIFTED = "the 95 % interval covers", "the same, shifted by the selection optimism"
SYMMETRIC = ("normal", "heavy tails (t, 3 df)")


def cases() -> Iterator[Case]:
    """Coverage."""
    for n in REPLICATES:
        for name in (*SYMMETRIC, "skewed (exponential)"):
            yield _named(name, n)
        for combinations in (5, 24, 100):
            yield _selected(combinations, n)


def _own_noise(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    if name.startswith("heavy"):
        return rng.standard_t(3, shape)
    return rng.exponential(size=shape) - 1 if name.startswith("skewed") else rng.standard_normal(shape)


def _named(name: str, n: int) -> Case:
    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        found = [given_data(values) for values in _own_noise(name, rng, (sweeps, n))]
        covered = sum(each is not None and each.low <= 0 <= each.high for each in found)
        yield share(COVERS, covered, sweeps, at_least=LEVEL if name in SYMMETRIC else None)

    return Case("levels", {"World": f"{name}, named beforehand", "G": "1", "n": str(n)}, SWEEPS, simulation)


def _selected(combinations: int, n: int) -> Case:
    """All equal, the hardest case for the selected: its mean is the least of G."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        plain = aware = 0
        for _ in range(sweeps):
            losses = EQUAL["equal normal noise"](rng, combinations, n)
            losses -= losses.mean(axis=0)  # the replicates' own effects: shared by all, and no matter of selection
            interval = given_data(losses[losses.mean(axis=1).argmin()])
            optimism = selection_optimism(losses)
            assert optimism is not None and interval is not None
            plain += interval.low <= 0 <= interval.high
            aware += interval.low + optimism.optimism <= 0 <= interval.high + optimism.optimism
        yield share(COVERS, plain, sweeps)
        yield share(SHIFTED, aware, sweeps)

    labels = {"World": "all equal, the selected best", "G": str(combinations), "n": str(n)}
    return Case("levels", labels, sweeps_for(combinations, SWEEPS), simulation)
