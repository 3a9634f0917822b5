"""Columns that are no features: weights, groups, the order of time, strata, marks. Pure."""

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.numerals import Notation, is_missing, notation, parse_number
from regsweep_trainer.data.targets import Places, TextColumn, check_spellings
from regsweep_trainer.data.typed import Numbers, read_column
from regsweep_trainer.flags.columns import Column

MARKS = ("train", "val", "test")


def marks_of(column: TextColumn, name: str, places: Places) -> tuple[str, ...]:
    wrong = [code for code, cell in enumerate(column.cells) if cell not in MARKS]
    if wrong:
        raise BadDataError(
            f"flag split_column: {show(name)} has {show(column.cells[wrong[0]])} in {places(column.rows_of(wrong[:1]))}, "
            f"want {', '.join(MARKS)}"
        )
    return tuple(column.cells[code] for code in column.codes.tolist())


def weights_of(column: TextColumn, name: str, places: Places) -> NDArray[np.float64]:
    """Shape (rows,): at least 0, and not all 0. Raises BadDataError."""
    where = f"flag weight_column: {show(name)}"
    weights = _numbers(column, name, "numeric", where, places)
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise BadDataError(
            f"{where} has {weights[negative[0]]:g} in {places(negative)}; a weight is a number of at least 0"
        )
    if not weights.any():
        raise BadDataError(f"{where} is 0 in every row; nothing would be learnt")
    return weights


def times_of(column: TextColumn, name: str, places: Places) -> NDArray[np.float64]:
    """Shape (rows,): numbers, or days of dates. Raises BadDataError."""
    kind = "date" if notation(column.cells[0]) is Notation.DATE else "numeric"
    return _numbers(column, name, kind, f"flag time_column: {show(name)}", places)


def codes_of(flag: str, column: TextColumn, name: str, places: Places) -> NDArray[np.int64]:
    """Shape (rows,): the index of each row's value, in the order of appearance.

    Raises BadDataError where a row has none, or where one value is spelled in two ways: a group would be two, and on both sides of a split.
    """
    gaps = [code for code, cell in enumerate(column.cells) if is_missing(cell)]
    if gaps:
        raise BadDataError(
            f"flag {flag}: {show(name)} has no value, but {show(column.cells[gaps[0]])}, in {places(column.rows_of(gaps))}; every row "
            "needs one"
        )
    numbers = [code for code, cell in enumerate(column.cells) if parse_number(cell) is not None]
    check_spellings(column, numbers, "value", f"flag {flag}: {show(name)}", places)
    return column.codes


def _numbers(column: TextColumn, name: str, kind: str, where: str, places: Places) -> NDArray[np.float64]:
    typed = read_column(column, name, Column.model_validate(kind), where, places)
    assert isinstance(typed, Numbers)
    return typed.values
