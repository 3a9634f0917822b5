"""A small table as a CSV file, to be spoilt in one place."""

from pathlib import Path

from regsweep_trainer.dataset import Dataset
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.sources import load

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


def read(folder: Path, text: str | bytes, name: str = "t.csv", **flags: str) -> Dataset:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(parse_flags({"data_path": str(path), "target": "y", **flags}))
