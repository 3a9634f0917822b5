"""Metrics against scikit-learn's, and where scikit-learn would raise: one class only, no rows, outputs that are not finite."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from regsweep_trainer import estimator
from regsweep_trainer.audit import AUDIT_METRICS
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import METRICS, auc, evaluate, row_losses

rng = np.random.default_rng(1)
grid = st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0])  # few values: ties


def batches(probability: np.ndarray, target: np.ndarray, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(probability[k : k + size], target[k : k + size]) for k in range(0, len(target), size)]


def losses_of(batch: tuple[np.ndarray, np.ndarray]) -> float:
    """The batch's sum of losses."""
    probability, target = batch
    return float(reference.log_loss(target, probability, normalize=False, labels=[0, 1]))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits.astype(float))))


@settings(deadline=None)
@given(
    st.lists(st.tuples(grid, st.booleans()), min_size=2, max_size=40).filter(
        lambda rows: len({y for _, y in rows}) == 2
    )
)
def test_binary_metrics_are_scikit_learns(rows: list[tuple[float, bool]]) -> None:
    logits = np.array([[z] for z, _ in rows], dtype=np.float32)
    target = np.array([y for _, y in rows], dtype=float)
    probability = sigmoid(logits[:, 0])
    predicted = probability > 0.5
    values = evaluate(Head.BINARY, logits, target, 0.25, batch_size=8)
    assert tuple(values) == METRICS[Head.BINARY]
    expected = {
        "average_loss": reference.log_loss(target, probability),
        "loss": reference.log_loss(target, probability) + 0.25,
        "accuracy": reference.accuracy_score(target, predicted),
        "accuracy_baseline": max(target.mean(), 1 - target.mean()),
        "auc": reference.roc_auc_score(target, probability),
        "auc_precision_recall": reference.average_precision_score(target, probability),
        "precision": reference.precision_score(target, predicted, zero_division=0),
        "recall": reference.recall_score(target, predicted),
        "label_mean": target.mean(),
        "prediction_mean": probability.mean(),
        "estimator_loss": np.mean([losses_of(batch) for batch in batches(probability, target, 8)]),
    }
    areas = {
        "estimator_auc",
        "estimator_auc_pr",
    }  # tests/integration/trainer/test_estimator.py holds them against Keras'
    assert {name: values[name] for name in values if name not in areas} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_multiclass_metrics_are_scikit_learns() -> None:
    logits = rng.normal(size=(50, 4)).astype(np.float32)
    target = rng.integers(0, 4, 50).astype(float)
    probability = np.exp(logits.astype(float))
    probability /= probability.sum(axis=1, keepdims=True)
    values = evaluate(Head.MULTICLASS, logits, target, 1.0, batch_size=8)
    loss = reference.log_loss(target, probability, labels=range(4))
    assert values == pytest.approx(
        {
            "average_loss": loss,
            "loss": loss + 1,
            "accuracy": reference.accuracy_score(target, probability.argmax(axis=1)),
            "accuracy_baseline": np.bincount(target.astype(int)).max() / 50,
            "estimator_loss": loss * 50 / 7,  # 7 batches
        }
    )


@pytest.mark.parametrize("head", list(Head))
def test_the_losses_of_the_rows_have_average_loss_as_their_mean(head: Head) -> None:
    outputs = rng.normal(size=(50, 4 if head is Head.MULTICLASS else 1)).astype(np.float32)
    target = rng.integers(0, 4 if head is Head.MULTICLASS else 2, 50).astype(float)
    losses = row_losses(head, outputs, target)
    assert losses.shape == (50,)
    assert losses.mean() == evaluate(head, outputs, target, 1.0, batch_size=8)["average_loss"]
    for row in range(0, 50, 7):
        alone = evaluate(head, outputs[row : row + 1], target[row : row + 1], 0.0, batch_size=8)
        assert losses[row] == pytest.approx(alone["average_loss"], rel=1e-12)


def test_regression_metrics_are_in_the_targets_unit() -> None:
    outputs, target = rng.normal(100, 20, size=(50, 1)), rng.normal(100, 20, 50)
    values = evaluate(Head.REGRESSION, outputs, target, 0.0, batch_size=8)
    assert values["average_loss"] == pytest.approx(reference.mean_squared_error(target, outputs[:, 0]))
    assert values["r2"] == pytest.approx(reference.r2_score(target, outputs[:, 0]))
    assert values["prediction_mean"] == pytest.approx(outputs.mean())
    assert values["label_mean"] == pytest.approx(target.mean())


@pytest.mark.parametrize("rows", [1, 5])
def test_a_target_that_does_not_vary_has_no_r_squared(rows: int) -> None:
    values = evaluate(Head.REGRESSION, np.zeros((rows, 1)), np.full(rows, 0.5), 0.0, batch_size=8)
    assert np.isnan(values["r2"]) and values["average_loss"] == pytest.approx(0.25)


