"""A case of the calibration: one world, one size, so many sweeps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.calibration.figures import Figure

Simulation = Callable[[np.random.Generator, int], Iterable[Figure]]
"""(generator, sweeps) -> figures."""
FEWEST_SWEEPS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """What is simulated, and how often."""

    section: str
    labels: Mapping[str, str]
    """Such as world, G and n, in the order of the table's columns."""
    sweeps: int
    simulation: Simulation

    @property
    def key(self) -> str:
        """The case's name in the store of figures."""
        return "; ".join(f"{name}={value}" for name, value in self.labels.items())

    def figures(self, seed: int, scale: float) -> list[Figure]:
        """Simulates it. `scale`: part of the sweeps."""
        rng = np.random.default_rng([seed, zlib.crc32(f"{self.section}: {self.key}".encode())])
        return list(self.simulation(rng, self.scaled(scale)))

    def scaled(self, scale: float) -> int:
        """Sweeps that are simulated."""
        return max(round(self.sweeps * scale), FEWEST_SWEEPS)


def sweeps_for(combinations: int, of_few: int) -> int:
    """As many sweeps as about the same time allows, whatever their size."""
    return max(round(of_few * min(1.0, 12 / combinations)), 100)
