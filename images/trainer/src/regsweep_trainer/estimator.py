"""The areas as TensorFlow 1's Estimator reported them: from 200 thresholds, not exact. For comparison with old figures, not for ranking.

The Estimator's canned heads called tf.metrics.auc with its defaults of 200 thresholds and, for both curves, `careful_interpolation`, which
is the trapezoidal rule for the ROC curve; tf.keras.metrics.AUC computes the same by default.
"""

import numpy as np
from numpy.typing import NDArray

# One threshold below 0 and one above 1, so that the ends of both curves are there.
THRESHOLDS: NDArray[np.float64] = np.concatenate([[-1e-7], np.arange(1, 199) / 199, [1 + 1e-7]])


def auc(
    probabilities: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> float:
    """Area under the ROC curve by the trapezoidal rule; all of shape (rows,). NaN where a class is missing or weighs nothing.

    weights: of the rows; `None`: all alike.
    """
    each = np.ones(len(probabilities)) if weights is None else weights
    hits, alarms = (_above(probabilities[which], each[which]) for which in (positive, ~positive))
    if not (hits[0] > 0 and alarms[0] > 0):
        return float("nan")
    recall, fall_out = hits / hits[0], alarms / alarms[0]
    return float(np.sum((fall_out[:-1] - fall_out[1:]) * (recall[:-1] + recall[1:]) / 2))


def auc_pr(
    probabilities: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> float:
    """Area under the precision-recall curve, hits interpolated linearly in the number predicted positive; NaN where no row is positive.

    weights: of the rows; `None`: all alike.
    Davis and Goadrich 2006, The relationship between precision-recall and ROC curves; as in tf.keras.metrics.AUC.interpolate_pr_auc.
    """
    each = np.ones(len(probabilities)) if weights is None else weights
    hits = _above(probabilities[positive], each[positive])
    if not hits[0] > 0:
        return float("nan")
    predicted = hits + _above(probabilities[~positive], each[~positive])
    more_hits, more = hits[:-1] - hits[1:], predicted[:-1] - predicted[1:]
    slope = np.divide(more_hits, more, out=np.zeros_like(more), where=more > 0)
    intercept = hits[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    ratio = np.divide(predicted[:-1], predicted[1:], out=np.ones_like(more), where=both)
    return float(np.sum(slope * (more_hits + intercept * np.log(ratio))) / hits[0])


def _above(probabilities: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight of those above each threshold; shape (200,), falling from all to nothing."""
    order = np.argsort(probabilities, kind="stable")
    upwards = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(upwards[-1] - upwards[np.searchsorted(probabilities[order], THRESHOLDS, side="right")])
