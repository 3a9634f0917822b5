"""Best epoch and early stopping look at `stop` alone."""

import math

import pytest

from regsweep_kit.epochs import Best, Watch
from regsweep_kit.objective import Goal, Objective, Rule

LOSS, ACCURACY = Objective().rule, Rule("val_accuracy", Goal.MAXIMIZE)


def watched(rule: Rule, *stops: float) -> Watch:
    watch, other = Watch(rule), {"something_else": 0.0}
    for epoch, stop in enumerate(stops, start=1):
        train, val = {rule.name: -epoch, **other}, {rule.name: epoch * 10, **other}
        watch = watch.seen(epoch, train, {rule.name: stop, **other}, val)
    return watch


@pytest.mark.parametrize(
    ("rule", "stops", "best_epoch"),
    [
        pytest.param(LOSS, [3, 1, 2], 2, id="the least loss"),
        pytest.param(ACCURACY, [0.3, 0.1, 0.5], 3, id="the greatest accuracy"),
        pytest.param(LOSS, [3, 1, 1], 2, id="the earlier of two that tie"),
        pytest.param(LOSS, [math.nan, 2, math.nan], 2, id="never a NaN"),
        pytest.param(LOSS, [math.inf, 2], 2, id="rather anything than infinity"),
    ],
)
def test_the_best_epoch(rule: Rule, stops: list[float], best_epoch: int) -> None:
    assert watched(rule, *stops).best == Best(best_epoch, stops[best_epoch - 1], -best_epoch, best_epoch * 10)


def test_without_a_number_there_is_no_best() -> None:
    assert watched(LOSS, math.nan, math.nan).best is None


@pytest.mark.parametrize(
    ("patience", "stops", "ends"),
    [(0, [1, 2, 3, 4], False), (2, [1, 2], False), (2, [1, 2, 3], True), (2, [3, 4, 2, 3], False), (1, [1, 1], True)],
)
def test_early_stopping(patience: int, stops: list[float], ends: bool) -> None:
    assert watched(LOSS, *stops).exhausted(patience) is ends
