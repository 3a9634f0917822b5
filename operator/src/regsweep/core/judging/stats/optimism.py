"""How much better the best looks than it is, because it was chosen by the same numbers that are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regsweep.core.judging.stats.moderation import Floats

LOWER_BOUND_NOTE = "Replicates share rows, so that a replicate left out is not new data: the true optimism is at least about this large."


@dataclass(frozen=True, slots=True)
class SelectionOptimism:
    """Leave-one-replicate-out selection."""

    optimism: float
    """What the best's mean is too good by, in the objective's unit; positive is too good."""
    corrected: float
    """The best's loss with the optimism added."""
    chosen: tuple[int, ...]
    """Which row would have been best without each replicate."""
    note: str


def selection_optimism(losses: Floats) -> SelectionOptimism | None:
    """mean over k of objective_k of the best without replicate k, minus the best's mean.

    `losses`: (G, n), smaller is better. Only rows with every replicate take part; None with fewer than two replicates or
    no such row. After Tibshirani & Tibshirani, "A bias correction for the minimum error rate in cross-validation", Annals
    of Applied Statistics 3 (2009), with replicates in the place of folds and the choice made without the one left out.
    """
    complete = np.isfinite(losses).all(axis=1)
    n = losses.shape[1]
    if n < 2 or not complete.any():
        return None
    rows = np.flatnonzero(complete)
    table = losses[rows]
    without = (table.sum(axis=1, keepdims=True) - table) / (n - 1)
    chosen = without.argmin(axis=0)
    fresh = float(table[chosen, np.arange(n)].mean())
    best = float(table.mean(axis=1).min())
    return SelectionOptimism(fresh - best, fresh, tuple(rows[chosen].tolist()), LOWER_BOUND_NOTE)
