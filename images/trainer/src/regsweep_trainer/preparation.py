"""From rows to what a network sees: float32, standardised by the training rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.splits import Rows, Splits
from regsweep_trainer.dataset import Dataset
from regsweep_trainer.weighting import ClassWeights, loss_weights

BLOCK_ROWS = 8192
MOST_SHOWN = 5  # columns named in a note
SMALLEST_SCALE = 1e-140  # below it the squares of differences lose digits
ROUNDING_ERRORS = 2.0**-50  # relative to the largest magnitude: 8 units in the last place


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one split."""

    x: NDArray[np.float32]
    """Shape (rows, columns), standardised."""
    y: NDArray[np.float32]
    """Shape (rows,): what the loss sees; a class's index, or a number standardised by the training rows."""
    target: NDArray[np.float64]
    """Shape (rows,): what the metrics see; a class's index, or the number in its own unit."""
    weights: NDArray[np.float64] | None = None
    """Shape (rows,): what each row counts in the metrics; `None`: all alike."""


@dataclass(frozen=True, slots=True)
class Prepared:
    train: Part
    stop: Part
    val: Part
    test: Part
    audit: Part
    audit_rows: Rows
    """Numbers of the audited rows within the data, in the order of `audit`; empty where nothing is audited."""
    target_mean: float
    target_scale: float
    """A prediction in the target's unit is target_mean + target_scale x the network's output; 0 and 1 for classes."""
    loss_weights: NDArray[np.float32] | None = None
    """Shape (train rows,): what each row counts in the loss that is trained; `None`: all alike."""
    notes: tuple[str, ...] = ()
    """What a person should know about these rows, though it is no error."""


def prepare(
    data: Dataset,
    splits: Splits,
    audited: Rows | None = None,
    *,
    class_weights: ClassWeights = "none",
    by_channel: bool = False,
) -> Prepared:
    """Mean and standard deviation come from the train rows; a column that is constant there becomes its distance from that.

    audited: rows outside train whose predictions are audited; `None`: none. class_weights: in the loss; see `weighting`.
    by_channel: all columns of a channel of the data's image have one mean and one standard deviation.
    Raises BadDataError where a value is too far from the train rows for float32.
    """
    audit_rows = np.empty(0, np.int64) if audited is None else audited
    scaling = _by_channel(data, splits.train) if by_channel else scaling_of(data.features[splits.train])
    notes = _note_flat(data, scaling)
    target_mean, target_scale = 0.0, 1.0
    if data.classes is None:
        target_mean = float(data.target[splits.train].mean())
        target_scale = float(data.target[splits.train].std())
        if target_scale == 0:
            target_scale = 1.0
            notes = (*notes, f"the target is {target_mean:g} in all training rows: a network learns only this constant")

    def part(rows: Rows) -> Part:
        return Part(
            x=_standardise(data, rows, scaling),
            y=((data.target[rows] - target_mean) / target_scale).astype(np.float32),
            target=data.target[rows],
        )

    return Prepared(
        train=part(splits.train),
        stop=part(splits.stop),
        val=part(splits.val),
        test=part(splits.test),
        audit=part(audit_rows),
        audit_rows=audit_rows,
        target_mean=target_mean,
        target_scale=target_scale,
        loss_weights=loss_weights(data, splits.train, class_weights),
        notes=notes,
    )


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


def _by_channel(data: Dataset, train: Rows) -> Scaling:
    """One mean and one standard deviation for each channel of the images, by these rows."""
    assert data.image is not None  # the run has seen to it
    channels, pixels = data.image.channels, data.image.height * data.image.width
    scaling = scaling_of(data.features[train].reshape(-1, channels))
    return Scaling(
        np.tile(scaling.mean, pixels),
        np.tile(scaling.scale, pixels),
        MappingProxyType({p * channels + c: fine for c, fine in scaling.fine.items() for p in range(pixels)}),
        tuple(p * channels + c for p in range(pixels) for c in scaling.flat),
    )


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


def _standardise(data: Dataset, rows: Rows, scaling: Scaling) -> NDArray[np.float32]:
    """Shape (rows, columns). In blocks, as float64 takes twice the memory."""
    whole = np.empty((len(rows), data.features.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = data.features[rows[start : start + BLOCK_ROWS]]
        with np.errstate(over="ignore"):
            x = (block - scaling.mean) / scaling.scale
            for index, fine in scaling.fine.items():
                x[:, index] = ((block[:, index] * fine.factor - fine.offset) - fine.mean) / fine.scale
            whole[start : start + BLOCK_ROWS] = x
    if not np.isfinite(whole).all():
        row, column = np.argwhere(~np.isfinite(whole))[0]
        raise BadDataError(
            f"{data.name}: {data.column(int(column))} has {data.features[rows[row], column]:g} in row {rows[row] + 1}, too far from "
            "the training rows to be standardised; correct it, or take the column's logarithm"
        )
    return whole


def _note_flat(data: Dataset, scaling: Scaling) -> tuple[str, ...]:
    if not scaling.flat:
        return ()
    shown = ", ".join(data.column(index) for index in scaling.flat[:MOST_SHOWN])
    more = f" and {len(scaling.flat) - MOST_SHOWN} more" if len(scaling.flat) > MOST_SHOWN else ""
    return (
        f"{len(scaling.flat)} of {data.features.shape[1]} columns do not vary over the training rows, beyond rounding errors, and carry no "
        f"information: {shown}{more}",
    )


def fixed_sample(part: Part, most: int) -> Part:
    """At most `most` rows, evenly spaced and so the same ones every time: a live view, not a statistic."""
    if len(part.y) <= most:
        return part
    rows = np.linspace(0, len(part.y) - 1, most).astype(np.int64)
    return Part(part.x[rows], part.y[rows], part.target[rows], None if part.weights is None else part.weights[rows])
