"""Metrics by the Estimator's names, from float32 outputs in inference mode, computed in float64.

All are NaN where an output is not finite: a network that has diverged has no accuracy. The meaning of a metric is
in METRICS, which images/trainer/README.md shows as a table.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.objective import Goal
from regsweep_trainer import estimator
from regsweep_trainer.data.dataset import Head

METRICS: Mapping[Head, tuple[str, ...]] = MappingProxyType(
    {
        Head.BINARY: (
            "average_loss", "accuracy", "auc", "auc_precision_recall", "precision", "recall",
            "accuracy_baseline", "prediction_mean", "label_mean", "estimator_auc", "estimator_auc_pr", "estimator_loss", "loss",
        ),
        Head.MULTICLASS: ("average_loss", "accuracy", "accuracy_baseline", "estimator_loss", "loss"),
        Head.REGRESSION: ("average_loss", "r2", "prediction_mean", "label_mean", "estimator_loss", "loss"),
    }
)  # fmt: skip
"""Per head, the metrics that every split has, most important first. `regularization_loss` belongs to no split."""

LOSS_FUNCTIONS: Mapping[Head, str] = MappingProxyType(
    {
        Head.BINARY: "binary_crossentropy",
        Head.MULTICLASS: "sparse_categorical_crossentropy",
        Head.REGRESSION: "mean_squared_error",
    }
)
"""Keras' name of the loss whose mean is average_loss."""

GOALS: Mapping[str, Goal] = MappingProxyType(
    {
        **dict.fromkeys(("average_loss", "loss", "estimator_loss"), Goal.MINIMIZE),
        **dict.fromkeys(("accuracy", "auc", "auc_precision_recall", "precision", "recall"), Goal.MAXIMIZE),
        **dict.fromkeys(("estimator_auc", "estimator_auc_pr"), Goal.MAXIMIZE),
    }
)
"""Which way a metric is better, of those that early stopping may follow; `r2` only turns average_loss round."""


def evaluate(
    head: Head,
    outputs: NDArray[np.floating[Any]],
    target: NDArray[np.float64],
    regularization_loss: float,
    *,
    batch_size: int,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Metrics of one split.

    outputs: logits of shape (rows, 1) for two classes and (rows, classes) for more; for a regression predictions of shape
    (rows, 1) in the target's unit. target: shape (rows,). No rows: all NaN. batch_size: rows of an evaluation batch, the last of which
    may have fewer; it plays a part in estimator_loss alone. weights: of the rows, shape (rows,), at least 0; `None`: all alike. Where
    they are all 0, all metrics are NaN.
    """
    if not len(target) or not np.isfinite(outputs).all() or (weights is not None and not weights.any()):
        return dict.fromkeys(METRICS[head], float("nan"))
    each = np.ones(len(target)) if weights is None else weights
    values = {
        Head.BINARY: _binary,
        Head.MULTICLASS: _multiclass,
        Head.REGRESSION: _regression,
    }[head](outputs.astype(np.float64), target, each)
    losses = row_losses(head, outputs, target)
    values["average_loss"] = _mean(losses, each)
    values["estimator_loss"] = float(np.sum(losses * each)) / math.ceil(len(losses) / batch_size)
    values["loss"] = values["average_loss"] + regularization_loss
    return {name: float(values[name]) for name in METRICS[head]}


def row_losses(head: Head, outputs: NDArray[np.floating[Any]], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The loss of each row, shape (rows,), whose mean is average_loss: cross-entropy from logits, or squared error.

    outputs and target as in `evaluate`; outputs must be finite.
    """
    exact = outputs.astype(np.float64)
    if head is Head.BINARY:
        logits = exact[:, 0]
        # log(1 + exp(-|z|)) + max(z, 0) - z y: exact where exp would overflow
        return np.asarray(np.logaddexp(0, -np.abs(logits)) + np.maximum(logits, 0) - logits * target)
    if head is Head.MULTICLASS:
        shifted = exact - exact.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1))
        return np.asarray(log_sum - shifted[np.arange(len(target)), target.astype(np.int64)])
    return np.asarray((exact[:, 0] - target) ** 2)


