"""A data set as the trainer knows it: numbers, a target of one of three kinds, a digest. Pure: files are read in `sources`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError

MOST_CLASSES = 1000  # beyond it a target is hardly meant as classes; protects against an id column chosen as target
MOST_NUMERIC_CLASSES = (
    20  # whole numbers with more distinct values than this are a regression, if nobody says otherwise
)


class Head(StrEnum):
    """What the network predicts; decides its output layer, loss and metrics."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Dataset:
    name: str
    features: NDArray[np.float64]
    """Shape (rows, columns); all finite."""
    target: NDArray[np.float64]
    """Shape (rows,): the class's index, or the number to predict in its own unit."""
    classes: tuple[str, ...] | None
    """Names of the classes by index, the positive one of two last; `None` for a regression."""
    marks: tuple[str, ...] | None = None
    """Per row `train`, `val` or `test`, where the data say so themselves."""

    @property
    def rows(self) -> int:
        return len(self.target)

    @property
    def head(self) -> Head:
        if self.classes is None:
            return Head.REGRESSION
        return Head.BINARY if len(self.classes) == 2 else Head.MULTICLASS

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The classes' indices to stratify by; `None` for a regression."""
        return None if self.classes is None else self.target.astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """Hex digest of features, target, classes and marks: the same data have the same one, wherever they come from."""
        digest = hashlib.sha256()
        digest.update(repr((self.features.shape, self.classes, self.marks)).encode())
        digest.update(np.ascontiguousarray(self.features, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.target, dtype="<f8").tobytes())
        return digest.hexdigest()


def encode_target(cells: Sequence[str], task: str, where: str) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    """(target, classes) of a column of text, as `task` (auto, classification, regression) says.

    Classes are ordered as numbers where all are, else as text. `where` names the column in errors.
    Raises BadDataError: too few or too many classes, or no numbers where a regression was asked for.
    """
    numbers = _numbers(cells)
    if task == "regression" and numbers is None:
        row, cell = next((row, cell) for row, cell in enumerate(cells) if _numbers([cell]) is None)
        raise BadDataError(
            f"{where}: row {row + 1} has {cell!r}, but task regression needs a finite number in every row"
        )
    distinct = sorted(set(cells)) if numbers is None else sorted(set(numbers.tolist()))
    if numbers is not None and (task == "regression" or (task == "auto" and _looks_continuous(distinct))):
        if len(distinct) < 2:
            raise BadDataError(f"{where}: every row has {cells[0]!r}; there is nothing to predict")
        return numbers, None
    if len(distinct) < 2:
        raise BadDataError(f"{where}: every row has {cells[0]!r}; a classification needs two classes or more")
    if len(distinct) > MOST_CLASSES:
        raise BadDataError(
            f"{where}: {len(distinct)} distinct values; a classification may have {MOST_CLASSES} classes"
        )
    keys = list(cells) if numbers is None else numbers.tolist()
    index = {key: position for position, key in enumerate(distinct)}
    names = {index[key]: cell for key, cell in zip(reversed(keys), reversed(cells), strict=True)}
    return np.array([index[key] for key in keys], dtype=np.float64), tuple(names[i] for i in range(len(distinct)))


def _looks_continuous(distinct: Sequence[str | float]) -> bool:
    return len(distinct) > MOST_NUMERIC_CLASSES or any(not float(value).is_integer() for value in distinct)


def _numbers(cells: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        numbers = np.array([float(cell) for cell in cells], dtype=np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None
