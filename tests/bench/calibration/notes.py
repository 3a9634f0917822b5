"""Notes on values that a few replicates tell little about: how often they are shown, and how often a claim is wrong without one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.cases import Case, sweeps_for
from bench.calibration.figures import Figure, share
from bench.calibration.worlds import EQUAL, REAL
from regsweep.core.judging.stats.cautions import FEW_REPLICATES
from regsweep.core.judging.stats.skewness import is_skewed
from regsweep.core.judging.stats.ties import tied_with_best
from regsweep.core.judging.stats.two_ways import ends_two_ways

AT_MOST = 0.05
SIZES, REPLICATES = (8, 24), (3, 5, 10, 20)
SWEEPS = 800
QUIET = (
    "equal normal noise",
    "unequal variances",
    "slope x replicate",
    "idle flag of 2 values",
    "discrete",
    "25 % missing",
)
"""Worlds without a tail and without groups."""
OTHERS = ("one ends in two ways", "outliers", "heavy tails (t, 3 df)", "skewed (exponential)")
TWO_WAYS, SKEWED = "TwoWays is shown", "Skewed is shown"
UNSEEN = "a true best is left out, and no note says why it may be"


def cases() -> Iterator[Case]:
    """Worlds in which there is nothing to note, and worlds in which there is."""
    for name in (*QUIET, *OTHERS):
        for combinations in SIZES:
            for n in REPLICATES:
                yield case(name, combinations, n)
    for name in REAL:
        for n in REPLICATES:
            yield case(name, 8, n)


def case(name: str, combinations: int, n: int) -> Case:
    """One world and size."""
    world, goal = {**EQUAL, **REAL}[name], AT_MOST if name in QUIET else None

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        two_ways, skewed, unseen = 0, 0, 0
        for _ in range(sweeps):
            losses = world(rng, combinations, n)
            one, other = ends_two_ways(losses, paired=True) is not None, is_skewed(losses)
            tied = tied_with_best(losses)
            left_out = tied is not None and not (tied.tied | ~tied.comparable).all()
            two_ways, skewed = two_ways + one, skewed + other
            unseen += left_out and not (one or other or n < FEW_REPLICATES)
        yield share(TWO_WAYS, two_ways, sweeps, at_most=goal)
        yield share(SKEWED, skewed, sweeps, at_most=goal)
        yield share(UNSEEN, unseen, sweeps, at_most=AT_MOST)

    labels = {"World": name, "G": str(combinations), "n": str(n)}
    return Case("notes", labels, sweeps_for(combinations, SWEEPS), simulation)
