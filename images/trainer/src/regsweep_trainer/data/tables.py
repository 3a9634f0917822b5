"""Tables of numbers and labels from CSV files: the header, the separator, and all rows put together (`rows` reads them)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import check_names, show
from regsweep_trainer.data.files import Block, read_blocks
from regsweep_trainer.data.rows import Layout, Lines, cells_by_line, check_quotes, read_rows
from regsweep_trainer.data.targets import Places, TextColumn

SEPARATORS = MappingProxyType({"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"})
SAMPLED_ROWS = 100  # looked at to recognise the separator


@dataclass(frozen=True, slots=True)
class Table:
    numbers: NDArray[np.float64]
    """Shape (rows, columns): the columns that are not text, in the file's order; all finite."""
    texts: tuple[TextColumn, ...]
    """The requested columns as strings, in the requested order."""
    places: Places
    """Rows in words."""


class TableFile(Protocol):
    """A table of which the names of the columns are known; its rows have not been read."""

    names: tuple[str, ...]
    kinds: tuple[str | None, ...]
    """By column the kind as which the file stores it; `None`: text that may be anything."""

    def read(self, texts: Sequence[int]) -> Table: ...


class CsvFile:
    """A CSV file whose header has been read and whose rows have not."""

    def __init__(self, path: Path, separator: str | None = None, encoding: str = "utf-8") -> None:
        """separator: a character; `None`: the one of SEPARATORS that parts header and rows alike. Raises BadDataError."""
        self._file = str(path)
        blocks = read_blocks(path, encoding)
        self._lines, header, first = _take_header(blocks, self._file)
        if header.startswith("sep=") and len(header) <= len("sep=;"):
            raise BadDataError(
                f"flag data_path: line {self._lines.header} of {path} is {show(header)}, which only Excel reads; remove it, and set "
                "the flag separator if the header does not determine it"
            )
        self._separator = separator or _recognise_separator(header, first, self._file)
        self.names = tuple(_cells(header, self._lines.header, self._separator, self._file))
        check_names(self.names, self._file)
        self.kinds: tuple[str | None, ...] = (None,) * len(self.names)
        self._blocks = chain([first], blocks)

    def read(self, texts: Sequence[int]) -> Table:
        """All rows; `texts` are the indices of the columns that are text. To be called once. Raises BadDataError."""
        layout = Layout(self._file, self.names, self._separator, tuple(texts))
        numbers = np.empty((0, len(layout.numbers)))
        columns = [_Growing() for _ in texts]
        for block in self._blocks:
            rows = read_rows(block, layout, self._lines)
            count = len(numbers)
            # Grows in place; concatenating in the end would take twice the memory. Nothing else refers to the array.
            numbers.resize((count + len(rows.numbers), len(layout.numbers)), refcheck=False)
            numbers[count:] = rows.numbers
            for column, (cells, codes) in zip(columns, rows.texts, strict=True):
                column.add(cells, codes)
        if not len(numbers):
            raise BadDataError(f"flag data_path: {self._file} has a header and no rows")
        return Table(numbers, tuple(column.whole() for column in columns), self._lines.places)


class _Growing:
    """A column of text that comes in parts."""

    def __init__(self) -> None:
        self._codes_of_cells: dict[str, int] = {}
        self._parts: list[NDArray[np.int64]] = []

    def add(self, cells: Sequence[str], codes: NDArray[np.int64]) -> None:
        """cells: distinct or not, stripped or not; codes: per row the index of its cell."""
        known = self._codes_of_cells
        translated = [known.setdefault(cell.strip(), len(known)) for cell in cells]
        self._parts.append(np.array(translated, dtype=np.int64)[codes])

    def whole(self) -> TextColumn:
        return TextColumn(tuple(self._codes_of_cells), np.concatenate(self._parts))


def _take_header(blocks: Iterator[Block], file: str) -> tuple[Lines, str, Block]:
    """(position of the rows, the header, the rest of its block): the header is the first line that is not blank."""
    for block in blocks:
        line, rest = block.first_line, block.text.lstrip(b"\n")
        line += len(block.text) - len(rest)
        header, _, below = rest.partition(b"\n")
        if header:
            return Lines(line), header.decode(), Block(line + 1, below)
    raise BadDataError(f"flag data_path: {file} is empty; a header and rows of numbers are needed")


def _recognise_separator(header: str, below: Block, file: str) -> str:
    """The only separator that parts the header; of several, the only one by which the first rows have as many cells; of none, the comma."""
    headers = {separator: _split(header, separator) for separator in SEPARATORS.values()}
    parting = [separator for separator, names in headers.items() if len(names) > 1]
    fitting = parting
    if len(fitting) > 1:
        sample = below.text[: 1 << 20].decode(errors="replace").split("\n")[:-1]
        rows = [line for line in sample if line][:SAMPLED_ROWS]
        fitting = [s for s in fitting if all(len(_split(row, s)) == len(headers[s]) for row in rows)]
    if len(fitting) > 1:  # a tab may be a blank beside a comma
        fitting = [
            s for s in fitting if not any(other in name for name in headers[s] for other in parting if other != s)
        ]
    if parting and len(fitting) != 1:
        names = " or ".join(name for name, separator in SEPARATORS.items() if separator in parting)
        raise BadDataError(
            f"flag data_path: the separator of {file} is {names}: each splits the header {show(header)}, and the first rows do not "
            "decide; set the flag separator"
        )
    return fitting[0] if fitting else SEPARATORS["comma"]


def _split(line: str, separator: str) -> list[str]:
    """The cells; none where the line cannot be split by this separator."""
    try:
        return _cells(line, 1, separator, "")
    except BadDataError:
        return []


def _cells(line: str, number: int, separator: str, file: str) -> list[str]:
    """The cells of the line of that number. Raises BadDataError where quotation marks are not around cells."""
    block, layout, lines = Block(number, f"{line}\n".encode()), Layout(file, (), separator, ()), Lines(number)
    check_quotes(block, layout, lines)
    ((_, cells),) = cells_by_line(block, layout, lines)
    return cells
