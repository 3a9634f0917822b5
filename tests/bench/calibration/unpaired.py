"""Case (f): replicates that were trained on different devices or data, and are judged without pairing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.figures import Figure, share
from bench.calibration.tied_sets import UNEQUAL_MISS
from bench.calibration.worlds import World
from regsweep.core.judging.stats.intervals import Estimand, Split, unpaired
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

SIZES = (5, 24)
REPLICATES = (3, 5, 10)


def nothing_in_common(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Every replicate has data of its own: what else is a replicate's effect, three times the noise, differs in each cell."""
    return np.asarray(np.sqrt(10) * rng.standard_normal((combinations, replicates)))


def unequal(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """The same with standard deviations that differ between combinations, by a factor of 6 between the 10 % and 90 % points."""
    return np.exp(0.7 * rng.standard_normal((combinations, 1))) * rng.standard_normal((combinations, replicates))


def two_devices(rng: np.random.Generator, combinations: int, replicates: int) -> Floats:
    """Each cell is trained on one of two devices, by chance; replicate k has an effect of its own on each."""
    on_second = rng.integers(2, size=(combinations, replicates))
    effects = 3 * rng.standard_normal((2, replicates))
    return np.asarray(effects[on_second, np.arange(replicates)] + rng.standard_normal((combinations, replicates)))


WORLDS: dict[str, World] = {
    "nothing in common": nothing_in_common,
    "nothing in common, unequal variances": unequal,
    "two devices at random": two_devices,
}


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """All equal: whether a true best is left out, and whether the interval of a difference named beforehand covers."""
    for place, (name, world) in enumerate(WORLDS.items()):
        for combinations in SIZES:
            for replicates in REPLICATES:
                rng = np.random.default_rng([seed, 77, place, combinations, replicates])
                left_out = covered = 0
                for _ in range(sweeps):
                    losses = world(rng, combinations, replicates)
                    tied = tied_with_best(losses, paired=False)
                    interval = unpaired(Estimand.GIVEN_DATA, losses[0], losses[1], Split())
                    assert tied is not None and interval is not None
                    left_out += not tied.tied.all()
                    covered += interval.low <= 0 <= interval.high
                where = f"{name}, G={combinations}, n={replicates}"
                few = "unequal" in name and combinations < 10 and replicates < 10
                reason = UNEQUAL_MISS if few else None
                goal = 0.05 if replicates >= 5 else None
                value, error = share(left_out, sweeps)
                yield Figure(f"{where}: a true best left out", value, error, at_most=goal, known_miss=reason)
                value, error = share(covered, sweeps)
                yield Figure(f"{where}: difference of two named beforehand", value, error, at_least=0.95)
