"""A data set as the trainer knows it: numbers, a target of one of three kinds, a digest. Pure: files are read in `sources`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer.data.columns import show
from regsweep_trainer.data.typed import Categories
from regsweep_trainer.flags.columns import Column
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
    """Shape (rows, columns); finite, but for NaN in the columns of `gaps`."""
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
    kinds: Mapping[str, Column] = field(default_factory=dict)
    """By name, how a column was declared or inferred; columns that are just numbers are not among them."""
    gaps: Mapping[int, str] = field(default_factory=dict)
    """By index of a column of `features` with missing values, the statistic of the training rows that fills them; see flags.columns."""
    categories: tuple[Categories, ...] = ()
    """Columns of categories, which are no part of `features`."""
    weights: NDArray[np.float64] | None = None
    """Shape (rows,): what each row counts; `None`: all alike."""
    groups: NDArray[np.int64] | None = None
    """Shape (rows,): which rows belong together; `None`: none do."""
    times: NDArray[np.float64] | None = None
    """Shape (rows,): the order of the rows; `None`: they have none."""
    strata: NDArray[np.int64] | None = None
    """Shape (rows,): by which parts are stratified; `None`: by the classes."""
    notes: tuple[str, ...] = ()
    """What a person should know about the data, though it is no error."""

    def column(self, index: int) -> str:
        """The column of `features` in words."""
        return f"column {show(self.columns[index])}" if self.columns else f"column {index + 1}"

    @property
    def width(self) -> int:
        """Columns of a network's input: features, a sign for each column with gaps, and a column for each category."""
        return int(self.features.shape[1]) + len(self.gaps) + sum(len(column.cells) for column in self.categories)

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
        """Hex digest of all that is data: the same data have the same one, wherever they come from."""
        digest = hashlib.sha256()
        digest.update(repr((self.features.shape, self.classes, self.marks)).encode())
        digest.update(np.ascontiguousarray(self.features, dtype="<f8").data)
        digest.update(np.ascontiguousarray(self.target, dtype="<f8").data)
        for name, part in (
            ("weights", self.weights),
            ("groups", self.groups),
            ("times", self.times),
            ("strata", self.strata),
        ):
            if part is not None:
                digest.update(name.encode() + np.ascontiguousarray(part, dtype="<f8").tobytes())
        for column in self.categories:
            digest.update(
                repr((column.name, column.cells)).encode() + np.ascontiguousarray(column.codes, "<i8").tobytes()
            )
        return digest.hexdigest()
