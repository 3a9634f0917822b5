"""Reads data from files: those that scikit-learn's wheel brings along, and CSV files in a mounted volume.

The wheel's files are read without importing scikit-learn, which costs a second of CPU; a test holds them against its loaders.
Everything wrong with a file is BadDataError, which names the flag or the column and row, never a traceback.
"""

import csv
import gzip
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.dataset import Dataset, encode_target
from regsweep_trainer.flags import Flags

MARKS = ("train", "val", "test")


def load(flags: Flags) -> Dataset:
    """The data that the flags name. Raises BadDataError."""
    if flags.dataset is not None:
        return load_bundled(flags.dataset)
    assert flags.data_path is not None  # parse_flags has seen to it
    assert flags.target is not None
    return load_csv(Path(flags.data_path), flags.target, flags.split_column, flags.task)


def load_bundled(name: str) -> Dataset:
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise BadDataError(f"flag dataset: {name} comes with scikit-learn, which this image lacks; use data_path")
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    if name == "diabetes":
        features = np.loadtxt(folder / "diabetes_data_raw.csv.gz")
        return Dataset(name, features, np.loadtxt(folder / "diabetes_target.csv.gz"), None)
    if name == "digits":
        table = np.loadtxt(folder / "digits.csv.gz", delimiter=",")
        return Dataset(name, table[:, :-1], table[:, -1], tuple(str(digit) for digit in range(10)))
    path = folder / {"breast_cancer": "breast_cancer.csv", "wine": "wine_data.csv", "iris": "iris.csv"}[name]
    lines = path.read_text().splitlines()
    classes = tuple(lines[0].split(",")[2:])
    table = np.loadtxt(lines[1:], delimiter=",")
    return Dataset(name, table[:, :-1], table[:, -1], classes)


def load_csv(path: Path, target: str, split_column: str | None, task: str) -> Dataset:
    header, rows = _read(path)
    column = _column("target", target, header, path)
    marks = None
    skipped = {column}
    if split_column is not None:
        mark_column = _column("split_column", split_column, header, path)
        skipped.add(mark_column)
        marks = tuple(_mark(row[mark_column], number, split_column) for number, row in enumerate(rows, start=1))
    kept = [index for index in range(len(header)) if index not in skipped]
    if not kept:
        raise BadDataError(
            f"flag data_path: {path} has no column beside {', '.join(header)}; there is nothing to predict from"
        )
    cells = [row[column].strip() for row in rows]
    for number, cell in enumerate(cells, start=1):
        if not cell:
            raise BadDataError(f"flag target: column {target!r} is empty in row {number} of {path}")
    values, classes = encode_target(cells, task, f"flag target: column {target!r} of {path}")
    return Dataset(path.name, _features(rows, header, kept, path), values, classes, marks)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """(header, rows), every row as long as the header; empty lines are left out."""
    try:
        with (
            gzip.open(path, "rt", newline="", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else path.open(newline="", encoding="utf-8-sig") as file
        ):
            lines = [line for line in csv.reader(file) if line]
    except (OSError, EOFError) as error:
        raise BadDataError(
            f"flag data_path: cannot read {path}: {getattr(error, 'strerror', None) or error}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"flag data_path: {path} is no CSV file in UTF-8: {error}") from error
    if len(lines) < 2:
        raise BadDataError(f"flag data_path: {path} has {len(lines)} lines; a header and rows of numbers are needed")
    header = [name.strip() for name in lines[0]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadDataError(f"flag data_path: {path} names more than one column {', '.join(map(repr, twice))}")
    for number, row in enumerate(lines[1:], start=1):
        if len(row) != len(header):
            raise BadDataError(f"flag data_path: row {number} of {path} has {len(row)} cells, the header {len(header)}")
    return header, lines[1:]


def _column(flag: str, name: str, header: Sequence[str], path: Path) -> int:
    if name not in header:
        there_is = ", ".join(header[:20]) + (f" and {len(header) - 20} more" if len(header) > 20 else "")
        raise BadDataError(f"flag {flag}: {path} has no column {name!r}; there is {there_is}")
    return list(header).index(name)


def _mark(cell: str, number: int, split_column: str) -> str:
    if cell.strip() not in MARKS:
        raise BadDataError(f"flag split_column: {split_column!r} has {cell!r} in row {number}, want {', '.join(MARKS)}")
    return cell.strip()


def _features(rows: list[list[str]], header: list[str], kept: list[int], path: Path) -> NDArray[np.float64]:
    try:
        features = np.array([[float(row[index]) for index in kept] for row in rows], dtype=np.float64)
        if np.isfinite(features).all():
            return features
    except ValueError:
        pass
    for number, row in enumerate(rows, start=1):
        for index in kept:
            try:
                wrong = not np.isfinite(float(row[index]))
            except ValueError:
                wrong = True
            if wrong:
                raise BadDataError(
                    f"flag data_path: column {header[index]!r} has {row[index]!r} in row {number} of {path}, want a finite "
                    "number; encode categories as numbers and fill what is missing, or leave the column out"
                )
    raise AssertionError("a cell that is no number was there a moment ago")
