"""Columns of text become what their kind says: numbers with gaps, or categories. Pure.

Nothing is guessed of a declared column: a cell that its kind does not have is refused by row. An inferred kind needs all cells to agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import show, visible
from regsweep_trainer.data.numerals import (
    WORDS,
    Notation,
    is_missing,
    is_missing_among_numbers,
    loses_digits,
    notation,
    parse_number,
)
from regsweep_trainer.data.targets import Places, TextColumn
from regsweep_trainer.flags.columns import Column

MOST_CATEGORIES = 1000
MISSING_CATEGORY = "(missing)"
"""The category of missing values that have one of their own."""
TRUTHS = (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("1", "0"))
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers: as written, 1 and 0 for true and false, days since 1970-01-01 (UTC) for dates."""

    name: str
    values: NDArray[np.float64]
    """Shape (rows,); NaN where there is none."""
    missing: str
    """What becomes of NaN; see flags.columns."""


@dataclass(frozen=True, slots=True)
class Categories:
    name: str
    cells: tuple[str, ...]
    """The categories, sorted; one for missing values last, if they have one of their own."""
    codes: NDArray[np.int64]
    """Shape (rows,): the index of the row's category; -1 where there is none."""


Typed = Numbers | Categories


def read_column(column: TextColumn, name: str, spec: Column, where: str, places: Places) -> Typed:
    """The column as its kind says. `where` names it in errors. Raises BadDataError, which names the row."""
    reader = {"numeric": _number, "bucketized": _number, "boolean": _boolean(column), "date": _date}
    gaps = _gaps(column, spec.kind)
    if gaps and spec.missing == "refuse":
        raise BadDataError(
            f"{where} has no value in {len(column.rows_of(gaps))} of {len(column.codes)} rows, but {show(column.cells[gaps[0]])}: "
            f"{places(column.rows_of(gaps))}; fill them in, remove the rows, or declare what becomes of them, as in columns: "
            f"{{{name}: {{kind: {spec.kind}, missing: {_suggested(spec.kind)}}}}}"
        )
    if len(gaps) == len(column.cells):
        raise BadDataError(f"{where} has no value in any row; declare it ignored, as in columns: {{{name}: ignored}}")
    if spec.kind in ("categorical", "hashed"):
        return _categories(column, name, spec, gaps, where, places)
    values = np.full(len(column.cells), np.nan)
    for code, cell in enumerate(column.cells):
        if code not in gaps:
            try:
                values[code] = reader[spec.kind](cell)
            except ValueError as error:
                raise BadDataError(
                    f"{where} is {spec.kind}, but has {show(cell)} in {places(column.rows_of([code]))}: {error}"
                ) from error
    return Numbers(name, values[column.codes], spec.missing)


def infer(column: TextColumn, name: str, where: str, places: Places) -> Column:
    """The kind that all cells agree on. Raises BadDataError where none does, or where nearly all are numbers."""
    gaps = set(_gaps(column, "numeric"))
    cells = [(code, cell) for code, cell in enumerate(column.cells) if code not in gaps]
    others = [code for code, cell in cells if parse_number(cell) is None]
    if not others:
        return Column(kind="numeric", missing="mean")
    gaps = set(_gaps(column, "categorical"))
    cells = [(code, cell) for code, cell in enumerate(column.cells) if code not in gaps]
    words = {cell.casefold() for _, cell in cells}
    if any(words <= set(pair) for pair in TRUTHS):
        return Column(kind="boolean", missing="most_frequent")
    if all(notation(cell) is Notation.DATE for _, cell in cells):
        return Column(kind="date", missing="mean")
    _refuse_damaged_numbers(column, [code for code, _ in cells], others, where, places)
    if len(cells) > min(MOST_CATEGORIES, len(column.codes) / 2):
        raise BadDataError(
            f"{where} has {len(cells)} distinct texts in {len(column.codes)} rows, such as {show(cells[0][1])}, as identifiers and free "
            f"text have; declare it, as in columns: {{{name}: ignored}}"
        )
    return Column(kind="categorical", missing="category")


def _refuse_damaged_numbers(
    column: TextColumn, codes: Sequence[int], others: Sequence[int], where: str, places: Places
) -> None:
    if 2 * len(others) < len(codes):
        cell = column.cells[others[0]]
        what, remedy = WORDS[notation(cell)]
        raise BadDataError(
            f"{where} has numbers, and {show(cell)} in {places(column.rows_of(others))}, which is {what}: {remedy}; or declare its kind "
            "in the flag columns"
        )


def _gaps(column: TextColumn, kind: str) -> list[int]:
    """The codes of cells that mark a missing value."""
    numeric = kind in ("numeric", "bucketized")
    return [
        code
        for code, cell in enumerate(column.cells)
        if is_missing(cell) or (numeric and is_missing_among_numbers(cell))
    ]


def _suggested(kind: str) -> str:
    return "category" if kind in ("categorical", "hashed") else "mean"


def _number(cell: str) -> float:
    value = parse_number(cell)
    if value is None:
        what, remedy = WORDS[notation(cell)]
        raise ValueError(f"{what}; {remedy}")
    if loses_digits(cell):
        raise ValueError(
            "an integer with more digits than a 64-bit float keeps; declare the column categorical or ignored"
        )
    return value


def _boolean(column: TextColumn) -> Callable[[str], float]:
    """The reader of cells that are all of one pair of truth values."""
    words = {cell.casefold() for cell in column.cells if not is_missing(cell)}
    pair = next((pair for pair in TRUTHS if words & set(pair)), TRUTHS[0])

    def read(cell: str) -> float:
        if cell.casefold() not in pair:
            raise ValueError(
                f"want {pair[0]} or {pair[1]}; other pairs are {', '.join('/'.join(p) for p in TRUTHS if p != pair)}"
            )
        return float(cell.casefold() == pair[0])

    return read


def _date(cell: str) -> float:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(
            "want a date such as 2026-11-25 or 2026-11-25T17:30:00, or with an offset, such as +01:00"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.timestamp() / SECONDS_PER_DAY


def _categories(
    column: TextColumn, name: str, spec: Column, gaps: Sequence[int], where: str, places: Places
) -> Categories:
    own = [code for code in range(len(column.cells)) if code not in gaps]
    first: dict[str, int] = {}
    for code in own:
        other = first.setdefault(visible(column.cells[code]), code)
        if other != code:
            one, two = (f"{show(column.cells[c])} in {places(column.rows_of([c]))}" for c in (other, code))
            raise BadDataError(
                f"{where}: the categories {one} and {two} look the same; use one spelling for each category"
            )
    if len(own) > MOST_CATEGORIES and spec.kind == "categorical":
        raise BadDataError(f"{where}: {len(own)} distinct values; a categorical column may have {MOST_CATEGORIES}")
    order = sorted(own, key=lambda code: column.cells[code])
    rank = np.full(len(column.cells), -1, np.int64)
    rank[order] = np.arange(len(order))
    cells = tuple(column.cells[code] for code in order)
    if spec.missing == "category" and gaps:
        rank[list(gaps)] = len(cells)
        cells = (*cells, MISSING_CATEGORY)
    return Categories(name, cells, rank[column.codes])
