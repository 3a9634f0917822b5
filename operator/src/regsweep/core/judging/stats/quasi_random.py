"""Normal points that fill space more evenly than chance: what is counted with them has a smaller error."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, qmc

from regsweep.core.judging.stats.moderation import Floats

SEED = 1
FARTHEST = 1e-12
"""Probability of a tail; 0 would lie at infinity."""


def normal_points(dimensions: int, size: int) -> Floats:
    """(size, dimensions) of a scrambled Sobol sequence, as independent standard normal values. `size`: a power of two."""
    points = qmc.Sobol(dimensions, scramble=True, seed=SEED).random(size)
    return np.asarray(norm.ppf(np.clip(points, FARTHEST, 1 - FARTHEST)))
