"""Reads data from files: those that scikit-learn's wheel brings along, and CSV files in a mounted volume.

The wheel's files are read without importing scikit-learn; a test holds them against its loaders.
Everything wrong with a file is BadDataError, which names the flag or the column and row, never a traceback.
"""

from pathlib import Path

import numpy as np

from regsweep_kit.errors import BadDataError
from regsweep_trainer import bundled
from regsweep_trainer.columns import find_column, show
from regsweep_trainer.dataset import Dataset
from regsweep_trainer.flags import Flags
from regsweep_trainer.models.inputs import Image
from regsweep_trainer.plausibility import check_features, check_scale
from regsweep_trainer.rows import Lines
from regsweep_trainer.tables import SEPARATORS, CsvFile
from regsweep_trainer.targets import TextColumn, encode_target

MARKS = ("train", "val", "test")


def load(flags: Flags) -> Dataset:
    """The data that the flags name. Raises BadDataError."""
    if flags.dataset is not None:
        return load_bundled(flags.dataset)
    assert flags.data_path is not None  # parse_flags has seen to it
    assert flags.target is not None
    separator = None if flags.separator == "auto" else SEPARATORS[flags.separator]
    return load_csv(Path(flags.data_path), flags.target, flags.split_column, flags.task, separator)


def load_bundled(name: str) -> Dataset:
    first, *others = bundled.paths(name)
    if name == "diabetes":
        return Dataset(name, np.loadtxt(first), np.loadtxt(others[0]), None)
    if name == "digits":
        table = np.loadtxt(first, delimiter=",")
        classes = tuple(str(digit) for digit in range(10))
        return Dataset(name, table[:, :-1], table[:, -1], classes, image=Image(8, 8, 1))
    lines = first.read_text().splitlines()
    classes = tuple(lines[0].split(",")[2:])
    table = np.loadtxt(lines[1:], delimiter=",")
    return Dataset(name, table[:, :-1], table[:, -1], classes)


def load_csv(path: Path, target: str, split_column: str | None, task: str, separator: str | None = None) -> Dataset:
    """separator: a character; `None`: recognised. Raises BadDataError."""
    file = CsvFile(path, separator)
    predicted = find_column("target", target, file.names, str(path))
    marked = None if split_column is None else find_column("split_column", split_column, file.names, str(path))
    if marked == predicted:
        raise BadDataError(f"flag split_column: {show(file.names[predicted])} is the target")
    texts = [predicted] if marked is None else [predicted, marked]
    names = tuple(name for index, name in enumerate(file.names) if index not in texts)
    if not names:
        raise BadDataError(
            f"flag data_path: {path} has no column beside {', '.join(map(show, file.names))}; there are no features"
        )
    table = file.read(texts)
    where = f"flag target: column {show(file.names[predicted])} of {path}"
    column, *others = table.texts
    encoded = encode_target(column, task, where, table.lines.places)
    notes = encoded.notes + check_features(table.numbers, names, str(path), table.lines.places)
    if encoded.classes is None:
        note = check_scale(encoded.values, where, table.lines.places)
        notes += () if note is None else (note,)
    marks = None if split_column is None else _marks(others[0], split_column, table.lines)
    return Dataset(path.name, table.numbers, encoded.values, encoded.classes, marks, columns=names, notes=notes)


def _marks(column: TextColumn, name: str, lines: Lines) -> tuple[str, ...]:
    wrong = [code for code, cell in enumerate(column.cells) if cell not in MARKS]
    if wrong:
        raise BadDataError(
            f"flag split_column: {show(name)} has {show(column.cells[wrong[0]])} in {lines.places(column.rows_of(wrong[:1]))}, "
            f"want {', '.join(MARKS)}"
        )
    return tuple(column.cells[code] for code in column.codes.tolist())
