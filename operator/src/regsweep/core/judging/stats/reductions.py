"""By how much the best is below the network without regularisation, as a share with an interval: Fieller's, paired by replicates.

The ratio r = a / b of two means with variances v_a, v_b and covariance v_ab lies between the roots of

    (a - r b)^2 = t^2 (v_a - 2 r v_ab + r^2 v_b),

t of n - 1 degrees of freedom: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16 (1954).
Where b is not surely above 0 the interval has no ends, and nothing is said. The question is the one of `givenData`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t as student

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.objective import metric_bounds
from regsweep.api.outlook import Reduction
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ranking import objective_reader
from regsweep.core.judging.stats.scores import Cells, metric_reader
from regsweep.core.results.records import Record

LOSS, TRAIN_LOSS, GAP = "val_average_loss", "train_average_loss", "overfit_gap"
_AT_BEST = ObjectiveStatus(metric=LOSS, goal=Goal.MINIMIZE, epoch=EpochChoice.BEST)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two means with its 95 % interval."""

    value: float
    low: float
    high: float


def reductions(cells: Cells, best: int, other: int, paired: bool = True) -> list[Reduction]:
    """Of the loss and the overfit gap at the last epoch, and of the loss at each run's best epoch where the records hold it.

    `best`, `other`: rows of `cells`.
    """
    both = cells.of([best, other])
    losses, train = (both.collect(metric_reader(name)) for name in (LOSS, TRAIN_LOSS))
    at_best = both.collect(_best_epoch_reader(cells.grid.objective))
    found = (
        reduction(metric, epoch, values[0], values[1], paired)
        for metric, epoch, values in (
            (LOSS, EpochChoice.LAST, losses),
            (LOSS, EpochChoice.BEST, at_best),
            (GAP, EpochChoice.LAST, losses - train),
        )
    )
    return [each for each in found if each is not None]


def _best_epoch_reader(objective: ObjectiveStatus) -> Callable[[Record], float | None]:
    """Reads val_average_loss at the best epoch by it. A record that does not name its rule has the one of the objective."""
    read, of_objective = objective_reader(_AT_BEST), objective.metric == LOSS and objective.goal is Goal.MINIMIZE
    return lambda record: (
        read(record) if of_objective or (record.best is not None and record.best.rule is not None) else None
    )


def reduction(metric: str, epoch: EpochChoice, best: Floats, other: Floats, paired: bool = True) -> Reduction | None:
    """By what share the best's mean is below the other's; None below 3 replicates, or where the other's is not surely above 0.

    What is never below 0 is not cut by more than all of it. `best`, `other`: (n,), NaN for a missing replicate.
    """
    ratio = ratio_of_means(best, other, paired)
    if ratio is None:
        return None
    is_never_below = metric_bounds(metric)[0] == 0 and not (np.minimum(best, other) < 0).any()
    high = min(1 - ratio.low, 1.0) if is_never_below else 1 - ratio.low
    return Reduction(metric=metric, epoch=epoch, share=1 - ratio.value, low=1 - ratio.high, high=high)


def ratio_of_means(one: Floats, other: Floats, paired: bool = True) -> Ratio | None:
    """The mean of one divided by that of the other. Unpaired: without covariance, by the fewer degrees of freedom of the two."""
    common = np.isfinite(one) & np.isfinite(other) if paired else None
    a, b = (values[np.isfinite(values) if common is None else common] for values in (one, other))
    n = min(len(a), len(b))
    if n < MIN_REPLICATES_FOR_ERROR or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return None  # values that are all alike tell nothing of their noise
    mean_a, mean_b = float(a.mean()), float(b.mean())
    v_a, v_b = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    v_ab = float(np.cov(a, b)[0, 1]) / n if paired else 0.0
    squared_t = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, n - 1)) ** 2
    leading = mean_b**2 - squared_t * v_b
    if mean_b <= 0 or leading <= 0:
        return None
    middle = mean_a * mean_b - squared_t * v_ab
    root = sqrt(max(middle**2 - leading * (mean_a**2 - squared_t * v_a), 0.0))
    return Ratio(mean_a / mean_b, (middle - root) / leading, (middle + root) / leading)
