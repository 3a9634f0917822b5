"""A small table as a CSV file, to be spoilt in one place."""

from pathlib import Path
from typing import Any

from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import parse_flags

FEATURES = [f"{i * 37 % 101 / 8 - 3!r},{i * 17 % 23}" for i in range(60)]
LABELS = [("no", "yes")[i * 3 % 5 % 2] for i in range(60)]


def table(*, labels: list[str] = LABELS, features: list[str] = FEATURES, header: str = "a,b,y", end: str = "\n") -> str:
    rows = [f"{numbers},{label}" for numbers, label in zip(features, labels, strict=True)]
    return end.join([header, *rows, ""])


def changed(row: int, line: str) -> str:
    """The table with another line in the place of a row (from 1)."""
    lines = table().split("\n")
    lines[row] = line
    return "\n".join(lines)


def read(folder: Path, text: str | bytes, name: str = "t.csv", **flags: Any) -> Dataset:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, **flags)


def read_csv(path: Path, **flags: Any) -> Dataset:
    return load(parse_flags({"data_path": str(path), "target": "y", **flags}))
