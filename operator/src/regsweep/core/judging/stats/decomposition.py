"""What a combination's larger loss is made of: it fits the training rows less well, or what it fits carries over less.

With c a combination, b the best, and gap = val - train (average_loss, same weights, same epoch):

    val_c - val_b = (train_c - train_b) + (gap_c - gap_b)

in every replicate, hence exactly in the means. A label needs a difference in val that is surely above 0, and a term that is surely above
0 and surely larger than the other; where both are surely above 0 and neither is surely the larger, the label names both. Surely: by
a one-sided 95 % bound (paired, t; Welch's where replicates are not paired); which of the two is the larger is asked in both directions,
so by bounds of 97.5 %. A gap is paired in any case: one network, two sets of
rows. This is accounting, and no cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from regsweep.api.analysis import Fit
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.differences import Differences, differences_to
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import TiedSet


@dataclass(frozen=True, slots=True)
class Term:
    """A mean difference to the best."""

    mean: float
    standard_error: float
    lower_bound: float
    """One-sided bound."""

    @property
    def upper_bound(self) -> float:
        """The same from the other side."""
        return 2 * self.mean - self.lower_bound


@dataclass(frozen=True, slots=True)
class Decomposition:
    """One combination's distance to the best in val_average_loss, in two parts that add up."""

    fit: Fit
    val: Term | None
    train: Term | None
    gap: Term | None
    replicates: int
    """Replicates in common, with both losses. The terms are None below 3."""


def decompose(train: Floats, val: Floats, tied: TiedSet, paired: bool = True) -> tuple[Decomposition, ...]:
    """One decomposition per row. `train`, `val`: (G, n) average_loss, NaN for a missing cell."""
    both = np.isfinite(train) & np.isfinite(val)
    train, val = np.where(both, train, np.nan), np.where(both, val, np.nan)
    gap = val - train
    found = [differences_to(values, tied.best, paired) for values in (val, train, gap, gap - train)]
    levels = (CONFIDENCE_LEVEL,) * 3 + ((1 + CONFIDENCE_LEVEL) / 2,)
    terms = [_terms(each, level) for each, level in zip(found, levels, strict=True)]
    counts = found[0].replicates.astype(int).tolist()
    return tuple(_decomposition(tied, row, counts[row], *(term[row] for term in terms)) for row in range(len(val)))


def _decomposition(
    tied: TiedSet, row: int, n: int, by_val: Term, by_train: Term, by_gap: Term, by_excess: Term
) -> Decomposition:
    if n < MIN_REPLICATES_FOR_ERROR:
        return Decomposition(Fit.BALANCED if tied.tied[row] else Fit.UNDETERMINED, None, None, None, n)
    fit = Fit.UNDETERMINED
    if tied.tied[row]:
        fit = Fit.BALANCED
    elif tied.comparable[row] and by_val.lower_bound > 0:
        fit = _label(by_train, by_gap, by_excess)
    return Decomposition(fit, by_val, by_train, by_gap, n)


def _label(by_train: Term, by_gap: Term, by_excess: Term) -> Fit:
    """`by_excess`: the gap's term less that of the training loss."""
    overfits, underfits = by_gap.lower_bound > 0, by_train.lower_bound > 0
    if overfits and by_excess.lower_bound > 0:
        return Fit.OVERFITS
    if underfits and by_excess.upper_bound < 0:
        return Fit.UNDERFITS
    return Fit.BOTH if overfits and underfits else Fit.UNDETERMINED


def _terms(found: Differences, level: float) -> list[Term]:
    """One term per row, with bounds of this one-sided level; with fewer than two replicates its numbers mean nothing."""
    bounds = found.means - student.ppf(level, found.degrees_of_freedom) * found.standard_errors
    numbers = zip(found.means.tolist(), found.standard_errors.tolist(), bounds.tolist(), strict=True)
    return [Term(*each) for each in numbers]
