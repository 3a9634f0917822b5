"""What accuracies and regressions are worth: beside always guessing the most frequent class, or always predicting the mean."""

from __future__ import annotations

from math import inf

import numpy as np

from regsweep.api.analysis import Interval
from regsweep.api.outlook import AccuracySummary
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.intervals import given_data
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.scores import Cells, metric_reader

ACCURACY, BASELINE, LABEL_MEAN = "val_accuracy", "val_accuracy_baseline", "val_label_mean"
R_SQUARED = "val_r2"


def accuracy_summary(cells: Cells, best: int, tied: Bools) -> AccuracySummary | None:
    """None where no accuracy is reported. `tied`: (G,) rows whose range is given."""
    accuracies = cells.collect(metric_reader(ACCURACY))
    shown = accuracies[tied & np.isfinite(accuracies).any(axis=1)]
    if not len(shown):
        return None
    means = np.nanmean(shown, axis=1)
    return AccuracySummary(low=float(means.min()), high=float(means.max()), baseline=_baseline(cells, best))


def r_squared(cells: Cells, best: int) -> Interval | None:
    """That of the best; None where it is not reported, or below 3 replicates."""
    values = cells.of([best]).collect(metric_reader(R_SQUARED))
    found = given_data(values[np.isfinite(values)])
    return None if found is None else cut_to(found, -inf, 1.0)


def baselines(cells: Cells) -> Floats:
    """(G, n) accuracy of always predicting the most frequent class: as reported, or by the mean of binary labels."""
    reported, share = (cells.collect(metric_reader(name)) for name in (BASELINE, LABEL_MEAN))
    return np.where(np.isfinite(reported), reported, np.maximum(share, 1 - share))


def _baseline(cells: Cells, best: int) -> float | None:
    """Of the best's rows: all combinations have the same where replicates are paired."""
    values = baselines(cells.of([best]))
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
