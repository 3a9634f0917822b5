"""What each training row counts in the loss. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.splits import Rows
from regsweep_trainer.columns import show
from regsweep_trainer.dataset import Dataset

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

    balanced: rows / (classes x rows of the class), as scikit-learn defines it.
    """
    if wanted == "none":
        return None
    assert data.classes is not None  # checked before
    labels = data.target[train].astype(np.int64)
    return _by_class(labels, data.classes, wanted)[labels].astype(np.float32)


def _by_class(labels: NDArray[np.int64], classes: Sequence[str], wanted: Any) -> NDArray[np.float64]:
    if isinstance(wanted, Mapping):
        return np.array([float(wanted[name]) for name in classes])
    counts = np.bincount(labels, minlength=len(classes))
    return np.asarray(len(labels) / (len(classes) * counts))
