"""Case (h): tied sets and races in worlds that the statistics were not made for, with power beside error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.figures import Figure, share
from bench.calibration.races import SETTINGS, run
from bench.calibration.worlds import OTHERS, PLACED
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

SIZES, RACED = (4, 8, 24), (8, 60)
REPLICATES = (3, 5, 10)
SHIFT = 3.0
"""Distance of the worse ones where power is measured, in noise standard deviations."""
AT_MOST, AT_MOST_OF_THREE = 0.05, 0.08
"""Goals for the share of sweeps that lose a true best, from 5 replicates on and with 3."""


def ties(sweeps: int, seed: int) -> Iterator[Figure]:
    """For each world, number of combinations and of replicates: error, and power where the world has none far behind."""
    for place, name in enumerate([*OTHERS, *PLACED]):
        for combinations in SIZES:
            for replicates in REPLICATES:
                rng = np.random.default_rng([seed, 66, place, combinations, replicates])
                yield from tied_figures(name, combinations, replicates, sweeps, rng)


def tied_figures(
    name: str, combinations: int, replicates: int, sweeps: int, rng: np.random.Generator
) -> Iterator[Figure]:
    """Of one world."""
    where = f"{name}, G={combinations}, n={replicates}"
    left_out = 0
    for _ in range(sweeps):
        losses, best = _sweep(name, rng, combinations, replicates)
        tied = tied_with_best(losses)
        left_out += tied is not None and not (tied.tied | ~tied.comparable)[best].all()
    goal = AT_MOST if replicates >= 5 else AT_MOST_OF_THREE
    value, error = share(left_out, sweeps)
    yield Figure(f"{where}: a true best left out", value, error, at_most=goal)
    if name in PLACED:
        return
    ahead = np.arange(combinations) < max(1, combinations // 5)
    found = []
    for _ in range(max(sweeps // 4, 2)):
        losses = OTHERS[name](rng, combinations, replicates) + np.where(ahead, 0, SHIFT)[:, None]
        tied = tied_with_best(losses)
        if tied is not None and tied.comparable[~ahead].any():
            found.append(float((~tied.tied[tied.comparable & ~ahead]).mean()))
    yield Figure(
        f"{where}: worse ones left out", float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found)))
    )


def races(sweeps: int, seed: int) -> Iterator[Figure]:
    """For each world and number of combinations: error, and what the race trained."""
    for place, name in enumerate([*OTHERS, *PLACED]):
        if name == "25 % missing":
            continue  # a race waits for what is missing
        for combinations in RACED:
            rng = np.random.default_rng([seed, 67, place, combinations])
            dropped, used = 0, np.zeros(sweeps)
            for sweep in range(sweeps):
                losses, best = _sweep(name, rng, combinations, SETTINGS.max_replicates)
                racing, trained = run(losses)
                used[sweep] = trained / losses.size
                dropped += not racing[best].all()
            where = f"race, {name}, G={combinations}"
            value, error = share(dropped, sweeps)
            yield Figure(f"{where}: a true best dropped", value, error, at_most=AT_MOST)
            error = float(used.std(ddof=1) / np.sqrt(sweeps))
            yield Figure(f"{where}: runs used of the full grid's", float(used.mean()), error)


def _sweep(name: str, rng: np.random.Generator, combinations: int, replicates: int) -> tuple[Floats, Bools]:
    """One sweep's losses and who is truly best."""
    if name in OTHERS:
        return OTHERS[name](rng, combinations, replicates), np.ones(combinations, dtype=np.bool_)
    world, bests = PLACED[name]
    return world(rng, combinations, replicates), np.arange(combinations) < bests(combinations)
