"""The one-standard-error pick: the simplest combination that is about as good as the best.

A heuristic, not a test: within one standard error says that the data prefer the best by no more than its noise.
Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees" (1984), section 3.4.3; `Glmnet` is the rule of
R's glmnet (`lambda.1se`: the most regularised with mean <= mean of the best + standard error of the best), which takes no
account of pairing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.spec import DEFAULT_SIMPLICITY_ORDER, PickRule, SimplicityFlag
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.differences import differences_to
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.simplicity import at_least_as_simple, simplicity_key


@dataclass(frozen=True, slots=True)
class Pick:
    """The simplest within one standard error."""

    row: int
    within: Bools
    """(G,) about as good as the best, simpler or not."""
    candidates: int
    """How many of them are at least as simple as the best, itself included."""
    rule: PickRule


def within_one_standard_error(losses: Floats, best: int, rule: PickRule, paired: bool = True) -> Bools:
    """(G,): whose mean is within a standard error of the best's; the best itself is.

    `losses`: (G, n), smaller is better, NaN for a missing cell. Paired: over the replicates that a row has in common with
    the best, at least 3; where replicates are not `paired`, by the standard error of the unpaired difference.
    """
    if rule is PickRule.GLMNET:
        there = np.isfinite(losses)
        counts = there.sum(axis=1)
        means = np.where(there, losses, 0.0).sum(axis=1) / np.maximum(counts, 1)
        own = losses[best][there[best]]
        limit = means[best] + own.std(ddof=1) / np.sqrt(len(own))
        within: Bools = (counts >= MIN_REPLICATES_FOR_ERROR) & (means <= limit)
    else:
        beside = differences_to(losses, best, paired)
        within = (beside.replicates >= MIN_REPLICATES_FOR_ERROR) & (beside.means <= beside.standard_errors)
    within[best] = True
    return within


def one_standard_error_pick(
    combinations: Sequence[Combination],
    losses: Floats,
    means: Floats,
    best: int,
    order: Sequence[SimplicityFlag] = DEFAULT_SIMPLICITY_ORDER,
    rule: PickRule = PickRule.PAIRED,
    paired: bool = True,
    candidates: Bools | None = None,
) -> Pick | None:
    """The simplest of those within one standard error of the best; None where the best has fewer than 3 replicates.

    Of those that agree with the best on every flag outside `order` and are at least as simple on every flag inside it:
    the first in the order's lexicographic sense, then by mean, then by id. `means`: (G,) adjusted means. `candidates`: (G,)
    rows that may be picked; None: all.
    """
    if np.isfinite(losses[best]).sum() < MIN_REPLICATES_FOR_ERROR:
        return None
    within = within_one_standard_error(losses, best, rule, paired)
    if candidates is not None:
        within &= candidates
    flags = combinations[best].flags
    rows = [row for row in np.flatnonzero(within).tolist() if at_least_as_simple(combinations[row].flags, flags, order)]
    row = min(rows, key=lambda r: (simplicity_key(combinations[r].flags, order), float(means[r]), combinations[r].id))
    return Pick(row, within, len(rows), rule)
