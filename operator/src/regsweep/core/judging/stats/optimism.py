"""How much better the best looks than it is, because it was chosen by the same numbers that are shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regsweep.api.analysis import Optimism
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.words.notes import OPTIMISM_NOTE


def selection_optimism(losses: Floats) -> Optimism | None:
    """mean over k of objective_k of the best without replicate k, minus the best's mean.

    `losses`: (G, n), smaller is better; `corrected` is a loss too. Only rows with every replicate take part; None with fewer
    than two replicates or no such row. After Tibshirani & Tibshirani, "A bias correction for the minimum error rate in
    cross-validation", Annals of Applied Statistics 3 (2009), with replicates in the place of folds and the choice made without
    the one left out.
    """
    chosen = chosen_without(losses)
    if chosen is None:
        return None
    complete = np.isfinite(losses).all(axis=1)
    fresh = float(losses[chosen, np.arange(len(chosen))].mean())
    best = float(losses[complete].mean(axis=1).min())
    return Optimism(optimism=fresh - best, corrected=fresh, note=OPTIMISM_NOTE)


def chosen_without(losses: Floats) -> NDArray[np.intp] | None:
    """(n,): the row that is best without each replicate, of those with every replicate; what it has in the one left out is not
    flattered by the choice. None with fewer than two replicates or no such row."""
    complete = np.flatnonzero(np.isfinite(losses).all(axis=1))
    n = losses.shape[1]
    if n < 2 or len(complete) == 0:
        return None
    table = losses[complete]
    without = (table.sum(axis=1, keepdims=True) - table) / (n - 1)
    return np.asarray(complete[without.argmin(axis=0)])
