"""Columns of text as their declared or inferred kind says; what does not fit is refused by its row, with what to do."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.targets import TextColumn
from regsweep_trainer.data.typed import Categories, Numbers, infer, read_column
from regsweep_trainer.flags.columns import Column


def places(rows: NDArray[np.int64]) -> str:
    return f"rows {(rows + 1).tolist()}"


def text(cells: list[str]) -> TextColumn:
    known: dict[str, int] = {}
    codes = [known.setdefault(cell, len(known)) for cell in cells]
    return TextColumn(tuple(known), np.array(codes))


def read(cells: list[str], spec: Any) -> Any:
    return read_column(text(cells), "c", Column.model_validate(spec), "column 'c' of t.csv", places)


def inferred(cells: list[str]) -> Column:
    return infer(text(cells), "c", "column 'c' of t.csv", places)


NAN = float("nan")


@pytest.mark.parametrize(
    ("spec", "cells", "values"),
    [
        ("numeric", ["1", "-2.5", "3e2"], [1, -2.5, 300]),
        ({"kind": "numeric", "missing": "mean"}, ["1", "", "NA", "?"], [1, NAN, NAN, NAN]),
        ("boolean", ["yes", "No", "YES"], [1, 0, 1]),
        ("boolean", ["1", "0", "1"], [1, 0, 1]),
        ("boolean", ["true", "true", "true"], [1, 1, 1]),
        ({"kind": "boolean", "missing": "most_frequent"}, ["t", "f", "NULL"], [1, 0, NAN]),
        ("date", ["1970-01-01", "1970-01-02T12:00:00", "1969-12-31"], [0, 1.5, -1]),
        ("date", ["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00Z"], [0, 0]),
    ],
)
def test_cells_become_numbers(spec: Any, cells: list[str], values: list[float]) -> None:
    column = read(cells, spec)
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.values, values)


@pytest.mark.parametrize(
    ("spec", "cells", "categories", "codes"),
    [
        ("categorical", ["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ("categorical", ["2", "10"], ("10", "2"), [1, 0]),
        ({"kind": "categorical", "missing": "category"}, ["b", "", "a"], ("a", "b", "(missing)"), [1, 2, 0]),
        ({"kind": "categorical", "missing": "most_frequent"}, ["b", "NA", "a"], ("a", "b"), [1, -1, 0]),
        ({"kind": "categorical", "missing": "category"}, ["b", "a"], ("a", "b"), [1, 0]),
    ],
)
def test_cells_become_categories(spec: Any, cells: list[str], categories: tuple[str, ...], codes: list[int]) -> None:
    column = read(cells, spec)
    assert isinstance(column, Categories)
    assert column.cells == categories
    assert column.codes.tolist() == codes


@pytest.mark.parametrize(
    ("spec", "cells", "says"),
    [
        ("numeric", ["1", "", "2"], "has no value in 1 of 3 rows, but '': rows [2]; fill them in, remove the rows, or declare what"),
        ("numeric", ["1", ""], "columns: {c: {kind: numeric, missing: mean}}"),
        ("numeric", ["1", "1,5"], "is numeric, but has '1,5' in rows [2]: a number with a comma; write a decimal point"),
        ("numeric", ["1", "x1"], "is numeric, but has 'x1' in rows [2]: text"),
        ("numeric", ["1", "9007199254740993"], "an integer with more digits than a 64-bit float keeps; declare the column"),
        ("boolean", ["yes", "no", "perhaps"], "is boolean, but has 'perhaps' in rows [3]: want yes or no"),
        ("boolean", ["yes", "0"], "want "),
        ("boolean", ["2", "3"], "is boolean, but has '2' in rows [1]: want true or false; other pairs are yes/no"),
        ("date", ["2026-11-25", "25.11.2026"], "is date, but has '25.11.2026' in rows [2]: want a date such as 2026-11-25"),
        ("date", ["2026-02-30"], "has '2026-02-30' in rows [1]: want a date"),
        ("categorical", ["a", "NA"], "has no value in 1 of 2 rows, but 'NA': rows [2]"),
        ("categorical", ["a", "NA"], "{kind: categorical, missing: category}"),
        ("categorical", ["a b", "a\u00a0b"], "the categories 'a b' in rows [1] and 'a\\xa0b' ('a\\xa0b') in rows [2] look the same"),
        ("categorical", [str(k) for k in range(1001)], "1001 distinct values; a categorical column may have 1000"),
        ({"kind": "numeric", "missing": "mean"}, ["", "NA"], "has no value in any row; declare it ignored, as in columns: {c: ignored}"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_its_row(spec: Any, cells: list[str], says: str) -> None:
    with pytest.raises(BadDataError) as caught:
        read(cells, spec)
    assert str(caught.value).startswith("column 'c' of t.csv")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "kind", "missing"),
    [
        (["1", "2.5", ""], "numeric", "mean"),
        (["1", "0", "1"], "numeric", "mean"),
        (["1", "2", "unknown"], "numeric", "mean"),
        (["yes", "no", "NA"], "boolean", "most_frequent"),
        (["2026-11-25", "2026-11-26", ""], "date", "mean"),
        (["a", "b", "a", "b", ""], "categorical", "category"),
        (["a", "1", "b", "1", "a", "b"], "categorical", "category"),
        (["unknown", "a", "unknown", "a"], "categorical", "category"),
    ],
)
def test_a_kind_that_all_cells_agree_on_is_inferred(cells: list[str], kind: str, missing: str) -> None:
    assert inferred(cells) == Column.model_validate({"kind": kind, "missing": missing})


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["1", "2", "3", "1,5"], "has numbers, and '1,5' in rows [4], which is a number with a comma: write a decimal point"),
        (["1", "2", "3", "4 kg"], "has numbers, and '4 kg' in rows [4], which is a number with a unit"),
        ([f"name {k}" for k in range(20)], "has 20 distinct texts in 20 rows, such as 'name 0', as identifiers and free text"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_an_identifier_is_not_made_categories(cells: list[str], says: str) -> None:
    with pytest.raises(BadDataError) as caught:
        inferred(cells)
    assert says in str(caught.value)


def test_dates_that_are_inferred_must_be_written_year_first() -> None:
    spec = inferred(["25.11.2026", "26.11.2026"])
    assert spec.kind == "date"
    with pytest.raises(BadDataError, match="want a date such as 2026-11-25"):
        read(["25.11.2026", "26.11.2026"], spec)
