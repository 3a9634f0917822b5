"""Metrics of weighted rows: scikit-learn's with sample_weight, and the Estimator's by a transcription of its formulas."""

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import METRICS, evaluate

rng = np.random.default_rng(11)
WEIGHTS = rng.integers(0, 4, 60) * rng.random(60)


def estimators(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, batch: int) -> dict[str, float]:
    """What evaluate() of TensorFlow 1's DNNClassifier gives for two classes: its metrics batch by batch, as its streaming sums do it."""
    thresholds = np.array([-1e-7, *((i + 1) / 199 for i in range(198)), 1 + 1e-7])
    total: dict[str, Any] = dict.fromkeys(("weight", "loss", "hit", "label", "prediction"), 0.0)
    tp, fp, tn, fn = (np.zeros(200) for _ in range(4))
    batches = []
    tp_half = fp_half = fn_half = 0.0
    for start in range(0, len(labels), batch):
        z, y, w = (part[start : start + batch] for part in (logits, labels, weights))
        p = 1 / (1 + np.exp(-z))
        losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
        batches.append((losses * w).sum())
        classes = (z > 0).astype(float)
        for name, value in (("weight", 1), ("loss", losses), ("hit", classes == y), ("label", y), ("prediction", p)):
            total[name] += (w * value).sum()
        above = p[None] > thresholds[:, None]
        tp += (w * (above & (y == 1))).sum(axis=1)
        fp += (w * (above & (y == 0))).sum(axis=1)
        fn += (w * (~above & (y == 1))).sum(axis=1)
        tn += (w * (~above & (y == 0))).sum(axis=1)
        tp_half += (w * classes * y).sum()
        fp_half += (w * classes * (1 - y)).sum()
        fn_half += (w * (1 - classes) * y).sum()
    label = total["label"] / total["weight"]
    recall, fall_out = tp / (tp + fn), fp / (fp + tn)
    roc = ((fall_out[:-1] - fall_out[1:]) * (recall[:-1] + recall[1:]) / 2).sum()
    return {
        "average_loss": total["loss"] / total["weight"],
        "estimator_loss": float(np.mean(batches)),
        "accuracy": total["hit"] / total["weight"],
        "accuracy_baseline": max(label, 1 - label),
        "label_mean": label,
        "prediction_mean": total["prediction"] / total["weight"],
        "precision": tp_half / (tp_half + fp_half),
        "recall": tp_half / (tp_half + fn_half),
        "estimator_auc": float(roc),
        "estimator_auc_pr": _interpolated(tp, fp, fn),
    }


def _interpolated(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> float:
    """tf.metrics.auc with curve PR and careful_interpolation."""
    p = tp + fp
    dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
    slope = np.divide(dtp, dp, out=np.zeros(199), where=dp > 0)
    intercept = tp[1:] - slope * p[1:]
    ratio = np.where((p[:-1] > 0) & (p[1:] > 0), p[:-1] / np.maximum(p[1:], 1e-30), 1.0)
    return float((slope * (dtp + intercept * np.log(ratio)) / np.maximum(tp[1:] + fn[1:], 1e-30)).sum())


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
def test_metrics_of_two_classes_are_the_estimators(weights: np.ndarray | None) -> None:
    logits, labels = rng.normal(size=60), (rng.random(60) < 0.4).astype(float)
    values = evaluate(Head.BINARY, logits[:, None], labels, 0.0, batch_size=8, weights=weights)
    expected = estimators(logits, labels, np.ones(60) if weights is None else weights, 8)
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_exact_metrics_of_two_weighted_classes_are_scikit_learns() -> None:
    logits, labels = np.round(rng.normal(size=60), 1), (rng.random(60) < 0.4).astype(float)
    probability = 1 / (1 + np.exp(-logits))
    values = evaluate(Head.BINARY, logits[:, None], labels, 2.0, batch_size=8, weights=WEIGHTS)
    weighted = {"sample_weight": WEIGHTS}
    loss = reference.log_loss(labels, probability, **weighted)
    expected = {
        "average_loss": loss,
        "loss": loss + 2,
        "accuracy": reference.accuracy_score(labels, logits > 0, **weighted),
        "auc": reference.roc_auc_score(labels, logits, **weighted),
        "auc_precision_recall": reference.average_precision_score(labels, logits, **weighted),
        "precision": reference.precision_score(labels, logits > 0, **weighted),
        "recall": reference.recall_score(labels, logits > 0, **weighted),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_metrics_of_many_weighted_classes_and_of_a_weighted_regression_are_scikit_learns() -> None:
    logits, labels = rng.normal(size=(60, 4)), rng.integers(0, 4, 60).astype(float)
    powers = np.exp(logits)
    values = evaluate(Head.MULTICLASS, logits, labels, 0.0, batch_size=8, weights=WEIGHTS)
    probability = powers / powers.sum(axis=1, keepdims=True)
    loss = reference.log_loss(labels, probability, labels=range(4), sample_weight=WEIGHTS)
    assert values["average_loss"] == pytest.approx(loss)
    assert values["accuracy"] == pytest.approx(
        reference.accuracy_score(labels, logits.argmax(axis=1), sample_weight=WEIGHTS)
    )
    numbers, target = rng.normal(size=(60, 1)), rng.normal(size=60)
    values = evaluate(Head.REGRESSION, numbers, target, 0.0, batch_size=8, weights=WEIGHTS)
    assert values["average_loss"] == pytest.approx(
        reference.mean_squared_error(target, numbers[:, 0], sample_weight=WEIGHTS)
    )
    assert values["label_mean"] == pytest.approx(np.average(target, weights=WEIGHTS))
    assert values["r2"] == pytest.approx(reference.r2_score(target, numbers[:, 0], sample_weight=WEIGHTS))


def outputs_of(head: Head) -> tuple[np.ndarray, np.ndarray]:
    outputs = np.round(rng.normal(size=(60, 4 if head is Head.MULTICLASS else 1)), 1)
    return outputs, rng.integers(0, 4 if head is Head.MULTICLASS else 2, 60).astype(float)


@pytest.mark.parametrize("head", list(Head))
def test_weights_of_one_change_no_digit(head: Head) -> None:
    outputs, target = outputs_of(head)
    plain, ones = (
        evaluate(head, outputs, target, 0.5, batch_size=8, weights=weights) for weights in (None, np.ones(60))
    )
    assert plain == ones


@pytest.mark.parametrize("head", list(Head))
def test_a_row_of_weight_two_is_as_two_rows_and_one_of_weight_nought_as_none(head: Head) -> None:
    outputs, target = outputs_of(head)
    counts = rng.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), counts)
    weighted = evaluate(head, outputs, target, 0.5, batch_size=100, weights=counts.astype(float))
    repeated = evaluate(head, outputs[rows], target[rows], 0.5, batch_size=100)
    assert weighted == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("head", list(Head))
def test_rows_that_all_weigh_nothing_have_no_metrics(head: Head) -> None:
    outputs, target = outputs_of(head)
    values = evaluate(head, outputs, target, 0.5, batch_size=8, weights=np.zeros(60))
    assert tuple(values) == METRICS[head]
    assert all(math.isnan(value) for value in values.values())


def test_a_class_that_weighs_nothing_has_no_area() -> None:
    values = evaluate(
        Head.BINARY, np.array([[1.0], [2.0]]), np.array([0.0, 1.0]), 0, batch_size=8, weights=np.array([1.0, 0.0])
    )
    assert math.isnan(values["auc"])
    assert math.isnan(values["estimator_auc"])
    assert math.isnan(values["auc_precision_recall"])
