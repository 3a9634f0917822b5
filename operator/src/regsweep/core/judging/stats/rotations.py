"""How far from the best of several equal combinations another one lies by chance alone: the rotation test.

Replicates are blocks, so combinations that are truly equal differ by contrasts whose columns, one for each replicate, are independent
draws of N(0, S). Whatever S is (combinations may differ in their noise, move together, react differently to hard splits), turning
the replicates' space leaves their distribution as it is. So the sums of squares and products of the contrasts are kept, and the
direction that stands for the mean is drawn anew: any statistic of means and residuals then has its exact distribution given
these sums. Langsrud, "Rotation tests", Statistics and Computing 15 (2005); Wu et al., "ROAST: rotation gene set tests for complex
microarray experiments", Bioinformatics 26 (2010).

The statistic is the distance to the best beside its error, with each combination's variance moderated towards a pooled one:

    t_i = (mean_i - mean_best) / sqrt(v_i / n_i + v_best / n_best)        v_i = w_i pooled + (1 - w_i) s_i^2

How much is pooled matters for power alone; the rotations keep what is claimed honest. Their directions are quasi-random (Sobol)
and always the same: the same losses give the same result. Where cells are missing, what was turned loses the same cells (see `holes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isinf, log2, sqrt

import numpy as np

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.additive import Bools, fit_additive, fit_means, within_fence
from regsweep.core.judging.stats.holes import Holes, turned_with_holes
from regsweep.core.judging.stats.moderation import Floats, fit_prior
from regsweep.core.judging.stats.quasi_random import SEED, normal_points

BEYOND, FEWEST_BEYOND = 100, 12
"""Directions that are expected beyond the quantile: the first, and the second where there are many combinations."""
MOST_MEANS, MOST_CELLS = 500_000, 5_000_000
"""Combinations times directions, and times replicates where cells are missing; but for the fewest directions."""
CELLS_AT_ONCE = 50_000
"""Cells that are computed at a time: arrays of 400 kB, which a processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What the variances of those that remain are moderated by."""

    squares: float
    """Residual sum of squares of combinations that have left and help to estimate the noise."""
    degrees_of_freedom: float
    """Of that."""
    prior_degrees_of_freedom: float
    """What the pooled variance counts for beside a combination's own; infinite where they do not differ by more than chance."""


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Combinations beside each other."""

    cells: Floats
    """(k, n): what is left of the losses without the replicates' effects and the mean over all; 0 for a missing cell."""
    there: Bools
    """(k, n): the cells that are not missing."""
    counts: Floats
    """(k,) replicates that are there."""
    informing: Bools
    """(k,) within the fence: they make up the pooled variance (see `blocks.FENCE`)."""
    degrees_of_freedom: float
    """Of their residuals."""
    paired: bool
    holes: Holes | None
    """What missing cells do to differences within replicates; None where there are none, or where replicates are not paired."""

    @classmethod
    def of(cls, values: Floats, paired: bool) -> Contrasts:
        """`values`: (k, n), NaN for a missing cell; replicates that none has are not looked at."""
        there = np.isfinite(values)
        if not (trained := there.any(axis=0)).all():
            values, there = values[:, trained], there[:, trained]
        informing = within_fence(values)
        fit = fit_additive(values, informing) if paired else fit_means(values, informing)
        means = fit.means - fit.means[informing].mean()
        cells = np.where(there, means[:, None] + fit.residuals, 0.0)
        used = there[informing]
        blocks = int(used.any(axis=0).sum()) - 1 if paired else 0
        df = float(max(used.sum() - len(used) - blocks, 1))
        holes = Holes.of(there, informing) if paired and not there.all() else None
        return cls(cells, there, there.sum(axis=1).astype(np.float64), informing, df, paired, holes)

    @property
    def means(self) -> Floats:
        """(k, 1)"""
        return np.asarray(self.cells.sum(axis=1, keepdims=True) / self.counts[:, None])


@dataclass(frozen=True, slots=True)
class Distances:
    """Each combination beside the best; (k, b) each, for b directions of the mean."""

    scale: Floats
    """The error that a distance is held against."""
    statistic: Floats
    """Distance / scale; 0 where both are 0."""


