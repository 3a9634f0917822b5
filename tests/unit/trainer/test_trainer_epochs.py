"""Best epoch and early stopping look at `stop` alone."""

import math

import pytest

from regsweep_trainer.contract import Goal, Objective
from regsweep_trainer.epochs import Best, Watch

LOSS, ACCURACY = Objective(), Objective("val_accuracy", Goal.MAXIMIZE)


def watched(objective: Objective, *stops: float) -> Watch:
    watch = Watch()
    for epoch, stop in enumerate(stops, start=1):
        watch = watch.seen(objective, epoch, stop, train=-epoch, val=epoch * 10)
    return watch


@pytest.mark.parametrize(
    ("objective", "stops", "best_epoch"),
    [
        pytest.param(LOSS, [3, 1, 2], 2, id="the least loss"),
        pytest.param(ACCURACY, [0.3, 0.1, 0.5], 3, id="the greatest accuracy"),
        pytest.param(LOSS, [3, 1, 1], 2, id="the earlier of two that tie"),
        pytest.param(LOSS, [math.nan, 2, math.nan], 2, id="never a NaN"),
        pytest.param(LOSS, [math.inf, 2], 2, id="rather anything than infinity"),
    ],
)
def test_the_best_epoch(objective: Objective, stops: list[float], best_epoch: int) -> None:
    assert watched(objective, *stops).best == Best(best_epoch, stops[best_epoch - 1], -best_epoch, best_epoch * 10)


def test_without_a_number_there_is_no_best() -> None:
    assert watched(LOSS, math.nan, math.nan).best is None


@pytest.mark.parametrize(
    ("patience", "stops", "ends"),
    [(0, [1, 2, 3, 4], False), (2, [1, 2], False), (2, [1, 2, 3], True), (2, [3, 4, 2, 3], False), (1, [1, 1], True)],
)
def test_early_stopping(patience: int, stops: list[float], ends: bool) -> None:
    assert watched(LOSS, *stops).exhausted(patience) is ends
