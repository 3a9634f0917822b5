"""A table of columns as lines of a terminal, with what was left out for lack of room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from regsweep.report.columns import Column, fit
from regsweep.report.text import Charset


def plain_table(columns: Sequence[Column], width: int, charset: Charset) -> tuple[list[Text], list[str]]:
    """(header and rows, the headers of columns that did not fit)."""
    kept, gutter, left_out = fit([column.shown(charset) for column in columns], width)
    if not kept:
        return [], left_out
    lines = [Text(_line((c.header for c in kept), kept, gutter), style="dim")]
    lines += [Text(_line(cells, kept, gutter)) for cells in _rows(kept)]
    return lines, left_out


def _rows(columns: Sequence[Column]) -> Iterator[tuple[str, ...]]:
    return zip(*(column.cells for column in columns), strict=True)


def _line(cells: Iterable[str], columns: Sequence[Column], gutter: int) -> str:
    padded = []
    for cell, column in zip(cells, columns, strict=True):
        blanks = " " * (column.width - cell_len(cell))
        padded.append(blanks + cell if column.right else cell + blanks)
    return (" " * gutter).join(padded).rstrip()
