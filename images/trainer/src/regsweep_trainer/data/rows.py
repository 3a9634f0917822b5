"""The rows in a block of a CSV file: numbers and labels, read strictly. Every row has the header's cells, every cell is on one line.

pyarrow splits the lines and converts the numbers. Where it refuses, or would be more lenient than `numerals`, the block is read again
cell by cell: that finds the place to name, or the numbers that are only written unusually. Both ways give the same rows.
"""

import csv
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import MOST_SHOWN, show
from regsweep_trainer.data.files import Block
from regsweep_trainer.data.numerals import EXACT_INTEGERS, WORDS, Notation, loses_digits, notation, parse_number

MOST_PLACES = 5  # rows named in an error
MOST_BLANK_LINES = 1_000_000

DECLARABLE = {
    Notation.TEXT: "categorical",
    Notation.TRUTH_VALUE: "boolean",
    Notation.DATE: "date",
    Notation.MISSING: "{kind: numeric, missing: mean}",
}
"""By what a cell is instead of a number, a kind that its column may have."""

_QUOTE, _LF = ord('"'), ord("\n")


@dataclass(frozen=True)
class Layout:
    """What is known of a file once its header is read."""

    file: str
    """The file's name for errors."""
    names: tuple[str, ...]
    separator: str
    texts: tuple[int, ...]
    """Indices of the columns that are text; all others are numbers."""

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        return tuple(index for index in range(len(self.names)) if index not in self.texts)


@dataclass(slots=True)
class Lines:
    """Positions of the rows in the file. Rows and lines count from 1; blank lines are not rows."""

    header: int
    """The header's line."""
    blank: list[int] = field(default_factory=list)
    """Blank lines below the header, ascending."""

    def note_blank(self, block: Block, file: str) -> None:
        if block.text.startswith(b"\n") or b"\n\n" in block.text:
            ends = np.flatnonzero(np.frombuffer(block.text, np.uint8) == _LF)
            starts = np.concatenate([[0], ends[:-1] + 1])
            self.blank.extend((np.flatnonzero(ends == starts) + block.first_line).tolist())
            if len(self.blank) > MOST_BLANK_LINES:
                raise BadDataError(
                    f"flag data_path: {file} has more than {MOST_BLANK_LINES} blank lines; is it a table?"
                )

    def at(self, line: int) -> str:
        """The row on that line, or the header, in words."""
        if line == self.header:
            return f"the header (line {line})"
        return f"row {line - self.header - bisect_left(self.blank, line)} (line {line})"

    def place(self, row: int) -> str:
        """The row of that number, in words."""
        line = row + self.header
        for blank in self.blank:
            if blank > line:
                break
            line += 1
        return f"row {row} (line {line})"

    def places(self, indices: NDArray[np.int64]) -> str:
        """Rows by index (from 0), in words; the first few of them."""
        more = f" and {len(indices) - MOST_PLACES} more" if len(indices) > MOST_PLACES else ""
        return ", ".join(self.place(int(index) + 1) for index in indices[:MOST_PLACES]) + more


@dataclass(frozen=True, slots=True)
class Rows:
    numbers: NDArray[np.float64]
    """Shape (rows, columns of numbers)."""
    texts: tuple[tuple[Sequence[str], NDArray[np.int64]], ...]
    """Per column of text: its distinct cells, and per row the index of its cell."""


def read_rows(block: Block, layout: Layout, lines: Lines) -> Rows:
    """The block's rows; its blank lines are noted in `lines`. Raises BadDataError."""
    lines.note_blank(block, layout.file)
    check_quotes(block, layout, lines)
    rows = read_by_columns(block, layout)
    if rows is None:
        return read_by_cells(block, layout, lines)
    _check_digits(block, layout, lines, rows.numbers)
    return rows


def read_by_columns(block: Block, layout: Layout) -> Rows | None:
    """The block's rows by pyarrow; `None` where it refuses, or where a number is not finite. Needs cells whose quotes were checked."""
    import pyarrow as pa

    try:
        table = _parse(block, layout, layout.texts)
    except pa.ArrowInvalid:
        return None
    numbers = np.empty((table.num_rows, len(layout.numbers)))
    for position, index in enumerate(layout.numbers):
        numbers[:, position] = table.column(str(index)).to_numpy()
    if not np.isfinite(numbers).all():
        return None
    encoded = [table.column(str(index)).combine_chunks().dictionary_encode() for index in layout.texts]
    texts = tuple((cells.dictionary.to_pylist(), cells.indices.to_numpy().astype(np.int64)) for cells in encoded)
    return Rows(numbers, texts)


def read_by_cells(block: Block, layout: Layout, lines: Lines) -> Rows:
    """The block's rows cell by cell. Raises BadDataError with the first cell or row that is wrong."""
    numbers: list[list[float]] = []
    columns: list[list[str]] = [[] for _ in layout.texts]
    for number, cells in cells_by_line(block, layout, lines):
        if len(cells) != len(layout.names):
            raise BadDataError(_wrong_count(cells, layout, lines.at(number)))
        wrong = [index for index in layout.numbers if not _is_number(cells[index])]
        if wrong:
            raise BadDataError(_wrong_cells(cells, wrong, lines.at(number), layout))
        numbers.append([float(cells[index]) for index in layout.numbers])
        for column, index in zip(columns, layout.texts, strict=True):
            column.append(cells[index])
    texts = tuple((column, np.arange(len(column))) for column in columns)
    return Rows(np.array(numbers).reshape(len(numbers), len(layout.numbers)), texts)


