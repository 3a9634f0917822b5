"""Bias and variance of out-of-sample predictions: against the plain formulas over all replicates of a process."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.splits import Splits
from regsweep_trainer.audit import AUDIT_METRICS, Audit, audited_rows
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import predictions

CLASSES = {Head.BINARY: 2, Head.MULTICLASS: 4, Head.REGRESSION: 0}
ROWS = np.array([3, 5, 6, 11])


def outputs_of(head: Head, seed: int, rows: int = 4) -> np.ndarray:
    width = 4 if head is Head.MULTICLASS else 1
    return np.random.default_rng(seed).normal(0, 3, (rows, width)).astype(np.float32)


def target_of(head: Head, rows: int = 4) -> np.ndarray:
    return np.arange(rows) % 2 + (0.5 if head is Head.REGRESSION else 0.0)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(Head)), st.lists(st.integers(0, 2**31), min_size=2, max_size=8))
def test_over_a_common_audit_set_spread_is_the_variance_of_the_predictions(head: Head, seeds: list[int]) -> None:
    audit, target = Audit(head, 12, CLASSES[head]), target_of(head)
    values = [audit.add(ROWS, outputs_of(head, seed), target) for seed in seeds]
    predicted = np.stack([predictions(head, outputs_of(head, seed)) for seed in seeds])
    variance = predicted.var(axis=0, ddof=1).sum(axis=1).mean()
    assert np.mean([value["spread"] for value in values[1:]]) == pytest.approx(variance, rel=1e-9, abs=1e-12)
    assert math.isnan(values[0]["spread"])
    assert all(tuple(value) == AUDIT_METRICS[head] for value in values)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([Head.BINARY, Head.MULTICLASS]), st.lists(st.integers(0, 2**31), min_size=2, max_size=8))
def test_disagreement_is_the_share_of_earlier_predictions_of_another_class(head: Head, seeds: list[int]) -> None:
    audit = Audit(head, 12, CLASSES[head])
    values = [audit.add(ROWS, outputs_of(head, seed), target_of(head)) for seed in seeds]
    classes = [predictions(head, outputs_of(head, seed)).argmax(axis=1) for seed in seeds]
    assert math.isnan(values[0]["disagreement"])
    for number in range(1, len(seeds)):
        expected = np.mean([np.mean(classes[number] != classes[earlier]) for earlier in range(number)])
        assert values[number]["disagreement"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("head", "outputs", "target", "expected"),
    [
        pytest.param(
            Head.BINARY, [[0.0], [math.log(3)]], [1.0, 0.0], (0.5 + 2 * 0.75**2) / 2, id="both of two classes"
        ),
        pytest.param(
            Head.MULTICLASS, [[0.0, 0, 0, 0]], [2.0], 0.75**2 + 3 * 0.25**2, id="all classes, the Brier score"
        ),
        pytest.param(Head.REGRESSION, [[3.0], [5.0]], [1.0, 6.0], 2.5, id="the target's unit, squared"),
    ],
)
def test_squared_error(head: Head, outputs: list[list[float]], target: list[float], expected: float) -> None:
    values = Audit(head, 12, CLASSES[head]).add(ROWS[: len(target)], np.array(outputs), np.array(target))
    assert values["squared_error"] == pytest.approx(expected)


def test_rows_without_an_earlier_prediction_count_for_the_error_alone() -> None:
    audit = Audit(Head.REGRESSION, 12, 0)
    audit.add(np.array([0, 1]), np.array([[1.0], [2.0]]), np.zeros(2))
    values = audit.add(np.array([1, 2]), np.array([[4.0], [100.0]]), np.zeros(2))
    assert values == {"squared_error": pytest.approx((16 + 10_000) / 2), "spread": pytest.approx(2)}  # (4 - 2)² / 2


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_not_kept(wrong: float) -> None:
    audit, rows = Audit(Head.BINARY, 12, 2), np.array([1, 2])
    audit.add(rows, np.array([[1.0], [2.0]]), np.zeros(2))
    assert all(math.isnan(value) for value in audit.add(rows, np.array([[1.0], [wrong]]), np.zeros(2)).values())
    again = audit.add(rows, np.array([[1.0], [2.0]]), np.zeros(2))
    assert [again["spread"], again["disagreement"]] == pytest.approx([0, 0])


def test_predictions_far_from_zero_keep_their_spread() -> None:
    """Where a sum of squares would lose it."""
    audit = Audit(Head.REGRESSION, 1, 0)
    spreads = [audit.add(np.array([0]), np.array([[1e9 + k]]), np.zeros(1))["spread"] for k in range(3)]
    assert np.mean(spreads[1:]) == pytest.approx(1)


def test_no_rows_have_no_values() -> None:
    values = Audit(Head.BINARY, 1, 2).add(np.empty(0, np.int64), np.empty((0, 1)), np.empty(0))
    assert all(math.isnan(value) for value in values.values())


@pytest.mark.parametrize(
    ("audit", "repeated", "stop_chooses", "rows"),
    [
        pytest.param([8], False, True, [8], id="those set aside"),
        pytest.param([8], True, False, [8], id="those set aside also with repeated folds"),
        pytest.param([], True, False, [3, 4, 5, 6], id="else the whole fold"),
        pytest.param([], True, True, [4, 6], id="of which the half that chooses an epoch is no longer out of sample"),
        pytest.param([], False, False, [], id="else none"),
    ],
)
def test_which_rows_are_audited(audit: list[int], repeated: bool, stop_chooses: bool, rows: list[int]) -> None:
    parts = [np.array(part, np.int64) for part in ([0, 1], [3, 5], [4, 6], [7], audit)]
    assert audited_rows(Splits(*parts), repeated=repeated, stop_chooses=stop_chooses).tolist() == rows
