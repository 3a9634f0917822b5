"""The best and the pick beside a reference: differences, and intervals that allow for the choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import t as student

from regsweep.api.analysis import Analysis, Interval, ReferenceComparison
from regsweep.api.objective import EpochRule
from regsweep.api.spec import EpochChoice, Goal, Resampling
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination, combination_id
from regsweep.core.judging.stats.moderation import Floats, moderate
from regsweep.core.judging.stats.pipeline import analyse
from regsweep.core.judging.stats.ranking import TrainedGrid
from regsweep.core.judging.stats.references import compare_with_references
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records
from regsweep.core.sweep import Point, Reference

HOLDOUT = Resampling()
OURS = Environment(image="trainer@sha256:0")
NOISE = np.array([0.02, -0.01, 0.03, -0.03, -0.01])
"""Of five replicates; adds up to 0."""


def compared(
    grid: Floats,
    values: Sequence[float | None],
    *,
    epochs: int = 0,
    best_epoch: int | None = None,
    late_gain: float | None = None,
    minimum: float | None = None,
    metric: str = "val_average_loss",
    goal: Goal = Goal.MINIMIZE,
    environment: Environment = OURS,
    resampling: Resampling = HOLDOUT,
    same_as: int | None = None,
) -> tuple[ReferenceComparison, Analysis]:
    """`values`: of the reference, by replicate; None: diverged. `same_as`: the row that the reference is."""
    combinations = [Combination(combination_id({"l2": row}), {"l2": row}, row) for row in range(len(grid))]
    records = Records()
    for row, of_row in enumerate(grid):
        for k, value in enumerate(of_row):
            if np.isfinite(value):
                records.add(Record(f"key{row}", k, Outcome.OK, "run", metrics={metric: float(value)}, environment=OURS))
    key = "reference" if same_as is None else f"key{same_as}"
    for k, value in enumerate(values):
        outcome = Outcome.DIVERGED if value is None else Outcome.OK
        metrics = {} if value is None else {metric: value}
        metrics |= {} if late_gain is None else {"late_gain": late_gain}
        best = None if best_epoch is None else BestEpoch(best_epoch, 0.1, 0.1, EpochRule(metric, goal))
        record = Record(key, k, outcome, "run", epochs=epochs, metrics=metrics, environment=environment, best=best)
        records.add(record)
    trained = TrainedGrid(
        combinations=combinations,
        point_keys={each.id: f"key{each.index}" for each in combinations},
        records=records,
        objective=ObjectiveStatus(metric=metric, goal=goal, epoch=EpochChoice.LAST),
        replicates=grid.shape[1],
    )
    found = analyse(trained)
    reference = Reference("mine", {}, Point(key, Combination("", {}, 0)))
    (one,) = compare_with_references(trained, [reference], found, resampling, minimum_difference=minimum)
    return one, found


def losses(rows: int = 4, replicates: int = 5, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(0.5 + 0.1 * np.arange(rows)[:, None] + 0.02 * rng.normal(size=(rows, replicates)))


def interval(found: Interval | None) -> Interval:
    assert found is not None
    return found


@pytest.mark.parametrize(("rows", "noise", "own_is_wider"), [(6, 0.02, False), (9, 0.02, False), (2, 1.0, True)])
def test_the_interval_is_t_with_moderated_variances_for_as_many_differences_as_there_are_combinations(
    rows: int, noise: float, own_is_wider: bool
) -> None:
    grid = losses(rows)
    reference = 0.9 + noise * np.random.default_rng(9).normal(size=5)
    found = interval(compared(grid, reference.tolist())[0].difference)
    gaps, best = reference - grid, int(np.argmin(grid.mean(axis=1)))
    moderated = moderate(gaps.var(axis=1, ddof=1), np.full(rows, 4.0), 4.0 * rows)
    margin = student.ppf(1 - 0.025 / rows, moderated.degrees_of_freedom[best]) * np.sqrt(moderated.variances[best] / 5)
    own = student.ppf(0.975, 4) * gaps[best].std(ddof=1) / np.sqrt(5)
    assert (own > margin) == own_is_wider
    assert found.mean == pytest.approx(gaps[best].mean(), abs=1e-12)
    assert found.high - found.mean == pytest.approx(max(margin, own), rel=1e-9)
    assert found.mean - found.low == pytest.approx(max(margin, own), rel=1e-9)


def test_of_one_combination_it_is_the_paired_t_interval() -> None:
    grid = losses(rows=1)
    reference = (grid[0] + np.array([0.1, 0.2, 0.15, 0.12, 0.18])).tolist()
    found = interval(compared(grid, reference)[0].difference)
    gaps = np.array(reference) - grid[0]
    assert found.high - found.mean == pytest.approx(student.ppf(0.975, 4) * gaps.std(ddof=1) / np.sqrt(5), rel=1e-9)


def test_a_larger_metric_is_better_where_the_goal_says_so() -> None:
    grid = 1 - losses() / 2
    worse = (grid.max(axis=0) - 0.2 + NOISE).tolist()
    found = interval(compared(grid, worse, metric="val_accuracy", goal=Goal.MAXIMIZE)[0].difference)
    assert found.low > 0, "the reference is worse, whatever the goal"
    assert found.high <= 1


def test_what_was_trained_by_another_image_is_compared_unpaired() -> None:
    grid = losses() + np.array([0, 5, 10, 15, 20.0])
    reference = (grid[0] + 0.3 + NOISE).tolist()
    paired = interval(compared(grid, reference)[0].difference)
    other = interval(compared(grid, reference, environment=Environment(image="trainer@sha256:1"))[0].difference)
    assert compared(grid, reference)[1].paired
    assert paired.high - paired.low < 1
    assert other.mean == pytest.approx(paired.mean, abs=1e-9)
    assert other.high - other.low > 10, "how hard a replicate is does not drop out"


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param([0.9, 0.8, None, 0.9, 0.9], id="a replicate diverged"),
        pytest.param([0.9, 0.8], id="two replicates"),
        pytest.param([], id="none"),
        pytest.param([float("nan")] * 5, id="no number"),
    ],
)
def test_there_is_no_difference_where_it_cannot_be_known(reference: list[float | None]) -> None:
    found = compared(losses(), reference)[0]
    assert (found.name, found.difference, found.pick_difference) == ("mine", None, None)


def test_the_best_itself_has_no_difference_and_widens_no_other() -> None:
    grid = losses()
    best, found = compared(grid, grid[0].tolist(), same_as=0)
    assert (best.is_best, best.difference) == (True, None)
    assert found.comparisons[0].label == "l2=0"
    third = interval(compared(grid, grid[2].tolist(), same_as=2)[0].difference)
    assert third.low > 0


def test_a_missing_replicate_is_missing_from_the_difference_alone() -> None:
    grid = losses()
    reference = [*(grid[0, :4] + [0.2, 0.3, 0.3, 0.4]).tolist()]
    found = interval(compared(grid, reference)[0].difference)
    assert found.mean == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("worse", [0.0, 0.3])
def test_what_differs_by_the_same_in_every_replicate_has_a_difference_without_an_interval(worse: float) -> None:
    """Rounding is no noise."""
    grid = losses()
    found = compared(grid, (grid[0] + worse).tolist())[0]
    assert found.difference is None
    assert found.constant_difference == pytest.approx(worse, abs=1e-12)
    assert compared(grid, (grid[0, :2] + worse).tolist())[0].constant_difference is None, "two replicates tell nothing"


@pytest.mark.parametrize(("best_epoch", "improving"), [(100, True), (50, False), (None, False)])
def test_a_reference_that_was_trained_too_short_is_named(best_epoch: int | None, improving: bool) -> None:
    found = compared(losses(), [0.9, 0.91, 0.92, 0.93, 0.94], epochs=100, best_epoch=best_epoch)[0]
    assert found.still_improving is improving


@pytest.mark.parametrize(
    ("gain", "minimum", "improving"),
    [
        pytest.param(2.5e-5, None, False, id="an iota"),
        pytest.param(0.002, None, True, id="two hundredths of the loss"),
        pytest.param(0.002, 0.01, False, id="less than what matters"),
    ],
)
def test_a_reference_that_gained_next_to_nothing_at_the_end_was_trained_long_enough(
    gain: float, minimum: float | None, improving: bool
) -> None:
    values = [0.9, 0.91, 0.92, 0.93, 0.94]
    found = compared(losses(), values, epochs=100, best_epoch=100, late_gain=gain, minimum=minimum)[0]
    assert found.still_improving is improving


def test_with_folds_it_is_approximate() -> None:
    grid = losses()
    folds = Resampling.model_validate({"kind": "KFold", "folds": 5})
    reference = (grid[0] + 0.3 + NOISE).tolist()
    assert interval(compared(grid, reference, resampling=folds)[0].difference).approximate
    assert not interval(compared(grid, reference)[0].difference).approximate


@pytest.mark.parametrize("loud", [1.0, 4.0])
def test_it_covers_the_best_that_was_chosen_by_the_same_values(loud: float) -> None:
    """24 equal combinations, 5 replicates: a plain t interval would cover in 85 %."""
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(60):
        values = 10 + rng.normal(size=5) + np.r_[np.ones(24), loud][:, None] * 0.1 * rng.normal(size=(25, 5))
        found = interval(compared(values[:24], values[24].tolist())[0].difference)
        covered += found.low <= 0 <= found.high
    assert covered >= 55