def _parse(block: Block, layout: Layout, texts: Sequence[int], include: Sequence[int] | None = None) -> Any:
    """The block as a pyarrow.Table, its columns named by index; `include`: only those. Raises pyarrow.ArrowInvalid."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    pa.enable_signal_handlers(False)  # its own would delay the answer to SIGTERM (see `stopping`)
    names = [str(index) for index in range(len(layout.names))]
    types = {name: pa.string() if index in texts else pa.float64() for index, name in enumerate(names)}
    return pa_csv.read_csv(
        pa.BufferReader(block.text),
        # One block and one thread: the block is small, and the pod may have one core.
        read_options=pa_csv.ReadOptions(column_names=names, block_size=len(block.text) + 1, use_threads=False),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.separator, quote_char='"' if b'"' in block.text else False, newlines_in_values=False
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=None if include is None else [names[index] for index in include],
            null_values=[],
            strings_can_be_null=False,
        ),
    )


def check_quotes(block: Block, layout: Layout, lines: Lines) -> None:
    """Raises BadDataError where a quoted cell does not end on its line, or quotation marks are not around cells.

    Within a line quotation marks open and close by turns, `""` within a quoted cell being a close and an open: so an opening one follows
    a separator, the line's start or another one, and a closing one comes before a separator, the line's end or another one.
    """
    if b'"' not in block.text:
        return
    text = np.frombuffer(block.text, np.uint8)
    marks = np.flatnonzero(text == _QUOTE)
    ends = np.flatnonzero(text == _LF)
    before = np.searchsorted(marks, ends)  # number of marks before the end of each line
    odd = np.flatnonzero(np.diff(before, prepend=0) % 2)
    if len(odd):
        raise BadDataError(
            f"flag data_path: {layout.file} has an unmatched quotation mark in {lines.at(block.first_line + int(odd[0]))}; "
            'close the cell on the line where it opens, and double quotation marks within text ("")'
        )
    opening, closing = marks[0::2], marks[1::2]
    allowed = np.zeros(256, bool)
    allowed[[_QUOTE, _LF, ord(layout.separator)]] = True
    # Before the first character comes, as index -1, the last one: LF.
    misplaced = ~allowed[text[opening - 1]] | ~allowed[text[closing + 1]]
    if misplaced.any():
        line = int(np.searchsorted(ends, opening[np.argmax(misplaced)]))
        raise BadDataError(
            f"flag data_path: {layout.file} has a quotation mark within a cell in {lines.at(block.first_line + line)}; quote the whole "
            'cell, without spaces around it, and double quotation marks within text ("")'
        )


def _check_digits(block: Block, layout: Layout, lines: Lines, numbers: NDArray[np.float64]) -> None:
    """Raises BadDataError where an integer has more digits than a float64 keeps."""
    if not len(numbers):
        return
    largest = np.maximum(numbers.max(axis=0), -numbers.min(axis=0))
    large = [index for index, most in zip(layout.numbers, largest, strict=True) if most >= EXACT_INTEGERS]
    if not large:
        return
    table = _parse(block, layout, large, include=large)
    for index in large:
        if any(loses_digits(cell.strip()) for cell in table.column(str(index)).unique().to_pylist()):
            read_by_cells(block, layout, lines)  # raises: it knows the line


def cells_by_line(block: Block, layout: Layout, lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """(line, its stripped cells) for each line that is not blank."""
    for number, line in enumerate(block.text.decode().split("\n"), start=block.first_line):
        if line:
            try:
                cells = next(csv.reader([line], delimiter=layout.separator, strict=True))
            except csv.Error as error:
                raise BadDataError(
                    f"flag data_path: {layout.file} cannot be read in {lines.at(number)}: {error}"
                ) from error
            yield number, [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    return parse_number(cell) is not None and not loses_digits(cell)


def _wrong_cells(cells: Sequence[str], wrong: Sequence[int], place: str, layout: Layout) -> str:
    """What the first of the cells at these indexes is, and what to do: about all of them where their columns can be declared."""
    cell = cells[wrong[0]]
    what, remedy = WORDS[notation(cell)]
    if parse_number(cell) is not None:
        what = "an integer with more digits than a 64-bit float keeps"
        remedy = "remove the column if it is an identifier, else subtract or divide by a constant"
    kinds = {layout.names[index]: DECLARABLE.get(notation(cells[index])) for index in wrong}
    named = [f"{name}: {kind}" for name, kind in kinds.items() if kind is not None]
    declare = ""
    if kinds[layout.names[wrong[0]]] is not None:
        columns = "the column" if len(named) == 1 else f"the {len(named)} columns like it"
        more = ", ..." if len(named) > MOST_SHOWN else ""
        declare = f", or declare {columns}, as in columns: {{{', '.join(named[:MOST_SHOWN])}{more}}}, or set column_kinds: inferred"
    return (
        f"flag data_path: column {show(layout.names[wrong[0]])} has {show(cell)} in {place} of {layout.file}, which is {what}; "
        f"want a finite number in every cell: {remedy}{declare}"
    )


def _wrong_count(cells: Sequence[str], layout: Layout, place: str) -> str:
    got, want = len(cells), len(layout.names)
    hint = ""
    if got == want + 1:
        hint = "; if the first cell is a row name, remove row names (R: row.names=FALSE)"
    elif got > want:
        hint = f"; quote cells that contain the separator {show(layout.separator)}, and write decimal points"
    start = show(layout.separator.join(cells))
    return (
        f"flag data_path: {place} of {layout.file} has {got} {'cell' if got == 1 else 'cells'}, the header has {want}: "
        f"{start}{hint}"
    )
