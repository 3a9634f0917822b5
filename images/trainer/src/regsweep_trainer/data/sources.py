"""Reads data: those that scikit-learn's wheel brings along, and tables and images in a mounted volume.

The wheel's files are read without importing scikit-learn; a test holds them against its loaders.
Everything wrong with a file is BadDataError, which names the flag or the column and row, never a traceback.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.data import bundled
from regsweep_trainer.data.arrays import ArraysFile
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.files import reading
from regsweep_trainer.data.images import load_images
from regsweep_trainer.data.parquet import SIGNATURE, ParquetFile
from regsweep_trainer.data.tables import SEPARATORS, CsvFile, TableFile
from regsweep_trainer.data.tabular import load_table
from regsweep_trainer.flags import Flags
from regsweep_trainer.models.inputs import Image


def load(flags: Flags) -> Dataset:
    """The data that the flags name. Raises BadDataError, or InvalidFlagsError where flags do not fit the kind of file."""
    if flags.dataset is not None:
        return load_bundled(flags.dataset)
    assert flags.data_path is not None  # parse_flags has seen to it
    path = Path(flags.data_path)
    with reading(path):
        is_folder = path.is_dir()
    if is_folder:
        return _load_folder(path, flags)
    if flags.target is None:
        raise InvalidFlagsError("flag target: missing, data_path needs the name of the column to predict")
    file = _open(path, flags)
    data = load_table(file, flags, str(path))
    if isinstance(file, ArraysFile) and file.image is not None and file.image.size == data.width:
        return replace(data, image=file.image)
    return data


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


def _open(path: Path, flags: Flags) -> TableFile:
    with reading(path), path.open("rb") as file:
        head = file.read(4)
    if head == SIGNATURE:
        return ParquetFile(path)
    if path.suffix.lower() == ".npz":
        return ArraysFile(path)
    separator = None if flags.separator == "auto" else SEPARATORS[flags.separator]
    return CsvFile(path, separator, flags.encoding)


def _load_folder(path: Path, flags: Flags) -> Dataset:
    data = load_images(path, None if flags.image_shape is None else tuple(flags.image_shape))
    tabular = (
        "target",
        "columns",
        "weight_column",
        "group_column",
        "time_column",
        "stratify_column",
        "split_column",
        "label_vocabulary",
    )
    given = [name for name in tabular if getattr(flags, name)]
    if given:
        raise InvalidFlagsError(f"flag {given[0]}: {path} is a folder of images, which has no columns; remove the flag")
    if flags.task == "regression":
        raise InvalidFlagsError(
            f"flag task: {path} is a folder of images, whose target are the folders' names; it is a classification"
        )
    return data
