"""Tied sets: how often a true best is left out, and how many of those that are worse are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.cases import Case, sweeps_for
from bench.calibration.figures import Figure, mean, share
from bench.calibration.worlds import EQUAL, PLACED, REAL, UNPAIRED, World
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

SIZES, REPLICATES = (4, 8, 24, 60, 100), (3, 5, 10, 20)
SHIFT = 3.0
"""Distance of the worse ones where power is measured, in noise standard deviations."""
AT_MOST, AT_MOST_OF_THREE = 0.05, 0.08
"""Goals for the share of sweeps that leave out a true best, from 5 replicates on and with 3."""
SWEEPS = 1500
LEFT_OUT, POWER = "a true best left out", "worse by 3 noise SDs, left out"


def cases() -> Iterator[Case]:
    """Every world with every size; power where a world has none far behind."""
    for name in [*EQUAL, *PLACED]:
        for combinations in SIZES:
            for n in REPLICATES:
                yield case(name, combinations, n)
    for name in REAL:
        for n in REPLICATES:
            yield case(name, 8, n)
    for name in UNPAIRED:
        for combinations in (4, 24):
            for n in REPLICATES:
                yield case(name, combinations, n, paired=False)


def case(name: str, combinations: int, replicates: int, paired: bool = True) -> Case:
    """One world and size."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        yield _error(name, rng, (combinations, replicates), sweeps, paired)
        if name not in PLACED:
            yield _power(every_world()[name], rng, (combinations, replicates), max(sweeps // 4, 10), paired)

    section = "ties" if paired else "unpaired"
    labels = {"World": name, "G": str(combinations), "n": str(replicates)}
    return Case(section, labels, sweeps_for(combinations, SWEEPS), simulation)


def every_world() -> dict[str, World]:
    """Those in which all combinations are equal."""
    return EQUAL | REAL | UNPAIRED


def sweep(name: str, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Floats, Bools]:
    """(G, n) losses of one sweep, without combinations of which a replicate diverged; and who is truly best."""
    if name in PLACED:
        world, bests = PLACED[name]
        return world(rng, *size), np.arange(size[0]) < bests(size[0])
    losses = every_world()[name](rng, *size)
    sound = ~np.isinf(losses).any(axis=1)
    return losses[sound], np.ones(int(sound.sum()), dtype=np.bool_)


def _error(name: str, rng: np.random.Generator, size: tuple[int, int], sweeps: int, paired: bool) -> Figure:
    left_out = 0
    for _ in range(sweeps):
        losses, best = sweep(name, rng, size)
        tied = tied_with_best(losses, paired=paired)
        left_out += tied is not None and not (tied.tied | ~tied.comparable)[best].all()
    return share(LEFT_OUT, left_out, sweeps, at_most=AT_MOST if size[1] >= 5 else AT_MOST_OF_THREE)


def _power(world: World, rng: np.random.Generator, size: tuple[int, int], sweeps: int, paired: bool) -> Figure:
    ahead = np.arange(size[0]) < max(1, size[0] // 5)
    found = []
    for _ in range(sweeps):
        losses = np.where(np.isinf(noise := world(rng, *size)), np.nan, noise) + np.where(ahead, 0, SHIFT)[:, None]
        tied = tied_with_best(losses, paired=paired)
        if tied is not None and (worse := tied.comparable & ~ahead).any():
            found.append(float((~tied.tied[worse]).mean()))
    return mean(POWER, found) if len(found) > 1 else Figure(POWER, float("nan"), 0.0)
