"""An analysis of whatever was measured ends with a result: no exception, and no warning of numpy's."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.spec import EpochChoice, FlagValue, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pipeline import analyse
from regsweep.core.judging.stats.ranking import TrainedGrid
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records

LEVELS: Sequence[list[FlagValue]] = [[0.0, 0.01, 0.1], [1, 2, 3, 4], [0.5], [-1, 0, 1], ["relu", "tanh"], [True, False]]
VALUES: Sequence[list[float]] = [
    [0.0],
    [0.0, 1.0],
    [0.25, 0.5, 0.75, 1.0],
    [0.0, 1e-300, 1e-12],
    [0.1, 0.5, 1e300],
    [0.3, np.nextafter(0.3, 1), 0.3 + 1e-15],
    [*np.random.default_rng(1).uniform(size=1000)],
    [*0.5 + 1e-14 * np.random.default_rng(2).standard_normal(1000)],
    [*10 ** np.random.default_rng(3).uniform(-8, 8, 1000)],
]
OBJECTIVES = [("val_average_loss", Goal.MINIMIZE), ("val_accuracy", Goal.MAXIMIZE)]


def records_of(rng: np.random.Generator, combinations: Sequence[Combination], values: Floats) -> Records:
    """A record for nearly each cell of (G, n) values, now and then without a metric, a best epoch or its rows."""
    records = Records()
    for combination, row in zip(combinations, values, strict=True):
        for replicate, value in enumerate(row):
            chance = rng.random()
            if chance < 0.08:
                continue
            if chance < 0.12:
                records.add(Record(combination.id, replicate, Outcome.DIVERGED, "run", epochs=3))
                continue
            train = float(value * rng.choice([0.0, 0.5, 1.0]))
            metrics = {
                "train_average_loss": train,
                "val_average_loss": float(value),
                "val_accuracy": float(min(value, 1)),
            }
            if chance > 0.98:
                del metrics["val_accuracy"]
            best = BestEpoch(1, train, float(value)) if rng.random() < 0.9 else None
            rows = Environment(train_rows=int(rng.integers(1, 400)), val_rows=int(rng.integers(1, 100)))
            records.add(
                Record(
                    combination.id, replicate, Outcome.OK, "run", epochs=9, metrics=metrics, best=best, environment=rows
                )
            )
    return records


@settings(max_examples=100)
@given(
    levels=st.lists(st.sampled_from(LEVELS), min_size=1, max_size=3),
    replicates=st.integers(1, 6),
    values=st.sampled_from(VALUES),
    objective=st.sampled_from(OBJECTIVES),
    epoch=st.sampled_from(EpochChoice),
    seed=st.integers(0, 2**32),
)
def test_any_metrics_are_analysed(
    levels: list[list[FlagValue]],
    replicates: int,
    values: list[float],
    objective: tuple[str, Goal],
    epoch: EpochChoice,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    cells = itertools.product(*levels)
    grid = [Combination(f"{i:03x}", dict(zip("abc", cell, strict=False)), i) for i, cell in enumerate(cells)]
    combinations = [combination for combination in grid if rng.random() < 0.8] or grid
    records = records_of(rng, combinations, rng.choice(values, (len(combinations), replicates)))
    metric, goal = objective
    trained = TrainedGrid(
        combinations,
        {combination.id: combination.id for combination in combinations},
        records,
        ObjectiveStatus(metric=metric, goal=goal, epoch=epoch),
        replicates,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert analyse(trained).model_dump_json()