def observed(contrasts: Contrasts, pool: Pool, best: int) -> Distances:
    """The distances to row `best` as they are; (k, 1) each."""
    means = contrasts.means
    squares = (np.where(contrasts.there, contrasts.cells - means, 0.0) ** 2).sum(axis=1, keepdims=True)
    return _distances(contrasts, pool, means, squares, np.array([best]))


def critical_value(contrasts: Contrasts, pool: Pool, alpha: float) -> float:
    """What the largest distance of equal combinations is beyond with probability `alpha`."""
    k, n = contrasts.cells.shape
    most = MOST_MEANS / k if contrasts.holes is None else MOST_CELLS / (k * n)
    size = _directions_for(most, alpha)
    largest = []
    for means, squares in _turned(contrasts, size):
        found = _distances(contrasts, pool, means, squares, means.argmin(axis=0))
        largest.append(found.statistic.max(axis=0))
    return _quantile(np.concatenate(largest), alpha)


def largest_mean_is_positive(values: Floats, alpha: float, ratio: float) -> bool:
    """Whether some row's mean is surely above 0: wrong with probability `alpha` at most where none is, however rows move together.

    `values`: (G, n), NaN for a missing one; rows with every replicate count. Those beyond the fence are asked for themselves, since
    either kind may have learnt. `ratio`: n_val / n_train, which makes the variance of a
    mean 1/n + ratio of a replicate's (see `intervals`); 0 for these data.
    """
    rows = values[np.isfinite(values).all(axis=1)]
    if not len(rows) or rows.shape[1] < MIN_REPLICATES_FOR_ERROR:
        return False
    inside = within_fence(rows)
    groups = [group for group in (rows[inside], rows[~inside]) if len(group)]
    return any(_largest_of_alike_is_positive(group, alpha / len(groups), ratio) for group in groups)


def _largest_of_alike_is_positive(rows: Floats, alpha: float, ratio: float) -> bool:
    n = rows.shape[1]
    weight, total = _weight_of_pooled(rows), (rows**2).sum(axis=1, keepdims=True)
    seen = float(_largest_t(rows.sum(axis=1, keepdims=True) / np.sqrt(n), total, weight, n)[0])
    return seen / sqrt(1 + n * ratio) > _quantile_of_largest_t(rows, weight, alpha)


def error_of_any(values: Floats, row: int, alpha: float) -> float | None:
    """How far the true mean of `row` may be above its mean, whichever row it is: with probability 1 - `alpha` no row's is further.

    `values`: (G, n), NaN for a missing one; the replicates that `row` has, and rows that have these, count. None where its spread is
    out of all proportion to the others', or where it has fewer than 3 replicates.
    """
    values = values[:, np.isfinite(values[row])]
    among: Bools = np.asarray(np.isfinite(values).all(axis=1))
    among[among] = within_fence(values[among])
    rows, n = values[among], values.shape[1]
    if not among[row] or n < MIN_REPLICATES_FOR_ERROR:
        return None
    residuals = rows - rows.mean(axis=1, keepdims=True)
    weight, variances = _weight_of_pooled(rows), rows.var(axis=1, ddof=1)
    moderated = weight * variances.mean() + (1 - weight) * values[row].var(ddof=1)
    return float(_quantile_of_largest_t(residuals, weight, alpha) * np.sqrt(moderated / n))


def _weight_of_pooled(rows: Floats) -> float:
    """What the pooled variance counts for beside a row's own. `rows`: (k, n)."""
    k, n = rows.shape
    d0 = fit_prior(rows.var(axis=1, ddof=1), np.full(k, n - 1.0)).degrees_of_freedom
    return 1.0 if isinf(d0) else d0 / (d0 + n - 1)


def _quantile_of_largest_t(rows: Floats, weight: float, alpha: float) -> float:
    """What the largest t statistic of turned (k, n) rows is beyond with probability `alpha`."""
    k, n = rows.shape
    total, size = (rows**2).sum(axis=1, keepdims=True), _directions_for(MOST_MEANS / k, alpha)
    turned = [_largest_t(rows @ some, total, weight, n) for some in _batches(directions(n, size), k)]
    return _quantile(np.concatenate(turned), alpha)


