"""From rows to what a network sees and what its metrics see, every rule by the training rows alone. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.splits import Rows, Splits
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.encoding import Encoded, Encoder, fit
from regsweep_trainer.weighting import ClassWeights, loss_weights


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
    encoded: Encoded | None = None
    """How the columns were encoded; `None`: nobody asks."""


def prepare(
    data: Dataset,
    splits: Splits,
    audited: Rows | None = None,
    *,
    class_weights: ClassWeights = "none",
    encoder: Encoder | None = None,
) -> Prepared:
    """Mean and standard deviation come from the train rows; a column that is constant there becomes its distance from that.

    audited: rows outside train whose predictions are audited; `None`: none. class_weights: in the loss; see `weighting`.
    encoder: from training rows to what columns become; `None`: what `encoding` makes of them.
    Raises BadDataError where a value is too far from the train rows for float32.
    """
    audit_rows = np.empty(0, np.int64) if audited is None else audited
    encoded = fit(data, splits.train) if encoder is None else encoder(splits.train)
    notes = encoded.rules
    target_mean, target_scale = 0.0, 1.0
    if data.classes is None:
        target_mean = float(data.target[splits.train].mean())
        target_scale = float(data.target[splits.train].std())
        if target_scale == 0:
            target_scale = 1.0
            notes = (*notes, f"the target is {target_mean:g} in all training rows: a network learns only this constant")

    def part(rows: Rows) -> Part:
        return Part(
            x=encoded.encode(rows),
            y=((data.target[rows] - target_mean) / target_scale).astype(np.float32),
            target=data.target[rows],
            weights=None if data.weights is None else data.weights[rows],
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
        encoded=encoded,
    )


def fixed_sample(part: Part, most: int) -> Part:
    """At most `most` rows, evenly spaced and so the same ones every time: a live view, not a statistic."""
    if len(part.y) <= most:
        return part
    rows = np.linspace(0, len(part.y) - 1, most).astype(np.int64)
    return Part(part.x[rows], part.y[rows], part.target[rows], None if part.weights is None else part.weights[rows])
