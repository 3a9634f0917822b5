"""Real resplits of a ridge regression whose population is known: replicates overlap, as those of any data set do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.calibration.figures import Figure, share
from regsweep.core.judging.stats.intervals import Split, given_data, new_data
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best

ROWS, VAL_ROWS, FEATURES = 120, 30, 20
PENALTIES = np.geomspace(1, 300, 5)
TRUTH_SPLITS = 500
"""The truth for one data set is a mean over so many splits; its own error must be small beside that of 20 replicates."""
NEW_DATA_MISS = "the correction rests on a guess of the correlation between resplits; coverage comes near, no more"


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """Coverage for this data set and for new data; and whether the best for this data set is in the tied set."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(FEATURES) / 3
    population = np.mean([_losses(_data(rng, weights), rng, 4).mean(axis=1) for _ in range(3000)], axis=0)
    for n in (5, 10, 20):
        given = new = plain = kept = 0
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
            kept += not tied.tied[truth.argmin()]
        where = f"ridge resplits, n={n}"
        yield Figure(f"{where}: level for this data set", *share(given, sweeps), at_least=0.95)
        yield Figure(f"{where}: level for new data", *share(new, sweeps), at_least=0.95, known_miss=NEW_DATA_MISS)
        yield Figure(f"{where}: the interval for this data set, taken for new data", *share(plain, sweeps))
        yield Figure(
            f"{where}: the best for this data set left out of the tied set", *share(kept, sweeps), at_most=0.05
        )


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