def _largest_t(along: Floats, total: Floats, weight: float, n: int) -> Floats:
    """(b,) of rows that lie `along` (k, b) the direction of the mean. `total`: (k, 1) sums of squares."""
    variances = np.maximum(total - along**2, 0.0) / (n - 1)
    moderated = weight * variances.mean(axis=0) + (1 - weight) * variances
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(along == 0, 0.0, along / np.sqrt(moderated)).max(axis=0))


def _quantile(statistics: Floats, alpha: float) -> float:
    """What a share of `alpha` of them is beyond."""
    size = len(statistics)
    place = min(ceil((1 - alpha) * (size + 1)), size) - 1
    return float(np.partition(statistics, place)[place])


def _batches(found: Floats, rows: int) -> Iterator[Floats]:
    """The directions, so many at a time."""
    at_once = max(CELLS_AT_ONCE // rows, 1)
    for start in range(0, found.shape[1], at_once):
        yield found[:, start : start + at_once]


def _directions_for(most: float, alpha: float) -> int:
    """A power of two, as the sequence asks for. `most`: directions that the size of the table allows."""
    wanted = min(max(most, FEWEST_BEYOND / alpha), BEYOND / alpha)
    return int(2 ** round(log2(wanted)))


def _turned(contrasts: Contrasts, size: int) -> Iterator[tuple[Floats, Floats]]:
    """(k, b) means and residual sums of squares at a time, of `size` rotations in all."""
    if contrasts.holes is not None:
        at_once = max(CELLS_AT_ONCE // contrasts.cells.size, 1)
        yield from turned_with_holes(contrasts.cells, contrasts.holes, size, at_once)
        return
    counts = contrasts.counts[:, None]
    total = (contrasts.cells**2).sum(axis=1, keepdims=True)
    for along in _projections(contrasts, total, size):
        yield along / np.sqrt(counts), np.maximum(total - along**2, 0.0)


def _projections(contrasts: Contrasts, total: Floats, size: int) -> Iterator[Floats]:
    """(k, b) at a time: the rows' lengths along `size` random directions, each row along its own where replicates are not paired.

    `total`: (k, 1) the squares of the rows' lengths.
    """
    k, n = contrasts.cells.shape
    rng = np.random.default_rng(SEED)
    lengths, counts = np.sqrt(total), contrasts.counts[:, None]
    for some in _batches(directions(n, size), k):
        if contrasts.paired:
            yield contrasts.cells @ some
        else:
            t = rng.standard_t(counts - 1, (k, some.shape[1]))
            yield lengths * t / np.sqrt(t**2 + counts - 1)


@lru_cache(maxsize=64)
def directions(dimensions: int, size: int) -> Floats:
    """(dimensions, size) vectors of length 1, evenly spread over all directions. `size`: a power of two."""
    normal = normal_points(dimensions, size).T
    return np.asarray(normal / np.linalg.norm(normal, axis=0))


def _distances(contrasts: Contrasts, pool: Pool, means: Floats, squares: Floats, best: np.ndarray) -> Distances:
    """`means`, `squares`: (k, b) means and residual sums of squares; `best`: (b,) rows."""
    counts, informing = contrasts.counts[:, None], contrasts.informing
    rows = int(informing.sum())
    shrinkage = 1 - 1 / rows if rows > 1 and contrasts.paired else 1.0
    pooled = (squares[informing].sum(axis=0) + pool.squares) / (contrasts.degrees_of_freedom + pool.degrees_of_freedom)
    d0 = pool.prior_degrees_of_freedom
    if isinf(d0) and rows == len(counts):
        variances = pooled / counts
    else:
        own = squares / (counts - 1) / np.where(informing, shrinkage, 1.0)[:, None]
        weight = np.where(informing[:, None], 1.0 if isinf(d0) else d0 / (d0 + counts - 1), 0.0)
        variances = (weight * pooled + (1 - weight) * own) / counts
    columns = np.arange(means.shape[1])
    distance = means - means[best, columns]
    squared = variances + variances[best, columns]
    scale = np.sqrt(squared if contrasts.holes is None else squared + pooled * contrasts.holes.apart(best))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(distance == 0, 0.0, distance / scale)
    return Distances(scale, statistic)
