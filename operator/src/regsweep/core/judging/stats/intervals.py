"""How well a mean over replicates is known, for two questions that need two answers.

`givenData`: the expectation over splits and seeds of this very data set. Replicates are draws of just that, so
s^2 / n and t with n - 1 degrees of freedom.

`newData`: what a network trained in the same way on other data of the same size would reach. Replicates share rows, so
that s^2 / n is far too small. Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52 (2003):
s^2 (1/n + n_val/n_train); for repeated k-fold Bouckaert & Frank, "Evaluating the replicability of significance tests for
comparing learning algorithms", PAKDD 2004: s^2 (1/(k r) + 1/(k - 1)), t with k r - 1 degrees of freedom.

Replicates that all have the same value, such as an accuracy of 1, do not tell how sure it is: there is no interval then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt

import numpy as np
from scipy.stats import t as student

from regsweep.api.analysis import Interval
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.spec import Resampling
from regsweep.core.judging.stats.differences import welch
from regsweep.core.judging.stats.moderation import Floats

LARGEST_VAL_SHARE = 0.5
"""Above this n_val / n_train the correction is an extrapolation from what its authors tried: the interval is approximate."""


class Estimand(StrEnum):
    """What a mean over replicates is an estimate of."""

    GIVEN_DATA = "givenData"
    NEW_DATA = "newData"


@dataclass(frozen=True, slots=True)
class Split:
    """How replicates were split, as far as an interval depends on it."""

    resampling: Resampling = field(default_factory=Resampling)
    val_rows_per_train_row: float | None = None
    """n_val / n_train; with folds it is 1 / (folds - 1) and not looked at. None: not known."""

    @property
    def ratio(self) -> float | None:
        """n_val / n_train, or None where it is not known."""
        folds = self.resampling.folds if self.resampling.has_folds else None
        return 1 / (folds - 1) if folds is not None else self.val_rows_per_train_row


def given_data(values: Floats, split: Split | None = None) -> Interval | None:
    """The interval for this data set: s / sqrt(n), t(n - 1). `values`: (n,). None below 3 replicates, or where all are equal."""
    return _of_mean(Estimand.GIVEN_DATA, values, split or Split(), 0.0)


def new_data(values: Floats, split: Split) -> Interval | None:
    """The interval for other data of the same size; None below 3 replicates, where all are equal, or with unknown numbers of rows.

    `values`: (n,); they may be the paired differences of two combinations: then it is the interval of that.
    """
    return None if split.ratio is None else _of_mean(Estimand.NEW_DATA, values, split, split.ratio)


def unpaired(estimand: Estimand, one: Floats, other: Floats, split: Split) -> Interval | None:
    """The interval for the difference of two means, one less other, whose replicates are not paired: Welch's.

    Each mean's variance is its own, as in the paired interval: moderated ones cover too seldom where they truly differ (see
    docs/calibration.md). `one`, `other`: (n,), (m,). None below 3 replicates, or, for new data, with unknown numbers of rows.
    """
    extra = split.ratio if estimand is Estimand.NEW_DATA else 0.0
    sizes = np.array([len(one), len(other)])
    n = int(sizes.min())
    if extra is None or n < MIN_REPLICATES_FOR_ERROR or np.ptp(one) == np.ptp(other) == 0:
        return None
    variances = np.array([one.var(ddof=1), other.var(ddof=1)])
    error, df = welch(variances, 1 / sizes + extra, sizes - 1.0, float(sizes.sum()) - 2)
    return _interval(estimand, float(one.mean() - other.mean()), float(error), float(df), split)


def _of_mean(estimand: Estimand, values: Floats, split: Split, extra: float) -> Interval | None:
    n = len(values)
    if n < MIN_REPLICATES_FOR_ERROR or np.ptp(values) == 0:
        return None
    error = sqrt(float(np.var(values, ddof=1)) * (1 / n + extra))
    return _interval(estimand, float(np.mean(values)), error, n - 1, split)


def _interval(estimand: Estimand, centre: float, error: float, df: float, split: Split) -> Interval:
    margin = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, df)) * error
    extrapolated = estimand is Estimand.NEW_DATA and split.ratio is not None and split.ratio > LARGEST_VAL_SHARE
    return Interval(
        mean=centre,
        standard_error=error,
        low=centre - margin,
        high=centre + margin,
        approximate=extrapolated or split.resampling.has_folds,
    )
