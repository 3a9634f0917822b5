"""From rows to what a network sees: float32, standardised by the training rows alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.splits import Rows, Splits
from regsweep_trainer.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one split."""

    x: NDArray[np.float32]
    """Shape (rows, columns), standardised."""
    y: NDArray[np.float32]
    """Shape (rows,): what the loss sees; a class's index, or a number standardised by the training rows."""
    target: NDArray[np.float64]
    """Shape (rows,): what the metrics see; a class's index, or the number in its own unit."""


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


def prepare(data: Dataset, splits: Splits, audited: Rows | None = None) -> Prepared:
    """Mean and standard deviation come from the train rows; a column that is constant there becomes its distance from the mean.

    audited: rows outside train whose predictions are audited; `None`: none.
    """
    audit_rows = np.empty(0, np.int64) if audited is None else audited
    mean = data.features[splits.train].mean(axis=0)
    scale = data.features[splits.train].std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(mean), 1e-300), scale, 1.0)
    target_mean, target_scale = 0.0, 1.0
    if data.classes is None:
        target_mean = float(data.target[splits.train].mean())
        target_scale = float(data.target[splits.train].std()) or 1.0

    def part(rows: Rows) -> Part:
        return Part(
            x=((data.features[rows] - mean) / scale).astype(np.float32),
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
    )


def fixed_sample(part: Part, most: int) -> Part:
    """At most `most` rows, evenly spaced and so the same ones every time: a live view, not a statistic."""
    if len(part.y) <= most:
        return part
    rows = np.linspace(0, len(part.y) - 1, most).astype(np.int64)
    return Part(part.x[rows], part.y[rows], part.target[rows])
