"""A simulated figure, its Monte-Carlo error, and whether it keeps its goal."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

MONTE_CARLO_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of simulated sweeps, or a mean over them."""

    name: str
    value: float
    error: float
    """Monte-Carlo standard error."""
    at_most: float | None = None
    at_least: float | None = None
    """Goals; None: reported only."""
    known_miss: str | None = None
    """Why this figure is known to miss its goal."""

    @property
    def missed(self) -> bool:
        """Whether it misses its goal by more than three Monte-Carlo errors."""
        slack = MONTE_CARLO_ERRORS * self.error
        too_high = self.at_most is not None and self.value > self.at_most + slack
        too_low = self.at_least is not None and self.value < self.at_least - slack
        return too_high or too_low

    @property
    def verdict(self) -> str:
        """For the table."""
        if self.at_most is None and self.at_least is None:
            return "reported"
        if not self.missed:
            return "kept"
        return f"missed: {self.known_miss}" if self.known_miss else "MISSED"


def share(hits: int, sweeps: int) -> tuple[float, float]:
    """A share and its binomial standard error (with one hit and one miss added, so that it is never 0)."""
    smoothed = (hits + 1) / (sweeps + 2)
    return hits / sweeps, sqrt(smoothed * (1 - smoothed) / sweeps)
