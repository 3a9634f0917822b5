"""From columns of any kind to the numbers that a network sees: each rule by the training rows alone. Pure.

In this order: numbers, standardised, their gaps filled before; for each column with gaps a 1 where its value was missing; for each
category of each column a 1 where the row has it. A category that the training rows lack is nothing but zeros, in every row: it keeps its
column, so that all replicates have networks of one shape, and says nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.splits import Rows
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.typed import Categories
from regsweep_trainer.scaling import Scaling, scaling_of, standardised

if TYPE_CHECKING:
    from regsweep_trainer.models.preprocessing import Entry

BLOCK_ROWS = 8192
MOST_SHOWN = 20  # categories named in a rule
MOST_FLAT = 5  # columns named that do not vary


@dataclass(frozen=True, slots=True)
class Categorised:
    """What becomes of a column of categories."""

    known: NDArray[np.bool_]
    """By category: whether a training row has it."""
    fill: int
    """The category of rows that have none; -1: there are no such rows."""


@dataclass(frozen=True, slots=True)
class Encoding:
    fills: Mapping[int, float]
    """By index of a column of features with gaps, what fills them."""
    scaling: Scaling
    categories: tuple[Categorised, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Columns as a model sees them, by the training rows of a replicate."""

    encode: Callable[[Rows], NDArray[np.float32]]
    """From rows to x, shape (rows, columns of x)."""
    rules: tuple[str, ...]
    """What was made of columns, in words."""
    layers: Callable[[], "Entry"]
    """The same as layers of Keras, for a model that is saved; raises InvalidFlagsError where there are none."""


Encoder = Callable[[Rows], Encoded]
"""By training rows."""


def fit(data: Dataset, train: Rows, *, by_channel: bool = False) -> Encoded:
    """The encoding that needs no framework. See `encoding_of`."""
    encoding = encoding_of(data, train, by_channel=by_channel)

    def layers() -> "Entry":
        from regsweep_trainer.models.preprocessing import entry_of

        return entry_of(data, encoding)

    return Encoded(lambda rows: encode(data, rows, encoding), tuple(rules(data, encoding)), layers)


def encoding_of(data: Dataset, train: Rows, *, by_channel: bool = False) -> Encoding:
    """By these rows. by_channel: all columns of a channel of the data's image have one mean and one standard deviation.

    Raises BadDataError where a column has no value in any of the rows.
    """
    fills = {index: _fill(data, index, train, statistic) for index, statistic in data.gaps.items()}
    rows = _filled(data.features[train], fills)
    scaling = _by_channel(data, rows) if by_channel else scaling_of(rows)
    return Encoding(MappingProxyType(fills), scaling, tuple(_categorised(each, train) for each in data.categories))


def encode(data: Dataset, rows: Rows, encoding: Encoding) -> NDArray[np.float32]:
    """Shape (rows, data.width). In blocks, as float64 takes twice the memory. Raises BadDataError where a value is not a float32."""
    whole = np.zeros((len(rows), data.width), np.float32)
    numbers = data.features.shape[1]
    for start in range(0, len(rows), BLOCK_ROWS):
        block = data.features[rows[start : start + BLOCK_ROWS]]
        with np.errstate(over="ignore"):
            whole[start : start + BLOCK_ROWS, :numbers] = standardised(_filled(block, encoding.fills), encoding.scaling)
        for position, index in enumerate(encoding.fills, start=numbers):
            whole[start : start + BLOCK_ROWS, position] = np.isnan(block[:, index])
    first = numbers + len(encoding.fills)
    for column, rule in zip(data.categories, encoding.categories, strict=True):
        codes = np.where(column.codes[rows] < 0, rule.fill, column.codes[rows])
        seen = rule.known[codes]
        whole[np.flatnonzero(seen), first + codes[seen]] = 1
        first += len(column.cells)
    _check_finite(data, rows, whole)
    return whole


def rules(data: Dataset, encoding: Encoding) -> Iterator[str]:
    """What was made of each column that is not just a number, in words."""
    for index, fill in encoding.fills.items():
        what = f"{fill:.6g}, the {data.gaps[index]} of the training rows"
        yield f"{data.column(index)}: missing values are {what}, and are marked in a column of their own"
    for column, rule in zip(data.categories, encoding.categories, strict=True):
        names = [show(cell) for cell, known in zip(column.cells, rule.known, strict=True) if known]
        more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        text = f"column {show(column.name)}: {len(names)} categories in the training rows: {', '.join(names[:MOST_SHOWN])}{more}"
        unseen = len(column.cells) - len(names)
        text += f"; {unseen} others are unknown" if unseen else ""
        yield text + (f"; missing values are {show(column.cells[rule.fill])}" if (column.codes < 0).any() else "")
    if flat := encoding.scaling.flat:
        shown = ", ".join(data.column(index) for index in flat[:MOST_FLAT])
        more = f" and {len(flat) - MOST_FLAT} more" if len(flat) > MOST_FLAT else ""
        yield (
            f"{len(flat)} of {data.features.shape[1]} columns do not vary over the training rows, beyond rounding errors, and carry no "
            f"information: {shown}{more}"
        )


def _fill(data: Dataset, index: int, train: Rows, statistic: str) -> float:
    values = data.features[train, index]
    present = values[~np.isnan(values)]
    if not len(present):
        raise BadDataError(
            f"{data.name}: {data.column(index)} has no value in any training row, so that its {statistic} is unknown; declare it ignored"
        )
    if statistic == "mean":
        return float(present.mean())
    if statistic == "median":
        return float(np.median(present))
    found, counts = np.unique(present, return_counts=True)
    return float(found[counts.argmax()])


def _filled(block: NDArray[np.float64], fills: Mapping[int, float]) -> NDArray[np.float64]:
    if not fills:
        return block
    block = block.copy()
    for index, fill in fills.items():
        block[np.isnan(block[:, index]), index] = fill
    return block


def _categorised(column: Categories, train: Rows) -> Categorised:
    codes = column.codes[train]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.cells))
    return Categorised(counts > 0, int(counts.argmax()) if (column.codes < 0).any() else -1)


def _by_channel(data: Dataset, train: NDArray[np.float64]) -> Scaling:
    """One mean and one standard deviation for each channel of the images, by these rows."""
    assert data.image is not None  # the run has seen to it
    channels, pixels = data.image.channels, data.image.height * data.image.width
    scaling = scaling_of(train.reshape(-1, channels))
    return Scaling(
        np.tile(scaling.mean, pixels),
        np.tile(scaling.scale, pixels),
        MappingProxyType({p * channels + c: fine for c, fine in scaling.fine.items() for p in range(pixels)}),
        tuple(p * channels + c for p in range(pixels) for c in scaling.flat),
    )


def _check_finite(data: Dataset, rows: Rows, whole: NDArray[np.float32]) -> None:
    if not np.isfinite(whole).all():
        row, column = np.argwhere(~np.isfinite(whole))[0]
        raise BadDataError(
            f"{data.name}: {data.column(int(column))} has {data.features[rows[row], column]:g} in row {rows[row] + 1}, too far from "
            "the training rows to be standardised; correct it, or take the column's logarithm"
        )
