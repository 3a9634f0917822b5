"""Real resplits of a ridge regression whose population is known: replicates overlap, as those of any data set do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from regsweep.core.judging.stats.intervals import Split, given_data, new_data
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

ROWS, VAL_ROWS, FEATURES = 120, 30, 20
PENALTIES = np.geomspace(1, 300, 5)
TRUTH_SPLITS = 300
"""The truth for one data set is a mean over so many splits; its own error must be small beside that of 20 replicates."""
POPULATION = 3000
SWEEPS = 300
REPLICATES = (3, 5, 10, 20)


def cases() -> Iterator[Case]:
    """Coverage for this data set and for new data; and whether the best for this data set is in the tied set."""
    for n in REPLICATES:
        yield case(n)


def case(n: int) -> Case:
    """With so many replicates."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        given = new = plain = left_out = 0
        population, weights = _population()
        for _ in range(sweeps):
            data = _data(rng, weights)
            losses = _losses(data, rng, TRUTH_SPLITS + n)
            truth, losses = losses[:, n:].mean(axis=1), losses[:, :n]
            one = given_data(losses[2])
            other = new_data(losses[2], Split(val_rows_per_train_row=VAL_ROWS / (ROWS - VAL_ROWS)))
            tied = tied_with_best(losses)
            assert one is not None and other is not None and tied is not None
            given += one.low <= truth[2] <= one.high
            plain += one.low <= population[2] <= one.high
            new += other.low <= population[2] <= other.high
            left_out += not tied.tied[truth.argmin()]
        yield share("interval for this data set covers", given, sweeps, at_least=0.95)
        yield share("interval for new data covers", new, sweeps)
        yield share("the first, taken for new data, covers", plain, sweeps)
        yield share("the best for this data set left out of the tied set", left_out, sweeps, at_most=0.05)

    return Case("resplits", {"World": "ridge regression, 5 penalties", "n": str(n)}, SWEEPS, simulation)


@lru_cache(maxsize=1)
def _population() -> tuple[Floats, Floats]:
    """The penalties' losses over many data sets, and the true weights."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal(FEATURES) / 3
    losses = [_losses(_data(rng, weights), rng, 4).mean(axis=1) for _ in range(POPULATION)]
    return np.asarray(np.mean(losses, axis=0)), weights


def _data(rng: np.random.Generator, weights: Floats) -> tuple[Floats, Floats]:
    x = rng.standard_normal((ROWS, FEATURES))
    return x, x @ weights + rng.standard_normal(ROWS)


def _losses(data: tuple[Floats, Floats], rng: np.random.Generator, splits: int) -> Floats:
    """(penalties, splits) mean squared error on the validation rows."""
    x, y = data
    order = rng.permuted(np.tile(np.arange(ROWS), (splits, 1)), axis=1)
    val, train = order[:, :VAL_ROWS], order[:, VAL_ROWS:]
    xt, yt = x[train], y[train]
    values, vectors = np.linalg.eigh(xt.transpose(0, 2, 1) @ xt)
    right = (vectors.transpose(0, 2, 1) @ (xt.transpose(0, 2, 1) @ yt[:, :, None]))[:, :, 0]
    rotated = x[val] @ vectors
    losses = []
    for penalty in PENALTIES:
        predicted = (rotated @ (right / (values + penalty))[:, :, None])[:, :, 0]
        losses.append(((y[val] - predicted) ** 2).mean(axis=1))
    return np.array(losses)
