"""Races: whether they drop a true best, and what they cost beside the full grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bench.calibration.cases import Case, sweeps_for
from bench.calibration.figures import Figure, mean, share
from bench.calibration.ties import sweep
from bench.calibration.worlds import EQUAL, PLACED, REAL
from regsweep.api.spec import Racing
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.racing import race

SIZES = (8, 24, 60, 100)
SETTINGS = Racing()
AT_MOST, THIRD = 0.05, 1 / 3
"""Goals: for the share of races that drop a true best, and for the runs used where at most 10 of 100 contend."""
SWEEPS = 500
DROPPED, USED = "a true best dropped", "runs used of the full grid's"


def few_near(rng: np.random.Generator) -> Floats:
    """10 of 100 within 3 noise standard deviations of the best, the others up to 15 away."""
    return np.concatenate([[0.0], rng.uniform(0, 3, 9), rng.uniform(3, 15, 90)])


def spread_out(rng: np.random.Generator) -> Floats:
    """99 spread over 6 noise standard deviations."""
    return np.concatenate([[0.0], rng.uniform(0, 6, 99)])


def twenty_best(_: np.random.Generator) -> Floats:
    """20 equal bests, 80 at 3 noise standard deviations."""
    return np.concatenate([np.zeros(20), np.full(80, 3.0)])


TRUTHS: dict[str, tuple[Callable[[np.random.Generator], Floats], float | None]] = {
    "10 of 100 within 3 noise SDs": (few_near, THIRD),
    "99 spread over 6 noise SDs": (spread_out, None),
    "20 equal bests, 80 at 3 noise SDs": (twenty_best, None),
}


def cases() -> Iterator[Case]:
    """Every world with every size; three truths of 100 combinations in two of them."""
    for name in [*EQUAL, *PLACED]:
        if "missing" in name or "diverge" in name:
            continue  # a race waits for what is missing, and drops what diverges
        for combinations in SIZES:
            yield of_world(name, combinations)
    yield from (of_world(name, 8) for name in REAL)
    for truth in TRUTHS:
        for name in ("equal normal noise", "unequal variances"):
            yield of_truth(truth, name)


def of_world(name: str, combinations: int) -> Case:
    """A race of so many combinations in that world."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        yield from _races(sweeps, lambda: sweep(name, rng, (combinations, SETTINGS.max_replicates)), None)

    return Case("races", {"World": name, "G": str(combinations)}, sweeps_for(combinations, SWEEPS), simulation)


def of_truth(truth: str, name: str) -> Case:
    """A race of 100 combinations whose true means are these."""
    means_of, goal = TRUTHS[truth]

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        def drawn() -> tuple[Floats, Bools]:
            means = means_of(rng)
            rng.shuffle(means)
            noise = EQUAL[name](rng, len(means), SETTINGS.max_replicates)
            return noise + means[:, None], means == 0

        yield from _races(sweeps, drawn, goal if name == "equal normal noise" else None)

    return Case("races", {"World": f"{truth}; {name}", "G": "100"}, sweeps_for(100, SWEEPS), simulation)


def _races(sweeps: int, drawn: Callable[[], tuple[Floats, Bools]], goal: float | None) -> Iterator[Figure]:
    dropped, used = 0, []
    for _ in range(sweeps):
        losses, best = drawn()
        racing, trained = run(losses)
        dropped += not racing[best].all()
        used.append(trained / losses.size)
    yield share(DROPPED, dropped, sweeps, at_most=AT_MOST)
    yield mean(USED, used, at_most=goal)


def run(losses: Floats) -> tuple[Bools, int]:
    """Who is left at the end, and how many replicates a race that trains only what it asks for has trained by then.

    All replicates are shown at once: what is trained ahead changes no decision (tested).
    """
    nobody = np.zeros(len(losses), dtype=np.bool_)
    state = race(losses, np.zeros(losses.shape, dtype=np.bool_), SETTINGS, nobody)
    used = sum(drop.replicates for drop in state.dropped.values()) + int(state.racing.sum()) * state.replicates
    return state.racing, used
