"""What accuracies are worth: their range among those that may be the best, and the accuracy of guessing."""

from __future__ import annotations

import numpy as np

from regsweep.api.outlook import AccuracySummary
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.scores import Cells, metric_reader

ACCURACY, BASELINE, LABEL_MEAN = "val_accuracy", "val_accuracy_baseline", "val_label_mean"


def accuracy_summary(cells: Cells, best: int, tied: Bools) -> AccuracySummary | None:
    """None where no accuracy is reported. `tied`: (G,) rows whose range is given."""
    accuracies = cells.collect(metric_reader(ACCURACY))
    shown = accuracies[tied & np.isfinite(accuracies).any(axis=1)]
    if not len(shown):
        return None
    means = np.nanmean(shown, axis=1)
    return AccuracySummary(low=float(means.min()), high=float(means.max()), baseline=_baseline(cells, best))


def baselines(cells: Cells) -> Floats:
    """(G, n) accuracy of always predicting the most frequent class: as reported, or by the mean of binary labels."""
    reported, share = (cells.collect(metric_reader(name)) for name in (BASELINE, LABEL_MEAN))
    return np.where(np.isfinite(reported), reported, np.maximum(share, 1 - share))


def _baseline(cells: Cells, best: int) -> float | None:
    """Of the best's rows: all combinations have the same where replicates are paired."""
    values = baselines(cells)[best]
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
