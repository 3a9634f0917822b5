"""Bias and variance: how far out-of-sample predictions are from the truth, and how far those of replicates are from each other.

Predictions are class probabilities (of two classes: both) or, for a regression, numbers in the target's unit. Per row the mean and the
count of the process' earlier predictions are kept; what a replicate adds to the sum of squared deviations from the mean is Welford's
increment (Welford 1962, Technometrics 4:419): with n replicates that all predict the same rows, the mean of the increments of the n - 1
later ones is the variance (divisor n - 1), averaged over rows and summed over classes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.splits import Rows, Splits
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import predicted_classes, predictions

AUDIT_METRICS: Mapping[Head, tuple[str, ...]] = MappingProxyType(
    {
        Head.BINARY: ("squared_error", "spread", "disagreement"),
        Head.MULTICLASS: ("squared_error", "spread", "disagreement"),
        Head.REGRESSION: ("squared_error", "spread"),
    }
)
"""Per head, the metrics of the split `audit`, most important first."""


class Audit:
    """The predictions that a process' replicates have made so far, per row of the data."""

    def __init__(self, head: Head, rows: int, classes: int) -> None:
        """rows: of the whole data. classes: of the target; 0 for a regression."""
        self._head = head
        self._counts = np.zeros(rows, np.int64)
        self._means = np.zeros((rows, max(classes, 1)))
        self._votes = np.zeros((rows, classes), np.int32)  # how often each class was the predicted one

    def add(self, rows: Rows, outputs: NDArray[np.floating[Any]], target: NDArray[np.float64]) -> dict[str, float]:
        """The replicate's values, by AUDIT_METRICS; its predictions count as earlier ones from then on.

        rows: numbers of the predicted rows, each at most once; outputs and target: theirs, as in `metrics.evaluate`.
        spread and disagreement are NaN where no row has an earlier prediction. Where an output is not finite all are NaN, and nothing
        is kept: it would spoil the spread of all later replicates.
        """
        names = AUDIT_METRICS[self._head]
        if not len(rows) or not np.isfinite(outputs).all():
            return dict.fromkeys(names, float("nan"))
        predicted = predictions(self._head, outputs)
        truth = target[:, None] if self._head is Head.REGRESSION else np.eye(self._means.shape[1])[target.astype(int)]
        values = {"squared_error": float(np.mean(np.sum((predicted - truth) ** 2, axis=1)))}

        earlier = self._counts[rows]
        seen = earlier > 0
        deviation = predicted - self._means[rows]
        self._means[rows] += deviation / (earlier + 1)[:, None]
        increments = np.sum(deviation * (predicted - self._means[rows]), axis=1)
        values["spread"] = _mean(increments[seen])
        if self._head is not Head.REGRESSION:
            classes = predicted_classes(self._head, outputs)
            agreeing = self._votes[rows, classes]
            values["disagreement"] = _mean(1 - agreeing[seen] / earlier[seen])
            self._votes[rows, classes] += 1
        self._counts[rows] += 1
        return values


def audited_rows(splits: Splits, *, repeated: bool, stop_chooses: bool) -> Rows:
    """The rows whose predictions are audited: those set aside for it, else with repeated folds the replicate's fold, else none.

    stop_chooses: whether an epoch is chosen by the `stop` half, which is then no longer out of sample; the fold is its other half then.
    """
    if len(splits.audit) or not repeated:
        return splits.audit
    return splits.val if stop_chooses else np.sort(np.concatenate([splits.stop, splits.val]))


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
