"""How much better the best looks than it is, because it was chosen by the same numbers that are shown."""

from __future__ import annotations

import numpy as np

from regsweep.api.analysis import Optimism
from regsweep.core.judging.stats.digits import last_digit
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.words.notes import OPTIMISM_NOTE


def selection_optimism(losses: Floats) -> Optimism | None:
    """mean over k of objective_k of the best without replicate k, minus the best's mean.

    `losses`: (G, n), smaller is better; `corrected` is a loss too. Only rows with every replicate take part; None with fewer
    than two replicates or no such row. After Tibshirani & Tibshirani, "A bias correction for the minimum error rate in
    cross-validation", Annals of Applied Statistics 3 (2009), with replicates in the place of folds and the choice made without
    the one left out. Of several that are the best then, but for the last digit of their records, each counts alike.
    """
    complete = np.isfinite(losses).all(axis=1)
    n = losses.shape[1]
    if n < 2 or not complete.any():
        return None
    table = losses[complete]
    without = (table.sum(axis=1, keepdims=True) - table) / (n - 1)
    chosen = without <= without.min(axis=0) + last_digit(table)
    fresh = float((np.where(chosen, table, 0.0).sum(axis=0) / chosen.sum(axis=0)).mean())
    best = float(table.mean(axis=1).min())
    return Optimism(optimism=fresh - best, corrected=fresh, note=OPTIMISM_NOTE)
