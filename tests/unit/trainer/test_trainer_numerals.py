"""Numbers in cells: one grammar, and no value for what is not in it."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0.0),
        ("-0", -0.0),
        ("+1", 1.0),
        ("007", 7.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1e5", 1e5),
        ("1E-05", 1e-5),
        ("1.e+3", 1e3),
        ("0.1", 0.1),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("9" * 400, None),
        ("1e309", None),
        ("1_000", None),
        ("0x10", None),
        ("1e", None),
        ("e5", None),
        (".", None),
        ("-", None),
        ("+-1", None),
        ("", None),
        (" 1", None),
        ("1,5", None),
        ("inf", None),
        ("nan", None),
        ("\u0661", None),
        ("\uff11", None),
        ("1\n", None),
        ("true", None),
    ],
)
def test_the_number_of_a_cell(cell: str, value: float | None) -> None:
    assert repr(parse_number(cell)) == repr(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_from_its_digits(number: float) -> None:
    for cell in (repr(number), f"{number:+}", f"{number:.17g}", f"{number:.17e}", f"{number:.30f}"):
        read = parse_number(cell)
        assert read is not None
        assert repr(read) == repr(float(cell))
        assert not loses_digits(cell) or number.is_integer()
    assert not loses_digits(repr(number).removesuffix(".0"))


@given(st.text("0123456789+-.eE_xXinfatyNA ,\u0663"))
@example("1_1")
def test_what_python_reads_beside_the_grammar_is_not_a_number(cell: str) -> None:
    value = parse_number(cell)
    if value is not None:
        assert value == float(cell)
    elif re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", cell):
        assert not math.isfinite(float(cell))


@given(st.text())
def test_every_cell_has_a_notation_with_words(cell: str) -> None:
    assert all(WORDS[notation(cell)])
    assert not (is_missing(cell) and parse_number(cell) is not None)


@pytest.mark.parametrize("digit", ["1", "1.", "1,", "1_", "1 ", "1e", "0x1", ".", "é"])
def test_a_cell_of_millions_of_characters_is_judged(digit: str) -> None:
    cell = digit * 1_000_000
    assert notation(cell) in (Notation.OUT_OF_RANGE, Notation.TEXT)
    assert parse_number(cell) is None


def test_every_notation_has_words() -> None:
    assert set(WORDS) == set(Notation)


@pytest.mark.parametrize(
    "cell",
    [
        "NA",
        "N/A",
        "n/a",
        "NaN",
        "nan",
        "None",
        "NULL",
        "null",
        "NaT",
        "<NA>",
        "\\N",
        "?",
        "-",
        "--",
        ".",
        "*",
        "#N/A",
        "#DIV/0!",
        "#VALUE!",
        "inf",
        "-inf",
        "+Inf",
        "Infinity",
        "-NAN",
    ],
)
def test_marks_of_missing_values(cell: str) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["no", "0", "none", "na", "A", "N", "nano", "info", "infinit", "-1", "1.", "..", "?!"])
def test_labels_that_are_not_marks_of_missing_values(cell: str) -> None:
    assert not is_missing(cell)


def test_some_words_mark_missing_values_among_numbers_alone() -> None:
    assert is_missing_among_numbers("Unknown")
    assert is_missing_among_numbers("none")
    assert not is_missing_among_numbers("other")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1", "1.0", True),
        ("1e1", "10", True),
        ("01", "+1", True),
        ("-0", "0", True),
        ("100000000000000000001", "100000000000000000002", False),
        ("0.1", "0.10000000000000000555", False),
        ("1e-99999999999999999999", "0", True),
    ],
)
def test_two_spellings_of_one_number_have_one_exact_value(one: str, other: str, equal: bool) -> None:
    assert (exact_value(one) == exact_value(other)) is equal


@pytest.mark.parametrize(
    ("cell", "lost"),
    [
        ("9007199254740992", False),
        ("9007199254740993", True),
        ("-9007199254740993", True),
        ("9007199254740993.0", False),
        ("21102172653460312", False),
        ("21102172653460310", False),
        ("21102172653460311", True),
        ("1" + "0" * 22, False),
        ("1" * 30, True),
        ("000000000000000000001", False),
    ],
)
def test_an_integer_loses_digits_where_it_is_neither_the_float_nor_its_shortest_digits(cell: str, lost: bool) -> None:
    assert loses_digits(cell) is lost
