"""Standardisation of columns of any magnitude, by the training rows alone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

SMALLEST_SCALE = 1e-140  # below it the squares of differences lose digits
ROUNDING_ERRORS = 2.0**-50  # relative to the largest magnitude: 8 units in the last place


@dataclass(frozen=True, slots=True)
class Fine:
    """How a column is standardised whose mean or standard deviation float64 does not hold: ((x * factor - offset) - mean) / scale."""

    factor: float
    """A power of two that brings the largest magnitude to between 1/2 and 1."""
    offset: float
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """How each column is standardised: (x - mean) / scale, or as `fine` says."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    fine: Mapping[int, Fine]
    flat: tuple[int, ...]
    """Columns that do not vary beyond rounding errors."""


def scaling_of(train: NDArray[np.float64]) -> Scaling:
    """The scaling by these rows, shape (rows, columns), at least one row. Finite for whatever finite values."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = train.mean(axis=0), train.std(axis=0)
        usual = np.isfinite(mean) & np.isfinite(scale) & (scale > SMALLEST_SCALE) & (scale > 1e-12 * np.abs(mean))
    fine, flat = {}, []
    for index in np.flatnonzero(~usual).tolist():
        resolution = _fine(train[:, index])
        mean[index], scale[index] = 0.0, 1.0
        if resolution is not None:
            fine[index] = resolution
            continue
        flat.append(index)
        mean[index] = train[0, index]
        if np.ptp(train[:, index]):
            scale[index] = np.abs(mean[index])  # rounding errors stay as small as they are
    return Scaling(mean, scale, MappingProxyType(fine), tuple(flat))


def _fine(values: NDArray[np.float64]) -> Fine | None:
    """`None` where the values do not vary beyond rounding errors."""
    _, exponent = np.frexp(np.abs(values).max())
    factor = float(np.ldexp(1.0, min(-int(exponent), 1000)))
    scaled = values * factor
    offset = float(scaled[0])
    distance = scaled - offset  # exact where the values are close together
    if np.abs(distance).max() <= ROUNDING_ERRORS * np.abs(scaled).max():
        return None
    return Fine(factor, offset, float(distance.mean()), float(distance.std()))


def standardised(block: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
    """Rows of the scaled columns, shape (rows, columns)."""
    x = (block - scaling.mean) / scaling.scale
    for index, fine in scaling.fine.items():
        x[:, index] = ((block[:, index] * fine.factor - fine.offset) - fine.mean) / fine.scale
    return np.asarray(x)
