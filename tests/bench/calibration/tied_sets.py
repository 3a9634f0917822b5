"""Case (c): whether every truly best combination is in the tied set, and how many of the others are not; Holm beside it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import t as student

from bench.calibration.figures import Figure, share
from bench.calibration.worlds import WORLDS, World
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

ALPHA = 0.05
SIZES = (5, 24, 100)
REPLICATES = (3, 5, 10, 20)
SHIFT = 3.0
"""Distance of the worse ones where power is measured, in noise standard deviations."""

CORRELATED_MISS = "a few replicates hardly show which combinations move together"
UNEQUAL_MISS = (
    "a handful of variances of a few degrees of freedom each hardly show that they differ, and are taken for more equal "
    "than they are"
)


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """Two figures for each world, number of combinations, and number of replicates."""
    for place, (name, world) in enumerate(WORLDS.items()):
        for combinations in SIZES:
            for replicates in REPLICATES:
                rng = np.random.default_rng([seed, place, combinations, replicates])
                yield from _case(name, world, combinations, replicates, sweeps, rng)


def _case(
    name: str, world: World, combinations: int, replicates: int, sweeps: int, rng: np.random.Generator
) -> Iterator[Figure]:
    equal, ahead = np.zeros(combinations), np.full(combinations, SHIFT)
    ahead[: max(1, combinations // 5)] = 0
    dropped = {"tied set": 0, "Holm": 0}
    power = {"tied set": 0.0, "Holm": 0.0}
    counted = 0
    for _ in range(sweeps):
        for means in (equal, ahead):
            losses = world(rng, combinations, replicates)
            sound = np.isfinite(losses).all(axis=1)
            losses, truth = (losses + means[:, None])[sound], (means == 0)[sound]
            tied = tied_with_best(losses)
            if tied is None or truth.all() != (means is equal):
                continue
            sets = {"tied set": tied.tied, "Holm": _holm(losses)}
            for method, members in sets.items():
                if means is equal:
                    dropped[method] += not members.all()
                else:
                    power[method] += float((~members[~truth]).mean())
            counted += means is ahead
    where = f"{name}, G={combinations}, n={replicates}"
    for method in dropped:
        ours = method == "tied set"
        value, error = share(dropped[method], sweeps)
        goal = ALPHA if ours and replicates >= 5 else None
        reason = CORRELATED_MISS if "correlate" in name else None
        if name == "unequal variances" and combinations < 10 and replicates < 10:
            reason = UNEQUAL_MISS
        yield Figure(f"{where}: a true best left out, {method}", value, error, at_most=goal, known_miss=reason)
    for method in power:
        mean = power[method] / max(counted, 1)
        spread = (mean * (1 - mean) / max(counted, 1)) ** 0.5
        yield Figure(f"{where}: worse ones left out, {method}", mean, spread)


def _holm(losses: Floats) -> Bools:
    """Paired t-tests against the best mean, Holm's correction: what is usually done."""
    n = losses.shape[1]
    best = int(losses.mean(axis=1).argmin())
    differences = np.delete(losses, best, axis=0) - losses[best]
    statistics = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) / np.sqrt(n))
    p_values = 2 * student.sf(np.abs(statistics), n - 1)
    order = np.argsort(p_values)
    passed = np.minimum.accumulate(p_values[order] <= ALPHA / np.arange(len(order), 0, -1))
    members = np.ones(len(losses), dtype=np.bool_)
    members[np.delete(np.arange(len(losses)), best)[order[passed]]] = False
    return members
