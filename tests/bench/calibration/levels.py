"""Cases (a) and (b): intervals for a combination named beforehand, and for the one that was selected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import t as student

from bench.calibration.figures import Figure, share
from bench.calibration.worlds import WORLDS
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.optimism import selection_optimism

LEVEL = 0.95
REPLICATES = (3, 5, 10, 20)
SKEW_MISS = "the t interval of few draws from a skewed distribution; more replicates mend it"


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """Coverage of the 95 % interval."""
    for place, name in enumerate(("equal normal noise", "heavy tails (t, 3 df)", "skewed (exponential)")):
        for replicates in REPLICATES:
            rng = np.random.default_rng([seed, place, replicates])
            yield _named(name, _own_noise(name, rng, (sweeps, replicates)))
    for combinations in (5, 24, 100):
        for replicates in REPLICATES:
            rng = np.random.default_rng([seed, 99, combinations, replicates])
            yield from _selected(combinations, replicates, sweeps, rng)


def _own_noise(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """The named world's noise, without the replicate effect that a level is free to have or not."""
    if name.startswith("heavy"):
        return rng.standard_t(3, shape)
    return rng.exponential(size=shape) - 1 if name.startswith("skewed") else rng.standard_normal(shape)


def _named(name: str, values: Floats) -> Figure:
    sweeps, n = values.shape
    margin = student.ppf((1 + LEVEL) / 2, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
    covered = int((np.abs(values.mean(axis=1)) <= margin).sum())
    value, error = share(covered, sweeps)
    reason = SKEW_MISS if name.startswith("skewed") else None
    return Figure(f"{name}, n={n}: level of one named beforehand", value, error, at_least=LEVEL, known_miss=reason)


def _selected(combinations: int, n: int, sweeps: int, rng: np.random.Generator) -> Iterator[Figure]:
    """All equal, the hardest case for the selected: its mean is the least of G."""
    plain = aware = 0
    for _ in range(sweeps):
        losses = WORLDS["equal normal noise"](rng, combinations, n)
        losses -= losses.mean(axis=0)  # the replicates' own effects: shared by all, and no matter of selection
        own = losses[losses.mean(axis=1).argmin()]
        margin = student.ppf((1 + LEVEL) / 2, n - 1) * own.std(ddof=1) / np.sqrt(n)
        optimism = selection_optimism(losses)
        assert optimism is not None
        plain += abs(own.mean()) <= margin
        aware += abs(optimism.corrected) <= margin
    where = f"all equal, G={combinations}, n={n}"
    value, error = share(plain, sweeps)
    yield Figure(f"{where}: level of the selected best", value, error)
    value, error = share(aware, sweeps)
    yield Figure(f"{where}: the same, shifted by the selection optimism", value, error)
