"""What is predicted: a column of text becomes classes or numbers. Pure.

Classes are identified by the strings in their cells, and ordered as numbers where all are numbers, else as text. Nothing is merged: two
spellings of one number, or two labels that look the same, are refused, and so is whatever marks a missing value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import show, visible
from regsweep_trainer.data.numerals import (
    WORDS,
    Notation,
    exact_value,
    is_missing,
    is_missing_among_numbers,
    loses_digits,
    notation,
    parse_number,
)

MOST_CLASSES = 1000  # beyond it a target is hardly meant as classes; protects against an id column chosen as target
MOST_NUMERIC_CLASSES = 20  # whole numbers with more distinct values than this are a regression, unless `task` is set
LARGEST_SPREAD, SMALLEST_SPREAD = 1e150, 1e-150  # of a regression's target: squared errors stay within float64


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of text, each distinct cell kept once."""

    cells: tuple[str, ...]
    """The distinct cells, stripped, in the order in which they first appear."""
    codes: NDArray[np.int64]
    """Shape (rows,): the index of the row's cell."""

    def rows_of(self, codes: Iterable[int]) -> NDArray[np.int64]:
        """The rows, from 0, whose cell is one of those."""
        return np.flatnonzero(np.isin(self.codes, list(codes)))


@dataclass(frozen=True, slots=True)
class Target:
    values: NDArray[np.float64]
    """Shape (rows,): the class's index, or the number to predict."""
    classes: tuple[str, ...] | None
    """The classes' cells, the positive one of two last; `None` for a regression."""
    notes: tuple[str, ...] = ()
    """What a person should know about it, though it is no error."""


Places = Callable[[NDArray[np.int64]], str]
"""Rows (from 0) in words: `row 3 (line 4)`."""


def encode_target(
    column: TextColumn, task: str, where: str, places: Places, vocabulary: Sequence[str] | None = None
) -> Target:
    """The target as `task` (auto, classification, regression) says. `where` names the column in errors.

    vocabulary: the classes in the order of their indices, which makes it a classification; `None`: the labels that occur, sorted.

    Raises BadDataError: missing values, labels that could be confused, too few or too many classes, no numbers for a regression.
    """
    _check_missing(column, where, places)
    if vocabulary is not None:
        return _by_vocabulary(column, vocabulary, where, places)
    numbers = [parse_number(cell) for cell in column.cells]
    values = [number for number in numbers if number is not None]
    others = [code for code, number in enumerate(numbers) if number is None]
    if task == "auto":
        _check_mixture(column, values, others, where, places)
    if task == "regression" and others:
        raise BadDataError(
            f"{where}: {_example(column, others, places)}, but task regression needs a finite number in every row"
        )
    if not others and (task == "regression" or (task == "auto" and _looks_continuous(values))):
        return Target(_regression(column, np.array(values), where, places), None)
    return _classification(column, others, where, places)


def _by_vocabulary(column: TextColumn, vocabulary: Sequence[str], where: str, places: Places) -> Target:
    rank = {label: index for index, label in enumerate(vocabulary)}
    unknown = [code for code, cell in enumerate(column.cells) if cell not in rank]
    if unknown:
        raise BadDataError(
            f"{where}: {show(column.cells[unknown[0]])} in {places(column.rows_of(unknown[:1]))} is not in label_vocabulary "
            f"({', '.join(map(show, vocabulary[:20]))}); add it, or correct the cell"
        )
    codes = np.array([rank[cell] for cell in column.cells], np.float64)
    return Target(codes[column.codes], tuple(vocabulary))


def _check_missing(column: TextColumn, where: str, places: Places) -> None:
    missing = [code for code, cell in enumerate(column.cells) if is_missing(cell)]
    others = [cell for code, cell in enumerate(column.cells) if code not in missing]
    words = [code for code, cell in enumerate(column.cells) if is_missing_among_numbers(cell)]
    if len(words) == 1 and sum(parse_number(cell) is not None for cell in others) == len(others) - 1 > 1:
        missing += words
    if missing:
        cells = ", ".join(show(column.cells[code]) for code in missing[:5])
        rows = column.rows_of(missing)
        raise BadDataError(
            f"{where} has no value in {len(rows)} of {len(column.codes)} rows, but {cells}: {places(rows)}; fill in the missing values "
            "or remove these rows; rename a class of that name"
        )


