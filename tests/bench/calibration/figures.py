"""A simulated figure, its Monte-Carlo error, and whether it keeps its goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

MONTE_CARLO_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of simulated sweeps, or a mean over them."""

    measure: str
    """What it is the share or the mean of."""
    value: float
    error: float
    """Monte-Carlo standard error."""
    at_most: float | None = None
    at_least: float | None = None
    """Goals; None: reported only."""

    @property
    def missed(self) -> bool:
        """Whether it misses its goal by more than three Monte-Carlo errors."""
        slack = MONTE_CARLO_ERRORS * self.error
        too_high = self.at_most is not None and self.value > self.at_most + slack
        too_low = self.at_least is not None and self.value < self.at_least - slack
        return too_high or too_low


def share(measure: str, hits: int, sweeps: int, at_most: float | None = None, at_least: float | None = None) -> Figure:
    """A share with its binomial standard error (with one hit and one miss added, so that it is never 0)."""
    smoothed = (hits + 1) / (sweeps + 2)
    return Figure(measure, hits / max(sweeps, 1), sqrt(smoothed * (1 - smoothed) / max(sweeps, 1)), at_most, at_least)


def mean(measure: str, values: Sequence[float], at_most: float | None = None, at_least: float | None = None) -> Figure:
    """A mean with its standard error; at least two values."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return Figure(measure, float(np.mean(values)), error, at_most, at_least)