def predictions(head: Head, outputs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities of shape (rows, classes), both of two; for a regression the outputs, of shape (rows, 1). outputs must be finite."""
    exact = outputs.astype(np.float64)
    if head is Head.BINARY:
        return np.asarray(np.exp(-np.logaddexp(0, np.concatenate([exact, -exact], axis=1))))
    if head is Head.MULTICLASS:
        powers = np.exp(exact - exact.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    return exact


def predicted_classes(head: Head, outputs: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The class with the largest logit, of two the positive one where its logit is above 0; shape (rows,). Not for a regression."""
    classes = outputs[:, 0] > 0 if head is Head.BINARY else outputs.argmax(axis=1)
    return classes.astype(np.int64)


def _binary(
    outputs: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, float]:
    logits = outputs[:, 0]
    positive = target == 1
    predicted = predicted_classes(Head.BINARY, outputs) == 1
    hits = float(np.sum(weights[predicted & positive]))
    share = _mean(positive, weights)
    probabilities = predictions(Head.BINARY, outputs)[:, 1]
    return {
        "accuracy": _mean(predicted == positive, weights),
        "accuracy_baseline": max(share, 1 - share),
        "auc": auc(logits, positive, weights),
        "auc_precision_recall": average_precision(logits, positive, weights),
        "precision": _share(hits, float(np.sum(weights[predicted]))),
        "recall": _share(hits, float(np.sum(weights[positive]))),
        "label_mean": share,
        "prediction_mean": _mean(probabilities, weights),
        "estimator_auc": estimator.auc(probabilities, positive, weights),
        "estimator_auc_pr": estimator.auc_pr(probabilities, positive, weights),
    }


def _multiclass(
    outputs: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, float]:
    labels = target.astype(np.int64)
    return {
        "accuracy": _mean(predicted_classes(Head.MULTICLASS, outputs) == labels, weights),
        "accuracy_baseline": float(np.bincount(labels, weights).max() / np.sum(weights)),
    }


def _regression(
    outputs: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, float]:
    label_mean = _mean(target, weights)
    spread = _mean((target - label_mean) ** 2, weights)
    return {
        "r2": 1 - _mean((outputs[:, 0] - target) ** 2, weights) / spread if spread > 0 else float("nan"),
        "label_mean": label_mean,
        "prediction_mean": _mean(outputs[:, 0], weights),
    }


def _mean(values: NDArray[Any], weights: NDArray[np.float64]) -> float:
    return float(np.sum(values * weights) / np.sum(weights))


def _share(part: float, whole: float) -> float:
    """0 where there is no whole."""
    return part / whole if whole > 0 else 0.0


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> float:
    """Area under the ROC curve, exact: the Mann-Whitney statistic, ties counted half. NaN where a class is missing or weighs nothing.

    weights: of the rows; `None`: all alike.
    """
    each = np.ones(len(scores)) if weights is None else weights
    _, inverse = np.unique(scores, return_inverse=True)
    hits, alarms = (np.bincount(inverse, np.where(which, each, 0.0)) for which in (positive, ~positive))
    below = (
        np.cumsum(alarms) - alarms / 2
    )  # weight of the negatives with a lower score, and half of those with the same
    whole = float(np.sum(hits)) * float(np.sum(alarms))
    return float(np.sum(hits * below)) / whole if whole > 0 else float("nan")


def average_precision(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> float:
    """Area under the precision-recall curve as a step function (average precision). NaN where no row is positive, or they weigh nothing.

    weights: of the rows; `None`: all alike.
    """
    each = np.ones(len(scores)) if weights is None else weights
    if not each[positive].any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(np.where(positive, each, 0.0)[order])
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # the last row of each distinct score
    recalled, predicted = np.diff(hits[last], prepend=0) / hits[-1], np.cumsum(each[order])[last]
    steps = np.divide(recalled * hits[last], predicted, out=np.zeros(len(last)), where=predicted > 0)
    return float(np.sum(steps))
