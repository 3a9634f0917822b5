from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.report.numbers import Measured, decimals_for, duration, fixed, measured_column, ordinal, percent


@pytest.mark.parametrize(
    ("values", "errors", "decimals"),
    [
        pytest.param([0.0712, 0.2043], [0.0041, 0.0190], 3, id="a typical error of 0.01 shows as two digits"),
        pytest.param([0.0712], [0.0041], 3, id="an error of 0.004 shows as one digit"),
        pytest.param([0.0712], [0.00041], 4, id="a smaller error brings more digits"),
        pytest.param([2915.3], [120.4], 0, id="errors above 1 need no decimals"),
        pytest.param([0.07123], [None], 5, id="without an error the value has four significant digits"),
        pytest.param([0.07123], [0.0], 5, id="an error of zero says nothing about digits"),
        pytest.param([None, math.nan], [None, math.nan], 3, id="nothing but NaN has some digits all the same"),
        pytest.param([1e-30], [None], 9, id="digits have an end"),
    ],
)
def test_digits_come_from_the_standard_error(
    values: list[float | None], errors: list[float | None], decimals: int
) -> None:
    assert decimals_for(values, errors) == decimals


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        pytest.param(0.0004, 3, "<0.001", id="what is positive does not read as zero"),
        pytest.param(0.0, 3, "0.000", id="zero is zero"),
        pytest.param(-0.0001, 3, "0.000", id="no negative zero"),
        pytest.param(None, 3, "NaN", id="no value is NaN"),
        pytest.param(math.nan, 3, "NaN", id="NaN is NaN"),
        pytest.param(3.2e12, 2, "3.2e+12", id="a near divergence does not widen the column"),
        pytest.param(12.345, 1, "12.3", id="a usual value"),
    ],
)
def test_a_value_is_never_shown_as_what_it_is_not(value: float | None, decimals: int, text: str) -> None:
    assert fixed(value, decimals) == text


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e6, 1e6),
            st.none() | st.floats(0, 1e6),
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
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("ratio", "text"), [(0.643, "64 %"), (0.001, "under 1 %"), (0.0, "0 %")])
def test_percentages(ratio: float, text: str) -> None:
    assert percent(ratio) == text
