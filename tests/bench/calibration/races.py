"""Case (d): whether a race drops the true best, and what it costs beside the full grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.figures import Figure, share
from bench.calibration.worlds import WORLDS
from regsweep.api.spec import Racing
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.racing import race

COMBINATIONS = 100
ALPHA = 0.05
SETTINGS = Racing()
CORRELATED_MISS = "as for tied sets: a few replicates hardly show which combinations move together"


def _few_near(rng: np.random.Generator) -> Floats:
    """10 of 100 within 3 noise standard deviations of the best, the others up to 15 away."""
    return np.concatenate([[0.0], rng.uniform(0, 3, 9), rng.uniform(3, 15, COMBINATIONS - 10)])


def _spread(rng: np.random.Generator) -> Floats:
    return np.concatenate([[0.0], rng.uniform(0, 6, COMBINATIONS - 1)])


def _equal(_: np.random.Generator) -> Floats:
    return np.zeros(COMBINATIONS)


def _twenty_best(_: np.random.Generator) -> Floats:
    return np.concatenate([np.zeros(20), np.full(COMBINATIONS - 20, 3.0)])


TRUTHS = {
    "10 of 100 within 3 noise SDs": (_few_near, 0.25),
    "99 spread over 6 noise SDs": (_spread, None),
    "20 equal bests, 80 at 3 noise SDs": (_twenty_best, None),
    "all equal": (_equal, None),
}


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """Two figures per truth and kind of noise."""
    for place, (truth, (means_of, goal)) in enumerate(TRUTHS.items()):
        for name in ("equal normal noise", "unequal variances", "heavy tails (t, 3 df)", "neighbours correlate 0.9"):
            rng = np.random.default_rng([seed, place, len(name)])
            dropped = 0
            used = np.zeros(sweeps)
            for sweep in range(sweeps):
                means = means_of(rng)
                rng.shuffle(means)
                losses = WORLDS[name](rng, COMBINATIONS, SETTINGS.max_replicates) + means[:, None]
                racing, used[sweep] = run(losses)
                dropped += not racing[means == 0].all()
            value, error = share(dropped, sweeps)
            reason = CORRELATED_MISS if "correlate" in name else None
            yield Figure(f"{truth}; {name}: a true best dropped", value, error, at_most=ALPHA, known_miss=reason)
            share_used = used / losses.size
            limit = goal if name == "equal normal noise" else None
            yield Figure(
                f"{truth}; {name}: runs used of the full grid's",
                float(share_used.mean()),
                float(share_used.std(ddof=1) / np.sqrt(sweeps)),
                at_most=limit,
            )


def run(losses: Floats) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], int]:
    """Who is left at the end, and how many replicates a race that trains only what it asks for has trained by then.

    All replicates are shown at once: what is trained ahead changes no decision (tested).
    """
    state = race(losses, np.zeros(losses.shape, dtype=np.bool_), SETTINGS, np.zeros(len(losses), dtype=np.bool_))
    used = sum(drop.replicates for drop in state.dropped.values()) + int(state.racing.sum()) * state.replicates
    return np.asarray(state.racing), used
