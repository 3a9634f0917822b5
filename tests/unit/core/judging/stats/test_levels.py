"""How good the best and the pick are: intervals stay within what the metric can be."""

from __future__ import annotations

import numpy as np
import pytest

from regsweep.api.analysis import Analysis
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


def chosen_among(combinations: int, goal: Goal, *, are_contenders: bool, seed: int = 1) -> Analysis:
    """Of equal combinations, the analysis."""
    rng = np.random.default_rng(seed)
    metric = "val_x"
    environment = Environment(train_rows=100, val_rows=50)
    rows = [Combination(f"{i:02}", {"l2": i}, i) for i in range(combinations)]
    records = Records(
        Record(each.id, k, Outcome.OK, "run", metrics={metric: float(rng.standard_normal())}, environment=environment)
        for each in rows
        for k in range(5)
    )
    objective = ObjectiveStatus(metric=metric, goal=goal, epoch=EpochChoice.LAST)
    grid = TrainedGrid(rows, {each.id: each.id for each in rows}, records, objective, 5)
    return analyse(grid, are_contenders=are_contenders)


@pytest.mark.parametrize("goal", Goal)
def test_the_best_of_contenders_has_room_at_the_worse_end_alone(goal: Goal) -> None:
    """Unless its own spread is so large that its interval reaches as far already."""
    room = []
    for seed in range(6):
        plain, found = (chosen_among(20, goal, are_contenders=each, seed=seed).best for each in (False, True))
        assert plain is not None and found is not None
        for one, other in ((plain.given_data, found.given_data), (plain.new_data, found.new_data)):
            assert one is not None and other is not None
            lower, higher = one.low - other.low, other.high - one.high
            worse, better = (higher, lower) if goal is Goal.MINIMIZE else (lower, higher)
            assert worse >= 0 and better == 0
            room.append(worse > 0)
    assert np.mean(room) >= 0.5


def test_a_contender_alone_was_not_chosen() -> None:
    plain, found = (chosen_among(1, Goal.MINIMIZE, are_contenders=each).best for each in (False, True))
    assert plain is not None and plain.given_data is not None
    assert found is not None and found.given_data is not None
    assert found.given_data.high == pytest.approx(plain.given_data.high, rel=0.05)


def test_the_best_and_a_pick_that_is_the_best_have_one_level() -> None:
    found = [chosen_among(20, Goal.MINIMIZE, are_contenders=True, seed=seed) for seed in range(6)]
    same = [each for each in found if each.pick is not None and each.pick.is_best]
    assert same and all(each.pick is not None and each.pick.level == each.best for each in same)
