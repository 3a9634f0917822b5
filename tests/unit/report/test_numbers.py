from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.wording import plural
from regsweep.core.figures import duration, listed, ordinal, percent, rough
from regsweep.report.numbers import Measured, NumberFormat, format_for, measured_column


def fixed(decimals: int) -> NumberFormat:
    return NumberFormat(decimals)


def scientific(decimals: int) -> NumberFormat:
    return NumberFormat(decimals, has_exponent=True)


@pytest.mark.parametrize(
    ("values", "errors", "expected"),
    [
        pytest.param([0.0712, 0.2043], [0.0041, 0.0190], fixed(3), id="a typical error of 0.01 shows as two digits"),
        pytest.param([0.0712], [0.0041], fixed(3), id="an error of 0.004 shows as one digit"),
        pytest.param([0.0712], [0.00041], fixed(4), id="a smaller error brings more digits"),
        pytest.param([2915.3], [120.4], fixed(0), id="errors above 1 need no decimals"),
        pytest.param([0.07123], [None], fixed(5), id="without an error the value has four significant digits"),
        pytest.param([0.07123], [0.0], fixed(5), id="an error of zero says nothing about digits"),
        pytest.param([None, math.nan], [None, math.nan], fixed(3), id="nothing but NaN has some digits all the same"),
        pytest.param([1.234e-13, 5e-13], [None], scientific(3), id="without an error: four significant digits"),
        pytest.param([1.234e-13, 5e-13], [4e-15], scientific(2), id="as many digits as the error supports"),
        pytest.param([1e-30], [3e-30], scientific(1), id="an error as large as the value"),
        pytest.param([0.5], [1e-12], scientific(6), id="an error far below the value: digits have an end"),
        pytest.param([1.5e12, 2.5e12], [4e9], scientific(3), id="large values"),
        pytest.param([0.2, 1e-13], [0.01], fixed(3), id="one tiny value does not decide for the column"),
    ],
)
def test_digits_come_from_the_standard_error(
    values: list[float | None], errors: list[float | None], expected: NumberFormat
) -> None:
    assert format_for(values, errors) == expected


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        pytest.param(0.0004, fixed(3), "<0.001", id="what is positive does not read as zero"),
        pytest.param(0.0, fixed(3), "0.000", id="zero is zero"),
        pytest.param(-0.0001, fixed(3), "0.000", id="no negative zero"),
        pytest.param(None, fixed(3), "NaN", id="no value is NaN"),
        pytest.param(math.nan, fixed(3), "NaN", id="NaN is NaN"),
        pytest.param(3.2e12, fixed(2), "3.2e+12", id="a near divergence does not widen the column"),
        pytest.param(12.345, fixed(1), "12.3", id="a usual value"),
        pytest.param(1.2345e-13, scientific(2), "1.23e-13", id="a tiny value"),
        pytest.param(0.0, scientific(2), "0", id="zero among tiny values"),
        pytest.param(None, scientific(2), "NaN", id="no value among tiny values"),
    ],
)
def test_a_value_is_never_shown_as_what_it_is_not(value: float | None, number_format: NumberFormat, text: str) -> None:
    assert number_format.text(value) == text


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        pytest.param(
            [Measured(1.23e-13, 4.1e-15), Measured(2.31e-13, 5.2e-15), Measured(None)],
            ["1.23e-13 ± 4.1e-15", "2.31e-13 ± 5.2e-15", "     NaN          "],
            id="losses near nothing",
        ),
        pytest.param(
            [Measured(0.00031), Measured(0.00042)], ["0.0003100", "0.0004200"], id="small ones whose digits fit"
        ),
        pytest.param([Measured(0.0, 0.0)], ["0.000 ± 0.000"], id="nothing at all"),
    ],
)
def test_a_columns_figures_tell_its_rows_apart(cells: list[Measured], column: list[str]) -> None:
    assert measured_column(cells) == column


def test_values_that_would_all_read_as_nothing_decide_for_themselves() -> None:
    """Training losses near 1e-5 beside gaps whose error is 0.02."""
    assert measured_column([Measured(1.2e-5), Measured(3.4e-5)], fixed(2)) == ["1.200e-05", "3.400e-05"]
    assert measured_column([Measured(1.2e-5), Measured(0.2)], fixed(2)) == ["<0.01", " 0.20"]


@given(st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=8, unique=True))
def test_of_two_values_that_differ_by_half_one_is_never_shown_as_the_other(values: list[float]) -> None:
    """With the digits of a column that has no errors, where values are of one magnitude."""
    alike = [value for value in values if max(values) / 100 <= value]
    shown = measured_column([Measured(value) for value in alike])
    for one, text in zip(alike, shown, strict=True):
        for other, beside in zip(alike, shown, strict=True):
            assert text != beside or abs(one - other) <= 0.5 * max(one, other)


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e6, 1e6) | st.floats(-1e-9, 1e-9),
            st.none() | st.floats(0, 1e6) | st.floats(0, 1e-12),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_all_cells_of_a_column_are_equally_wide(cells: list[tuple[float | None, float | None]]) -> None:
    column = measured_column([Measured(*cell) for cell in cells])
    assert len({len(cell) for cell in column}) == 1


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (23, "23rd")]
)
def test_ordinals(number: int, text: str) -> None:
    assert ordinal(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (89, "89 s"), (180, "3 min"), (7800, "2 h 10 min"), (-3, "0 s")]
)
def test_durations_are_reported_in_common_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.643, "64 %"), (0.001, "under 1 %"), (0.0, "0 %"), (0.9999, "over 99 %"), (1.0, "100 %"), (1.2, "120 %")],
)
def test_percentages(ratio: float, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_counts_agree_with_their_noun_and_a_sentence_has_three_digits() -> None:
    assert [plural(count, "run") for count in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert [rough(value) for value in (0.12345, 3072.0, 1e-13)] == ["0.123", "3070", "1e-13"]
