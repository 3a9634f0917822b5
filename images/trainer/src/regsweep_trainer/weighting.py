"""What each training row counts in the loss. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError, InvalidFlagsError
from regsweep_kit.splits import Rows
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.dataset import Dataset

ClassWeights = str | Mapping[str, float]
"""none, balanced, or a weight by class."""


def check_class_weights(data: Dataset, wanted: ClassWeights) -> None:
    """Raises InvalidFlagsError where the flag class_weights does not fit the data's classes."""
    if wanted == "none":
        return
    if data.classes is None:
        raise InvalidFlagsError(
            f"flag class_weights: {data.name} is a regression, which has no classes; remove the flag"
        )
    if isinstance(wanted, Mapping):
        _check_names(tuple(wanted), data.classes)


def _check_names(names: Sequence[str], classes: Sequence[str]) -> None:
    unknown = [name for name in names if name not in classes]
    missing = [name for name in classes if name not in names]
    if unknown:
        raise InvalidFlagsError(
            f"flag class_weights: there is no class {show(unknown[0])}; the classes are {', '.join(map(show, classes[:20]))}"
        )
    if missing:
        raise InvalidFlagsError(f"flag class_weights: class {show(missing[0])} has none; give one for each class")


def loss_weights(data: Dataset, train: Rows, wanted: ClassWeights) -> NDArray[np.float32] | None:
    """Shape (train rows,), by the training rows alone; `None`: all count alike.

    The data's weights, divided by their mean, so that penalties do not depend on the weights' unit, times the classes' weights.
    balanced: rows / (classes x rows of the class), as scikit-learn defines it.
    """
    weights = np.ones(len(train))
    if data.weights is not None:
        weights = data.weights[train]
        if not weights.any():
            raise BadDataError(f"{data.name}: all training rows have weight 0; nothing would be learnt")
        weights = weights / weights.mean()
    if wanted == "none":
        return None if data.weights is None else weights.astype(np.float32)
    assert data.classes is not None  # checked before
    labels = data.target[train].astype(np.int64)
    return (weights * _by_class(labels, data.classes, wanted)[labels]).astype(np.float32)


def _by_class(labels: NDArray[np.int64], classes: Sequence[str], wanted: Any) -> NDArray[np.float64]:
    if isinstance(wanted, Mapping):
        return np.array([float(wanted[name]) for name in classes])
    counts = np.bincount(labels, minlength=len(classes))
    return np.asarray(len(labels) / (len(classes) * counts))
