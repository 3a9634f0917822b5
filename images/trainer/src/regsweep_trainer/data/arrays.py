"""Arrays from npz files: of one dimension a column, of two a table, of three or four images. Nothing is unpickled."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import check_names, show
from regsweep_trainer.data.files import reading
from regsweep_trainer.data.numerals import EXACT_INTEGERS
from regsweep_trainer.data.parquet import places
from regsweep_trainer.data.tables import Table
from regsweep_trainer.data.targets import TextColumn
from regsweep_trainer.models.inputs import Image

KINDS = {
    "b": "boolean",
    "i": "numeric",
    "u": "numeric",
    "f": "numeric",
    "U": "categorical",
    "S": "categorical",
    "M": "date",
}


class ArraysFile:
    """An npz file as a table: an array of two or more dimensions has a column for each number of a row, named `array[index]`."""

    image: Image | None = None
    """How the columns of the array of images make one; `None`: there are no images."""

    def __init__(self, path: Path) -> None:
        """Raises BadDataError."""
        self._path = path
        self._columns: dict[str, NDArray[Any]] = {}
        with reading(path):
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    loaded = {name: arrays[name] for name in arrays.files}
            except (zipfile.BadZipFile, ValueError, EOFError) as error:
                raise BadDataError(
                    f"flag data_path: cannot read {path} as npz: {error}; save arrays of numbers or text"
                ) from error
        self._check(loaded)
        for name, array in loaded.items():
            self._add(name, array)
        self.names = tuple(self._columns)
        check_names(self.names, str(path))
        self.kinds: tuple[str | None, ...] = tuple(KINDS[column.dtype.kind] for column in self._columns.values())

    def read(self, texts: Sequence[int]) -> Table:
        """All rows; `texts` are the indices of the columns that are text. Raises BadDataError."""
        columns = list(self._columns.values())
        numbers = [index for index in range(len(columns)) if index not in texts]
        values = np.empty((len(columns[0]), len(numbers)))
        for position, index in enumerate(numbers):
            values[:, position] = self._numbers(index, columns[index])
        return Table(values, tuple(_text(columns[index]) for index in texts), places)

    def _check(self, arrays: dict[str, NDArray[Any]]) -> None:
        lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
        if not lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
            shown = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:10])
            raise BadDataError(
                f"flag data_path: the arrays of {self._path} must have equally many rows, at least one: it has {shown or 'no arrays'}"
            )
        images = [name for name, array in arrays.items() if array.ndim > 2]
        if len(images) > 1 or any(array.ndim > 4 for array in arrays.values()):
            raise BadDataError(
                f"flag data_path: {self._path} has {', '.join(f'{name} {arrays[name].shape}' for name in images)}; want one array of "
                "images, of shape (rows, height, width) or (rows, height, width, channels)"
            )
        for name, array in arrays.items():
            if array.dtype.kind not in KINDS:
                raise BadDataError(
                    f"flag data_path: array {show(name)} of {self._path} has values of type {array.dtype}; want numbers, text, truth "
                    "values or dates"
                )

    def _add(self, name: str, array: NDArray[Any]) -> None:
        if array.ndim == 1:
            self._columns[name] = array
            return
        if array.ndim > 2:
            height, width, *channels = array.shape[1:]
            self.image = Image(height, width, *(channels or [1]))
        for index, column in enumerate(array.reshape(len(array), -1).T):
            self._columns[f"{name}[{index}]"] = column

    def _numbers(self, index: int, column: NDArray[Any]) -> NDArray[np.float64]:
        name = show(self.names[index])
        if self.kinds[index] != "numeric":
            raise BadDataError(
                f"flag data_path: {name} of {self._path} has values of type {column.dtype}, not numbers; declare it, as in columns: "
                f"{{{self.names[index]}: {self.kinds[index]}}}"
            )
        values = column.astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise BadDataError(
                f"flag data_path: {name} of {self._path} has no finite number in {len(wrong)} rows: {places(wrong)}; fill them in, or "
                f"declare what becomes of them, as in columns: {{{self.names[index]}: {{kind: numeric, missing: mean}}}}"
            )
        if column.dtype.kind in "iu" and np.abs(values).max() > EXACT_INTEGERS:
            large = np.flatnonzero(np.abs(values) > EXACT_INTEGERS)
            raise BadDataError(
                f"flag data_path: {name} of {self._path} has integers with more digits than a 64-bit float keeps: {places(large)}; "
                f"declare it ignored if it is an identifier, as in columns: {{{self.names[index]}: ignored}}"
            )
        return values


def _text(column: NDArray[Any]) -> TextColumn:
    distinct, codes = np.unique(column, return_inverse=True)
    known: dict[str, int] = {}
    translated = np.array([known.setdefault(_cell(value), len(known)) for value in distinct], np.int64)
    return TextColumn(tuple(known), translated[codes.reshape(-1)])


def _cell(value: Any) -> str:
    match value:
        case np.bool_():
            return str(bool(value)).lower()
        case bytes():
            return value.decode(errors="replace").strip()
        case np.floating():
            return repr(float(value)).removesuffix(".0")
        case _:
            return str(value).strip()
