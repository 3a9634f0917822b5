"""What `encoding` makes of rows, as layers of Keras: a saved model has it inside, and loads without this package.

Numbers are standardised in float64, as in training. A category is looked up in a table with a row for each cell, for each word that marks
a missing value, and for what the training rows lack.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.numerals import MISSING_WORDS
from regsweep_trainer.data.typed import MISSING_CATEGORY, Categories
from regsweep_trainer.encoding import Categorised, Encoding
from regsweep_trainer.scaling import Scaling

MOST_NAMED = 200
"""Columns that are an input each; more are one input together."""
GAP = "NaN"
AS_WRITTEN = "as in the file"
NO_GAP = "none: the training rows had none"
TEXT = "text as in the file, without blanks around it"
MEANINGS = {
    "boolean": "1 for true, yes, t, y; 0 for false, no, f, n",
    "date": "days since 1970-01-01 (UTC), with a fraction for the time of day",
}
"""By kind of a column that is a number here and none in the file."""


@dataclass
class Entry:
    """The inputs of a model, and what becomes of them."""

    inputs: dict[str, Any] = field(default_factory=dict)
    """By column; the one input of all columns under the empty name."""
    meanings: dict[str, str] = field(default_factory=dict)
    """What an input takes, where that is not the number in the file, by column."""
    missing: dict[str, str] = field(default_factory=dict)
    """What an input takes for a missing value, by column."""
    parts: list[Any] = field(default_factory=list)
    """Columns of x, in their order."""

    @property
    def given(self) -> Any:
        """As `keras.Model` takes inputs: by column, or the one."""
        return self.inputs.get("", self.inputs)

    @property
    def x(self) -> Any:
        """All columns, float32."""
        return self.parts[0] if len(self.parts) == 1 else keras.layers.Concatenate(dtype="float32")(self.parts)


def entry_of(data: Dataset, encoding: Encoding) -> Entry:
    """The inputs of the data's columns, encoded. Raises InvalidFlagsError where one is text, and TensorFlow does not compute."""
    entry = Entry()
    add_numbers(entry, data, encoding)
    for column, rule in zip(data.categories, encoding.categories, strict=True):
        entry.parts.append(_category(entry, column, rule))
    return entry


def add_numbers(entry: Entry, data: Dataset, encoding: Encoding) -> None:
    """The columns of numbers, standardised, and those that mark gaps."""
    count = data.features.shape[1]
    if not count:
        return
    raw = _numbers(entry, data, count, encoding)
    filled = raw
    if encoding.fills:
        fills = np.zeros(count)
        for index, fill in encoding.fills.items():
            fills[index] = fill
        missing = keras.ops.isnan(raw)
        filled = keras.ops.where(missing, fills, raw)
    entry.parts.append(_standardised(filled, encoding.scaling))
    if encoding.fills:
        gaps = keras.ops.cast(missing, "float32")
        entry.parts += [gaps[:, index : index + 1] for index in encoding.fills]


def _numbers(entry: Entry, data: Dataset, count: int, encoding: Encoding) -> Any:
    """Shape (rows, count), float64."""
    if data.columns and count + len(data.categories) <= MOST_NAMED and data.image is None:
        for name in data.columns:
            add_input(entry, name, "float64")
            entry.missing[name] = GAP if data.columns.index(name) in encoding.fills else NO_GAP
            if name in data.kinds and data.kinds[name].kind in MEANINGS:
                entry.meanings[name] = MEANINGS[data.kinds[name].kind]
        columns = list(entry.inputs.values())
        return columns[0] if count == 1 else keras.layers.Concatenate(dtype="float64")(columns)
    shape: tuple[int, ...] = (count,)
    if data.image is not None and not data.columns:
        shape = (data.image.height, data.image.width, data.image.channels)
    name = "numbers" if data.categories else ""
    given = add_input(entry, name, "float64", shape)
    entry.missing[name] = GAP if encoding.fills else NO_GAP
    if data.columns:
        entry.meanings[name] = f"the columns {', '.join(data.columns)}"
    return given if len(shape) == 1 else keras.layers.Reshape((count,), dtype="float64")(given)


def _standardised(x: Any, scaling: Scaling) -> Any:
    """((x * factor - offset) - mean) / scale, where only fine columns have another factor than 1 and another offset than 0."""
    factor, offset = np.ones(len(scaling.mean)), np.zeros(len(scaling.mean))
    mean, scale = scaling.mean.copy(), scaling.scale.copy()
    for index, fine in scaling.fine.items():
        factor[index], offset[index], mean[index], scale[index] = fine.factor, fine.offset, fine.mean, fine.scale
    # Operations on arrays: layers such as Rescaling would take their numbers through float32.
    if scaling.fine:
        x = x * factor - offset
    return keras.ops.cast((x - mean) / scale, "float32")


def _category(entry: Entry, column: Categories, rule: Categorised) -> Any:
    """Ones and zeros of the category, shape (rows, cells). Raises InvalidFlagsError where TensorFlow does not compute."""
    if (backend := keras.backend.backend()) != "tensorflow":
        raise InvalidFlagsError(
            f"column {show(column.name)} is text, which Keras looks up with TensorFlow alone, and this trainer computes with {backend}"
        )
    given = add_input(entry, column.name, "string")
    entry.missing[column.name] = AS_WRITTEN if rule.fill >= 0 or MISSING_CATEGORY in column.cells else NO_GAP
    entry.meanings[column.name] = TEXT
    known = np.diag(rule.known.astype(np.float32))
    words = [word for word in sorted(MISSING_WORDS) if word not in column.cells]
    missing = known[rule.fill] if rule.fill >= 0 else np.zeros(len(column.cells), np.float32)
    if MISSING_CATEGORY in column.cells:
        missing = known[column.cells.index(MISSING_CATEGORY)]
    return looked_up(given, [*column.cells, *words], np.vstack([known, np.tile(missing, (len(words), 1))]))


def looked_up(given: Any, vocabulary: Sequence[str], table: NDArray[np.float32]) -> Any:
    """The table's row of each word; zeros for words that are not in the vocabulary."""
    index = keras.layers.StringLookup(vocabulary=list(vocabulary), num_oov_indices=1, mask_token=None)(given)
    rows = np.vstack([np.zeros((1, table.shape[1]), np.float32), table])
    return chosen_row(index, rows)


def chosen_row(index: Any, rows: NDArray[np.float32]) -> Any:
    """The row of that index, shape (rows, columns). index: shape (rows, 1)."""
    layer = keras.layers.Embedding(*rows.shape, trainable=False)
    layer.build()
    layer.set_weights([rows])
    return keras.layers.Flatten()(layer(index))


def add_input(entry: Entry, column: str, dtype: str, shape: tuple[int, ...] = (1,)) -> Any:
    """An input of the column, named after it as far as Keras takes the name."""
    name = column if column and "/" not in column else f"input{len(entry.inputs)}"
    entry.inputs[column] = given = keras.Input(shape, dtype=dtype, name=name)
    return given
