"""How well a mean over replicates is known, for two questions that need two answers.

`givenData`: the expectation over splits and seeds of this very data set. Replicates are draws of just that, so
s^2 / n and t with n - 1 degrees of freedom.

`newData`: what a network trained in the same way on other data of the same size would reach. Replicates share rows, so
that s^2 / n is far too small. Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52 (2003):
s^2 (1/n + n_val/n_train); for repeated k-fold Bouckaert & Frank, "Evaluating the replicability of significance tests for
comparing learning algorithms", PAKDD 2004: s^2 (1/(k r) + 1/(k - 1)), t with k r - 1 degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np
from scipy.stats import t as student

from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.ranking import MIN_REPLICATES_FOR_ERROR

LEVEL = 0.95
FEW_REPLICATES = 5
LARGEST_VAL_SHARE = 0.5
"""Above this n_val / n_train the correction is an extrapolation from what its authors tried."""

FEW_REPLICATES_NOTE = (
    "Fewer than 5 replicates: the interval is honest but wide, and the standard error itself is rough."
)
KFOLD_NOTE = (
    "Folds share training rows: no unbiased estimator of this variance exists (Bengio & Grandvalet 2004); "
    "take the interval as a rough guide."
)
APPROXIMATE_NOTE = "More than half as many validation as training rows: the interval for new data is approximate."
NO_ROWS_NOTE = "The numbers of training and validation rows are not known: no interval for new data."


class Estimand(StrEnum):
    """What a mean over replicates is an estimate of."""

    GIVEN_DATA = "givenData"
    NEW_DATA = "newData"


class ResamplingKind(StrEnum):
    """How a replicate's training and validation rows are chosen."""

    HOLDOUT = "Holdout"
    KFOLD = "KFold"
    REPEATED_KFOLD = "RepeatedKFold"


@dataclass(frozen=True, slots=True)
class Resampling:
    """How replicates were split. With folds, replicates = folds x repeats."""

    kind: ResamplingKind = ResamplingKind.HOLDOUT
    folds: int | None = None
    val_rows_per_train_row: float | None = None
    """n_val / n_train of a holdout; with folds it is 1 / (folds - 1) and not looked at. None: not known."""

    def __post_init__(self) -> None:
        """Raises ValueError where `folds` and `kind` do not go together."""
        if self.kind is ResamplingKind.HOLDOUT and self.folds is not None:
            raise ValueError(f"folds belong to KFold and RepeatedKFold, but got folds={self.folds} with Holdout")
        if self.kind is not ResamplingKind.HOLDOUT and (self.folds is None or self.folds < 2):
            raise ValueError(f"{self.kind} needs folds of 2 or more, but got {self.folds}")

    @property
    def ratio(self) -> float | None:
        """n_val / n_train, or None where it is not known."""
        return 1 / (self.folds - 1) if self.folds is not None else self.val_rows_per_train_row


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its standard error and 95 % interval."""

    estimand: Estimand
    mean: float
    standard_error: float
    low: float
    high: float
    level: float
    approximate: bool
    notes: tuple[str, ...]


def given_data(values: Floats, resampling: Resampling | None = None) -> Interval | None:
    """The interval for this data set: s / sqrt(n), t(n - 1). `values`: (n,). None below 3 replicates."""
    approximate = resampling is not None and resampling.kind is not ResamplingKind.HOLDOUT
    notes = _notes(len(values), resampling)
    return _interval(Estimand.GIVEN_DATA, values, 1 / max(len(values), 1), approximate, notes)


def new_data(values: Floats, resampling: Resampling) -> Interval | None:
    """The interval for other data of the same size; None below 3 replicates or with unknown numbers of rows.

    `values`: (n,); they may be the paired differences of two combinations: then it is the interval of that.
    """
    ratio = resampling.ratio
    if ratio is None:
        return None
    notes = _notes(len(values), resampling)
    too_large = ratio > LARGEST_VAL_SHARE
    if too_large:
        notes = (*notes, APPROXIMATE_NOTE)
    approximate = too_large or resampling.kind is not ResamplingKind.HOLDOUT
    return _interval(Estimand.NEW_DATA, values, 1 / max(len(values), 1) + ratio, approximate, notes)


def _notes(n: int, resampling: Resampling | None) -> tuple[str, ...]:
    few = (FEW_REPLICATES_NOTE,) if n < FEW_REPLICATES else ()
    folds = (KFOLD_NOTE,) if resampling is not None and resampling.kind is not ResamplingKind.HOLDOUT else ()
    return few + folds


def _interval(
    estimand: Estimand, values: Floats, factor: float, approximate: bool, notes: tuple[str, ...]
) -> Interval | None:
    n = len(values)
    if n < MIN_REPLICATES_FOR_ERROR:
        return None
    centre = float(np.mean(values))
    error = sqrt(float(np.var(values, ddof=1)) * factor)
    margin = float(student.ppf((1 + LEVEL) / 2, n - 1)) * error
    return Interval(estimand, centre, error, centre - margin, centre + margin, LEVEL, approximate, notes)
