"""A data set as the trainer knows it: numbers, a target of one of three kinds, a digest. Pure: files are read in `sources`."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer.columns import show
from regsweep_trainer.models.inputs import Image


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
    """Per row `train`, `val` or `test`, if the data mark them."""
    columns: tuple[str, ...] = ()
    """Names of the columns of `features`; empty where they have none."""
    image: Image | None = None
    """How the columns make an image; `None`: they make none."""
    notes: tuple[str, ...] = ()
    """What a person should know about the data, though it is no error."""

    def column(self, index: int) -> str:
        """The column of `features` in words."""
        return f"column {show(self.columns[index])}" if self.columns else f"column {index + 1}"

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
        digest.update(np.ascontiguousarray(self.features, dtype="<f8").data)
        digest.update(np.ascontiguousarray(self.target, dtype="<f8").data)
        return digest.hexdigest()