def _check_mixture(
    column: TextColumn, values: Sequence[float], others: Sequence[int], where: str, places: Places
) -> None:
    """Raises BadDataError where some cells mean numbers, as for a regression, and others cannot be read as such."""
    written = [
        code for code in others if notation(column.cells[code]) in (Notation.DECIMAL_COMMA, Notation.OTHER_CHARACTERS)
    ]
    suspects = written or (others if _looks_continuous(values) else [])
    if suspects:
        raise BadDataError(
            f"{where}: {_example(column, suspects, places)}; correct it for a regression, or set task: classification if these "
            "are labels"
        )


def _example(column: TextColumn, codes: Sequence[int], places: Places) -> str:
    """The first of these cells, what it looks like, what to write instead, and all rows with such cells."""
    cell = column.cells[codes[0]]
    what, remedy = WORDS[notation(cell)]
    if notation(cell) is Notation.TEXT:
        return f"{show(cell)} is not a number: {places(column.rows_of(codes))}"
    return f"{show(cell)} is {what} ({remedy}): {places(column.rows_of(codes))}"


def _looks_continuous(values: Sequence[float]) -> bool:
    return len(set(values)) > MOST_NUMERIC_CLASSES or any(not value.is_integer() for value in values)


def _regression(column: TextColumn, values: NDArray[np.float64], where: str, places: Places) -> NDArray[np.float64]:
    lossy = [code for code, cell in enumerate(column.cells) if loses_digits(cell)]
    if lossy:
        raise BadDataError(
            f"{where}: {show(column.cells[lossy[0]])} has more digits than a 64-bit float keeps: {places(column.rows_of(lossy))}; "
            "round it, or set task: classification if it is a label"
        )
    spread = values.max() / 2 - values.min() / 2  # halved: the difference itself may overflow
    if spread == 0:
        raise BadDataError(f"{where}: every row has {column.cells[0]!r}; there is nothing to predict")
    if not SMALLEST_SPREAD <= spread <= LARGEST_SPREAD:
        extreme = int(np.argmax(np.abs(values)))
        raise BadDataError(
            f"{where}: values from {values.min():g} to {values.max():g} ({places(column.rows_of([extreme]))}) have squared errors "
            "beyond a 64-bit float; correct them, or use another unit"
        )
    return values[column.codes]


def _classification(column: TextColumn, others: Sequence[int], where: str, places: Places) -> Target:
    cells = column.cells
    if len(cells) < 2:
        raise BadDataError(f"{where}: every row has {cells[0]!r}; a classification needs two classes or more")
    text = set(others)
    numbers = [code for code in range(len(cells)) if code not in text]
    check_spellings(column, numbers, "label", where, places)
    if len(cells) > MOST_CLASSES:
        raise BadDataError(f"{where}: {len(cells)} distinct values; a classification may have {MOST_CLASSES} classes")
    order = sorted(
        range(len(cells)), key=(lambda code: cells[code]) if others else (lambda code: exact_value(cells[code]))
    )
    rank = np.empty(len(cells))
    rank[order] = np.arange(len(cells))
    return Target(
        rank[column.codes], tuple(cells[code] for code in order), _label_notes(column, numbers, others, where)
    )


def check_spellings(column: TextColumn, numbers: Iterable[int], noun: str, where: str, places: Places) -> None:
    """Raises BadDataError where one value is spelled in two ways. numbers: the codes of the cells that are some; noun: what a cell is."""
    _check_alike(column, range(len(column.cells)), visible, noun, "look the same", where, places)
    _check_alike(column, numbers, exact_value, noun, "are the same number", where, places)


def _check_alike(
    column: TextColumn,
    codes: Iterable[int],
    key: Callable[[str], object],
    noun: str,
    what: str,
    where: str,
    places: Places,
) -> None:
    first: dict[object, int] = {}
    for code in codes:
        other = first.setdefault(key(column.cells[code]), code)
        if other != code:
            one, two = (f"{show(column.cells[label])} in {places(column.rows_of([label]))}" for label in (other, code))
            raise BadDataError(f"{where}: the {noun}s {one} and {two} {what}; use one spelling for each {noun}")


def _label_notes(column: TextColumn, numbers: Sequence[int], others: Sequence[int], where: str) -> tuple[str, ...]:
    notes = []
    if numbers and others:
        some = [", ".join(show(column.cells[code]) for code in codes[:5]) for codes in (numbers, others)]
        notes.append(f"{where}: some labels are numbers ({some[0]}) and some are not ({some[1]}); all are classes")
    folded: dict[str, str] = {}
    for cell in column.cells:
        other = folded.setdefault(cell.casefold(), cell)
        if other != cell:
            notes.append(f"{where}: {show(other)} and {show(cell)} differ only in case; they are two classes")
    return tuple(notes[:5])