def test_always_predicting_the_mean_has_an_r_squared_of_0() -> None:
    target = rng.normal(3, 2, 40)
    values = evaluate(Head.REGRESSION, np.full((40, 1), target.mean()), target, 0.0, batch_size=8)
    assert values["r2"] == pytest.approx(0, abs=1e-12)


def test_two_classes_are_a_special_case_of_more() -> None:
    logits = rng.normal(size=(50, 1)).astype(np.float32)
    target = rng.integers(0, 2, 50).astype(float)
    both = np.concatenate([np.zeros_like(logits), logits], axis=1)
    binary, multi = (
        evaluate(Head.BINARY, logits, target, 0, batch_size=8),
        evaluate(Head.MULTICLASS, both, target, 0, batch_size=8),
    )
    assert {name: binary[name] for name in multi} == pytest.approx(multi)


def test_huge_logits_neither_overflow_nor_warn() -> None:
    with np.errstate(all="raise", under="ignore"):
        values = evaluate(Head.BINARY, np.array([[1e4], [-1e4]], np.float32), np.array([0.0, 1.0]), 0, batch_size=8)
        more = evaluate(Head.MULTICLASS, np.array([[1e4, 0, -1e4]], np.float32), np.array([2.0]), 0, batch_size=8)
    assert values["average_loss"] == pytest.approx(1e4)
    assert more["average_loss"] == pytest.approx(2e4)


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_an_output_that_is_not_finite_earns_no_metric(head: Head, wrong: float) -> None:
    outputs = np.zeros((3, 3 if head is Head.MULTICLASS else 1), np.float32)
    outputs[1, 0] = wrong
    assert all(
        math.isnan(value) for value in evaluate(head, outputs, np.array([0.0, 1.0, 0.0]), 0, batch_size=8).values()
    )


def test_no_rows_have_no_metrics() -> None:
    assert all(
        math.isnan(value) for value in evaluate(Head.BINARY, np.empty((0, 1)), np.empty(0), 0, batch_size=8).values()
    )


def test_one_class_has_no_auc_but_a_loss() -> None:
    values = evaluate(Head.BINARY, np.array([[1.0], [2.0]]), np.array([0.0, 0.0]), 0, batch_size=8)
    assert math.isnan(values["auc"])
    assert math.isnan(values["auc_precision_recall"])
    assert values["average_loss"] > 0
    assert values["recall"] == 0


def test_auc_counts_a_tie_as_half() -> None:
    assert auc(np.array([1.0, 1.0]), np.array([True, False])) == 0.5


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [
        pytest.param(2, (1 + 4 + 9 + 16 + 25) / 3, id="the last batch has fewer rows and counts as much"),
        pytest.param(100, 55.0, id="one batch"),
        pytest.param(1, 11.0, id="batches of one row have average_loss"),
    ],
)
def test_estimator_loss_is_the_mean_over_batches_of_their_sums_without_the_penalty(
    batch_size: int, expected: float
) -> None:
    outputs, target = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), np.zeros(5)
    values = evaluate(Head.REGRESSION, outputs, target, 1000.0, batch_size=batch_size)
    assert values["estimator_loss"] == pytest.approx(expected)


probabilities = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60)


@settings(deadline=None)
@given(probabilities)
def test_the_estimators_areas_are_areas(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    roc, pr = estimator.auc(scores, positive), estimator.auc_pr(scores, positive)
    assert math.isnan(roc) == (len(set(positive.tolist())) < 2)
    assert math.isnan(pr) == (not positive.any())
    assert math.isnan(roc) or -1e-9 <= roc <= 1 + 1e-9
    assert math.isnan(pr) or -1e-9 <= pr <= 1 + 1e-9


def test_scores_between_two_thresholds_are_alike_to_the_estimator_and_not_to_auc() -> None:
    scores, positive = np.array([0.5001, 0.5002, 0.5003, 0.5004]), np.array([False, True, False, True])
    assert estimator.auc(scores, positive) == pytest.approx(0.5)
    assert auc(scores, positive) == 0.75


def test_many_well_spread_scores_have_the_exact_area_but_for_the_thresholds() -> None:
    positive = rng.random(5000) < 0.3
    scores = np.where(positive, rng.beta(3, 2, 5000), rng.beta(2, 3, 5000))
    assert estimator.auc(scores, positive) == pytest.approx(reference.roc_auc_score(positive, scores), abs=1e-3)
    assert estimator.auc_pr(scores, positive) == pytest.approx(
        reference.average_precision_score(positive, scores), abs=5e-3
    )


@pytest.mark.parametrize(("column", "head"), list(enumerate(Head, start=1)))
def test_the_readme_says_which_metrics_a_head_has(column: int, head: Head) -> None:
    readme = (Path(__file__).parents[3] / "images" / "trainer" / "README.md").read_text()
    rows = [
        line.strip("| ").split(" | ")
        for line in readme.partition("| Metric |")[2].partition("\n\n")[0].splitlines()[2:]
    ]
    said = {row[0].strip("`") for row in rows if row[column] == "yes"}
    assert said == {*METRICS[head], *AUDIT_METRICS[head], "regularization_loss", "late_gain"}
