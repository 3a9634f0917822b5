"""Best epoch and early stopping look at `stop` alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("rule", "stops", "gain"),
    [
        pytest.param(LOSS, [*range(20, 10, -1)], 1.0, id="the tenth of ten epochs brought one"),
        pytest.param(LOSS, [*range(40, 20, -1)], 2.0, id="the last two of twenty brought two"),
        pytest.param(LOSS, [9] * 8 + [5, 9], 0.0, id="the ninth of ten is not among the last tenth"),
        pytest.param(LOSS, [5, *[9] * 8, 4.75], 0.25, id="against the best before, not the epoch before"),
        pytest.param(ACCURACY, [0.5] * 9 + [0.75], 0.25, id="a gain of accuracy is above 0 as well"),
        pytest.param(LOSS, [9] * 9 + [math.nan], 0.0, id="no number is no gain"),
        pytest.param(LOSS, [math.nan] * 9 + [1], None, id="no number before"),
        pytest.param(LOSS, [math.inf] * 9 + [1], None, id="infinity before"),
        pytest.param(LOSS, [1], None, id="a single epoch"),
        pytest.param(LOSS, [3, 2], 1.0, id="the second of two"),
        pytest.param(LOSS, [math.nan] * 3, None, id="no best"),
    ],
)
def test_what_the_last_tenth_of_the_epochs_brought(rule: Rule, stops: list[float], gain: float | None) -> None:
    assert watched(rule, *stops).late_gain(len(stops)) == gain


@given(st.lists(st.floats(-100, 100) | st.just(math.nan), min_size=1, max_size=60), st.sampled_from([LOSS, ACCURACY]))
def test_the_gain_is_what_all_values_give_though_few_are_kept(stops: list[float], rule: Rule) -> None:
    watch, count = watched(rule, *stops), len(stops)
    best = min if rule is LOSS else max
    early = [stop for epoch, stop in enumerate(stops, start=1) if 10 * epoch <= 9 * count and not math.isnan(stop)]
    numbers = [stop for stop in stops if not math.isnan(stop)]
    assert watch.late_gain(count) == (abs(best(numbers) - best(early)) if early else None)
    assert len(watch.improvements) <= 2 + count / 10
