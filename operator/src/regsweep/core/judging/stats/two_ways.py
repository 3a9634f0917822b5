"""Whether replicates of a combination fall into two groups far apart, as if its trainings ended in one of two ways.

Where some trainings collapse, or a rare split is far harder than the others, a mean over few replicates depends on how many of these they
happen to hold, and no interval of theirs knows. Of n values the two groups that differ most are found among all 2^(n-1) - 1 that there
are. For one of these, fixed beforehand, the part of the sum of squares that lies between the groups follows Beta(1/2, (n - 2)/2) in normal
noise; so that a part as large as b is found by chance in no more than

    (2^(n-1) - 1) P(Beta(1/2, (n - 2)/2) >= b)

of sweeps: for large parts, on which alone the test rests, hardly less. Engelman & Hartigan, "Percentage points of a test for clusters",
Journal of the American Statistical Association 64 (1969). It is divided by the number of combinations.

What a replicate has in common is the median over combinations, which one that ends in two ways hardly moves. It is of the same
combinations in every replicate: missing cells are filled in by least squares. Else the replicates that a race gave to the good ones
alone would lie far off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.moderation import Floats

LEVEL = 0.03
"""So seldom it is said of a sweep in normal noise, or less."""


@dataclass(frozen=True, slots=True)
class TwoWays:
    """A combination of which some replicates lie far from the others."""

    row: int
    apart: int
    """Replicates in the smaller group."""
    replicates: int


def ends_two_ways(losses: Floats, paired: bool) -> TwoWays | None:
    """The combination that is surest to fall into two groups; None where none surely does. `losses`: (G, n), NaN where one is missing."""
    counts = np.isfinite(losses).sum(axis=1)
    enough = counts >= MIN_REPLICATES_FOR_ERROR
    if not enough.any():
        return None
    rows = losses[:, np.isfinite(losses).any(axis=0)]
    if paired:
        fit = fit_additive(rows)
        rows = rows - np.nanmedian(np.where(np.isfinite(rows), rows, fit.means[:, None] + fit.effects), axis=0)
    ordered = np.sort(rows[enough], axis=1)  # NaN last
    n = counts[enough].astype(np.float64)[:, None]
    smaller = np.arange(1, ordered.shape[1])
    inside = smaller < n
    centred = np.where(np.isfinite(ordered), ordered - np.nanmean(ordered, axis=1, keepdims=True), 0.0)
    between = np.where(
        inside, centred.cumsum(axis=1)[:, :-1] ** 2 * n / (smaller * np.where(inside, n - smaller, 1)), 0.0
    )
    cut = between.argmax(axis=1)
    largest = between.max(axis=1)
    whole = (centred**2).sum(axis=1)
    left = np.maximum(whole - largest, 0.0) + n[:, 0] * _rounding(losses) ** 2 / 12
    with np.errstate(divide="ignore", invalid="ignore"):
        part_left = np.where(largest > 0, left / (largest + left), 1.0)
    n = n[:, 0]
    chance = (2.0 ** (n - 1) - 1) * betainc((n - 2) / 2, 0.5, part_left) * len(n)
    surest = int(chance.argmin())
    if chance[surest] > LEVEL:
        return None
    replicates, below = int(n[surest]), int(cut[surest]) + 1
    return TwoWays(int(np.flatnonzero(enough)[surest]), min(below, replicates - below), replicates)


def _rounding(losses: Floats) -> float:
    """The smallest step between two values of a replicate: what is rounded to steps has so much noise that does not show.

    Of one replicate, since a share of 23 rows and one of 22 are closer than one row is.
    """
    columns = (np.unique(column[np.isfinite(column)]) for column in losses.T)
    return min((float(np.diff(column).min()) for column in columns if len(column) > 1), default=0.0)
