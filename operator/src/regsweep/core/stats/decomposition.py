"""Why a combination is worse than the best: it fits the training rows less well, or what it fits carries over less.

With c a combination, b the best, and gap = val - train (average_loss, same weights, same epoch):

    val_c - val_b = (train_c - train_b) + (gap_c - gap_b)

in every replicate, hence exactly in the means. The larger term names the label, if its one-sided 95 % bound
(paired, t) is above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import t as student

from regsweep.core.stats.additive import Bools
from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.ranking import MIN_REPLICATES_FOR_ERROR
from regsweep.core.stats.ties import TiedSet

LEVEL = 0.95


class Label(StrEnum):
    """What regularisation does to a combination, beside the best."""

    OVERFITS = "Overfits"
    """Worse than the best because its gap is larger."""
    UNDERFITS = "Underfits"
    """Worse than the best because it fits the training rows less well."""
    BALANCED = "Balanced"
    """Cannot be told from the best."""
    UNDETERMINED = "Undetermined"
    """Worse than the best, and the data do not say why; or it cannot be compared."""


@dataclass(frozen=True, slots=True)
class Term:
    """A paired mean difference to the best."""

    mean: float
    standard_error: float
    lower_bound: float
    """One-sided 95 % bound."""


@dataclass(frozen=True, slots=True)
class Decomposition:
    """One combination's distance to the best in val_average_loss, in two parts that add up."""

    label: Label
    val: Term | None
    train: Term | None
    gap: Term | None
    replicates: int
    """Replicates in common, with both losses. The terms are None below 3."""


def decompose(train: Floats, val: Floats, tied: TiedSet) -> tuple[Decomposition, ...]:
    """One decomposition per row. `train`, `val`: (G, n) average_loss, NaN for a missing cell."""
    by_train, by_val = train - train[tied.best], val - val[tied.best]
    common = np.isfinite(by_train) & np.isfinite(by_val)
    counts = common.sum(axis=1)
    terms = [_terms(differences, common) for differences in (by_val, by_train, by_val - by_train)]
    return tuple(_decomposition(tied, row, int(counts[row]), *(term[row] for term in terms)) for row in range(len(val)))


def _decomposition(tied: TiedSet, row: int, n: int, by_val: Term, by_train: Term, by_gap: Term) -> Decomposition:
    if n < MIN_REPLICATES_FOR_ERROR:
        return Decomposition(Label.BALANCED if tied.tied[row] else Label.UNDETERMINED, None, None, None, n)
    label = Label.UNDETERMINED
    if tied.tied[row]:
        label = Label.BALANCED
    elif tied.comparable[row] and by_gap.mean > by_train.mean and by_gap.lower_bound > 0:
        label = Label.OVERFITS
    elif tied.comparable[row] and by_train.mean > by_gap.mean and by_train.lower_bound > 0:
        label = Label.UNDERFITS
    return Decomposition(label, by_val, by_train, by_gap, n)


def _terms(differences: Floats, common: Bools) -> list[Term]:
    """One term per row; with fewer than two replicates its numbers mean nothing."""
    counts = common.sum(axis=1)
    n, df = np.maximum(counts, 1), np.maximum(counts - 1, 1)
    means = np.where(common, differences, 0.0).sum(axis=1) / n
    errors = np.sqrt(np.where(common, (differences - means[:, None]) ** 2, 0.0).sum(axis=1) / df / n)
    bounds = means - student.ppf(LEVEL, df) * errors
    return [Term(*numbers) for numbers in zip(means.tolist(), errors.tolist(), bounds.tolist(), strict=True)]
