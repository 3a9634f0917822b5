"""Turned contrasts that lose the cells that are missing from the losses (see `rotations`).

Were no cell missing, turning the replicates' space would leave the distribution of equal combinations as it is. It still does, of the
table as it would be without holes, whatever is missing, if only cells are missing whatever their values. So that table is turned, then the
same cells are taken out of it, and combination + replicate are fitted again by least squares: means and residuals then have the degrees
of freedom, and the errors, that these holes leave. What the holes hide of the table is not known; its rows' sums of squares are raised
to what n cells would have.

Few replicates are turned. Where there are more, the signs of whole replicates are drawn instead, which is a group of rotations, too, and
moves no cell to another replicate: Winkler et al., "Permutation inference for the general linear model", NeuroImage 92 (2014).

Two combinations that lack different replicates are compared by way of the others. With equal variances their difference has the variance
sigma^2 (1/n_i + 1/n_j + (w_i - w_j)' C^- (w_i - w_j)), w_i the weights of the replicates in combination i's mean, C the equations of the
replicates' effects (see `additive.fit_additive`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.quasi_random import SEED, normal_points

MOST_TURNED = 16
"""Replicates; of more, signs are drawn: more than 30,000 different ones."""
RANK_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Holes:
    """What missing cells do to the fit of combination + replicate."""

    there: Bools
    """(k, n): the cells that are not missing."""
    use: Bools
    """(k,): rows that the replicates' effects are estimated from."""
    weights: Floats
    """(k, n) of replicates in each row's mean."""
    root: Floats
    """(n, r): a root of the covariance of the replicates' effects, in units of the noise's variance."""
    places: Floats
    """(k, r): squared distances of two rows are what these effects add to the variance of their difference, in the same units."""

    @classmethod
    def of(cls, there: Bools, informing: Bools) -> Holes:
        """`there`: (k, n), every row has a cell. `informing`: (k,) as in `fit_additive`."""
        counts = there.sum(axis=1, keepdims=True)
        weights = there / counts
        use = informing & (counts[:, 0] > 1)
        pattern = there[use].astype(np.float64)
        values, vectors = np.linalg.eigh(np.diag(pattern.sum(axis=0)) - weights[use].T @ pattern)
        kept = values > RANK_TOLERANCE * max(float(values[-1]), 1.0)
        root = vectors[:, kept] / np.sqrt(values[kept])
        return cls(there, use, weights, root, weights @ root)

    def apart(self, best: np.ndarray) -> Floats:
        """(k, b): what the replicates' effects add to the variance of each row's difference to the b rows `best`, in units of the
        noise's variance."""
        lengths = np.einsum("kr,kr->k", self.places, self.places)
        across = self.places @ self.places[best].T
        return np.asarray(np.maximum(lengths[:, None] + lengths[best] - 2 * across, 0.0))

    def fit(self, tables: Floats) -> tuple[Floats, Floats]:
        """(k, b) adjusted means and residual sums of squares of b tables, (b, k, n), 0 in missing cells."""
        there, counts = self.there.astype(np.float64), self.there.sum(axis=1)
        # Sums over the replicates as products: numpy takes long for a sum over a short last axis.
        means = tables @ np.ones(there.shape[1]) / counts
        centred = (tables - means[:, :, None]) * there
        effects = self.use.astype(np.float64) @ centred @ self.root @ self.root.T
        shifts = effects @ self.weights.T
        # sum of (centred - (effect - shift))^2 over the cells there are; the weights average the effects to the shift
        squares = np.einsum("bkn,bkn->bk", centred, centred) - 2 * (centred @ effects[:, :, None])[:, :, 0]
        squares += effects**2 @ there.T - counts * shifts**2
        return (means - shifts).T, np.maximum(squares, 0.0).T


def turned_with_holes(cells: Floats, holes: Holes, size: int, at_once: int) -> Iterator[tuple[Floats, Floats]]:
    """(k, b) means and residual sums of squares at a time, of `size` rotations in all. `cells`: (k, n), 0 where one is missing."""
    n = cells.shape[1]
    if n > MOST_TURNED:
        signs = np.random.default_rng(SEED).integers(2, size=(size, 1, n)) * 2.0 - 1
        for start in range(0, size, at_once):
            yield holes.fit(cells * signs[start : start + at_once])
        return
    raised = cells * np.sqrt(n / holes.there.sum(axis=1))[:, None]
    if len(raised) < n:
        raised = np.linalg.qr(raised.T).R.T
    frames = rotations(n, raised.shape[1], size)
    for start in range(0, size, at_once):
        yield holes.fit((raised @ frames[start : start + at_once]) * holes.there)


@lru_cache(maxsize=8)
def rotations(dimensions: int, rows: int, size: int) -> Floats:
    """(size, rows, dimensions): the first rows of matrices evenly spread over all rotations. `size`: a power of two."""
    normal = normal_points(dimensions * rows, size).reshape(size, dimensions, rows)
    frames, triangles = np.linalg.qr(normal)
    signs = np.sign(np.diagonal(triangles, axis1=1, axis2=2))
    return np.asarray((frames * signs[:, None, :]).transpose(0, 2, 1))
