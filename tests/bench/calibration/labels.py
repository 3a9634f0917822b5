"""Reasons: how often a combination is given one that is not true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from bench.calibration.worlds import hard
from regsweep.api.analysis import Fit
from regsweep.core.judging.stats.decomposition import decompose
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

AT_MOST = 0.05
REPLICATES = (3, 5, 10, 20)
COMBINATIONS = 8
SWEEPS = 1000
OVERFITS, UNDERFITS = {Fit.OVERFITS}, {Fit.UNDERFITS}
WORLDS: dict[str, tuple[tuple[float, float], set[Fit]]] = {
    "worse by equal parts": ((3.0, 3.0), OVERFITS | UNDERFITS),
    "worse by the gap alone": ((0.0, 6.0), UNDERFITS | {Fit.BOTH}),
    "worse by the fit alone": ((6.0, 0.0), OVERFITS | {Fit.BOTH}),
    "a larger gap, made up for by a better fit": ((-3.0, 3.0), OVERFITS | UNDERFITS | {Fit.BOTH}),
}
"""By how many noise standard deviations training loss and gap are worse; and which labels are then wrong."""
RIGHT = {"worse by the gap alone": Fit.OVERFITS, "worse by the fit alone": Fit.UNDERFITS}
WRONG, NAMED = "a wrong label", "the right label"


def cases() -> Iterator[Case]:
    """Every world with every number of replicates."""
    for name in WORLDS:
        for n in REPLICATES:
            yield case(name, n)


def case(name: str, replicates: int) -> Case:
    """Shares are of the combinations that are worse in such a way: one in each sweep."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        (by_fit, by_gap), wrong = WORLDS[name]
        labels = [_label(rng, replicates, by_fit, by_gap) for _ in range(sweeps)]
        yield share(WRONG, sum(label in wrong for label in labels), sweeps, at_most=AT_MOST)
        if name in RIGHT:
            yield share(NAMED, labels.count(RIGHT[name]), sweeps)

    return Case("labels", {"World": name, "n": str(replicates)}, SWEEPS, simulation)


def _label(rng: np.random.Generator, n: int, by_fit: float, by_gap: float) -> Fit:
    """Of the last combination; the others are equal."""
    last = np.arange(COMBINATIONS) == COMBINATIONS - 1
    train = _noise(rng, n) + np.where(last, by_fit, 0.0)[:, None]
    val = train + _noise(rng, n) + hard(rng, n) + np.where(last, by_gap, 0.0)[:, None]
    tied = tied_with_best(val)
    assert tied is not None
    return decompose(train, val, tied)[-1].fit


def _noise(rng: np.random.Generator, n: int) -> Floats:
    return np.asarray(rng.standard_normal((COMBINATIONS, n)) / np.sqrt(2))
