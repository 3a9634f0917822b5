"""How good the best and the pick are: intervals stay within what the metric can be."""

from __future__ import annotations

import numpy as np
import pytest

from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.pipeline import analyse
from regsweep.core.judging.stats.ranking import TrainedGrid
from regsweep.core.results.records import Environment, Outcome, Record, Records

LOSS = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)


@pytest.mark.parametrize(
    ("metric", "goal", "levels", "bounds"),
    [
        pytest.param("val_accuracy", Goal.MAXIMIZE, (0.97, 1.0, 0.8), (0, 1), id="accuracies"),
        pytest.param("val_average_loss", Goal.MINIMIZE, (0.01, 0.0, 0.3), (0, np.inf), id="losses near nothing"),
        pytest.param("val_auc", Goal.MAXIMIZE, (0.99, 1.0, 0.7), (0, 1), id="areas"),
    ],
)
def test_intervals_stay_within_what_the_metric_can_be(
    metric: str, goal: Goal, levels: tuple[float, float, float], bounds: tuple[float, float]
) -> None:
    combinations = [Combination(str(i), {"l2": i}, i) for i in range(2)]
    records = Records(
        Record(
            str(i), k, Outcome.OK, "run", metrics={metric: level}, environment=Environment(train_rows=10, val_rows=10)
        )
        for i in range(2)
        for k, level in enumerate(levels)
    )
    objective = ObjectiveStatus(metric=metric, goal=goal, epoch=EpochChoice.LAST)
    found = analyse(TrainedGrid(combinations, {"0": "0", "1": "1"}, records, objective, 3))
    assert found.best is not None and found.pick is not None
    intervals = [found.best.given_data, found.best.new_data, found.pick.level.new_data]
    for interval in intervals:
        assert interval is not None
        assert bounds[0] <= interval.low <= interval.mean <= interval.high <= bounds[1]
        assert interval.cut


def test_a_loss_that_is_below_nothing_has_no_bound() -> None:
    combinations = [Combination(str(i), {"l2": i}, i) for i in range(2)]
    records = Records(
        Record(str(i), k, Outcome.OK, "run", metrics={"val_average_loss": level})
        for i in range(2)
        for k, level in enumerate((0.3, -0.2, 0.1))
    )
    found = analyse(TrainedGrid(combinations, {"0": "0", "1": "1"}, records, LOSS, 3))
    assert found.best is not None and found.best.given_data is not None
    assert found.best.given_data.low < 0 and not found.best.given_data.cut
