"""Columns that are not what they seem: row numbers are refused, values that dwarf all others are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.plausibility import SAMPLED_ROWS, check_features, check_scale

pytestmark = pytest.mark.filterwarnings("error")

NORMAL = np.random.default_rng(0).normal(size=1000)


def places(rows: NDArray[np.int64]) -> str:
    return f"rows {(rows + 1).tolist()}"


def features(column: NDArray[np.float64]) -> tuple[str, ...]:
    other = np.resize(NORMAL, len(column))
    return check_features(np.stack([other, column], axis=1), ["a", "b"], "t.csv", places)


@pytest.mark.parametrize(("start", "rows"), [(0, 10), (1, 10), (0, 1000), (1, 1000)])
def test_a_row_number_is_refused(start: int, rows: int) -> None:
    with pytest.raises(
        BadDataError, match=f"column 'b' of t.csv is the row number \\({start}, {start + 1}, ... in order"
    ):
        features(np.arange(start, start + rows, dtype=float))


SORTED = "column 'b' of t.csv rises or falls from every row to the next"


@pytest.mark.parametrize(
    ("column", "noted"),
    [
        pytest.param(np.arange(1990.0, 2020.0), True, id="years"),
        pytest.param(np.arange(20.0)[::-1], True, id="row numbers from the last"),
        pytest.param(np.array([0.0, 1, 2, 4, 5, 6, 8, 9, 11, 12]), True, id="row numbers with gaps"),
        pytest.param(np.arange(10.0) + 2, True, id="numbers of lines"),
        pytest.param(np.sort(NORMAL), True, id="sorted values"),
        pytest.param(np.arange(9.0), False, id="too few rows to tell"),
        pytest.param(np.repeat(np.arange(10.0), 2), False, id="sorted groups"),
        pytest.param(np.append(np.arange(20.0), 3), False, id="almost a row number"),
        pytest.param(np.concatenate([[1.0, 0.0], np.arange(2.0, 20.0)]), False, id="row numbers out of order"),
        pytest.param(np.concatenate([[0.0, 2.0, 1.0], np.arange(3.0, 20.0)]), False, id="two rows exchanged"),
        pytest.param(np.ones(20), False, id="a constant"),
    ],
)
def test_a_column_that_tells_the_order_of_rows_is_noted(column: NDArray[np.float64], noted: bool) -> None:
    notes = features(column)
    assert [note.startswith(SORTED) for note in notes] == [True] * noted


@pytest.mark.parametrize(
    ("column", "outcome"),
    [
        pytest.param(NORMAL, None, id="normal"),
        pytest.param(np.exp(3 * NORMAL), None, id="log-normal"),
        pytest.param(np.where(NORMAL > 2, 1.0, 0.0), None, id="mostly zero"),
        pytest.param(np.where(np.arange(1000) == 7, 1e200, 0.0), None, id="zero but once: all others are one number anyway"),
        pytest.param(np.append(NORMAL, 1e4), None, id="one value at ten thousand"),
        pytest.param(np.append(NORMAL, 1e6), "noted", id="one value at a million"),
        pytest.param(np.append(NORMAL, 1e12), "refused", id="one value at a million million"),
        pytest.param(np.append(NORMAL, -1.79e308), "refused", id="the lowest number"),
        pytest.param(np.append(NORMAL * 1e-300, 1e300), "refused", id="from one end of float64 to the other"),
        pytest.param(np.append(np.where(NORMAL > 1, NORMAL, 0.0), 1e30), "refused", id="mostly zero, and one far out"),
        pytest.param(np.where(NORMAL > 1, 1e30, NORMAL), "noted", id="a mark for missing values in a sixth of rows"),
        pytest.param(2.0 ** (np.arange(1000) % 60), "noted", id="powers of two"),
        pytest.param(NORMAL * 1e300, None, id="huge throughout"),
        pytest.param(np.where(NORMAL > 0, 1.7e308, -1.7e308), None, id="differences beyond float64"),
        pytest.param(NORMAL * 1e-300, None, id="tiny throughout"),
        pytest.param(1e15 + np.round(NORMAL), None, id="far from zero"),
        pytest.param(np.array([1.0, 2.0, 1e200]), None, id="too few rows to tell"),
    ],
)  # fmt: skip
def test_a_value_that_dwarfs_the_others_is_named(column: NDArray[np.float64], outcome: str | None) -> None:
    where = "flag data_path: column 'b' of t.csv"
    farthest = column[np.argmax(np.abs(column * 0.25 - np.median(column * 0.25)))]
    place = f"{where} has {farthest:g} in rows "
    if outcome == "refused":
        with pytest.raises(BadDataError) as caught:
            check_scale(column, where, places)
        assert str(caught.value).startswith(place)
        with pytest.raises(BadDataError):
            features(np.resize(column, 1000) if len(column) == 1000 else column[-1000:])
    else:
        note = check_scale(column, where, places)
        assert (note is not None) is (outcome == "noted")
        assert note is None or note.startswith(place)


def test_rows_between_the_sampled_ones_count_too() -> None:
    column = np.zeros(20_001)
    between = np.setdiff1d(np.arange(20_001), np.linspace(0, 20_000, SAMPLED_ROWS).astype(np.int64))
    column[between[:500]] = np.random.default_rng(0).normal(size=500)
    assert features(column) == ()
    column[between[600]] = 1e30
    with pytest.raises(BadDataError, match=rf"column 'b' of t.csv has 1e\+30 in rows \[{between[600] + 1}\]"):
        features(column)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_every_column_of_finite_numbers_is_judged(values: list[float]) -> None:
    column = np.array(values)
    try:
        check_features(column[:, None], ["b"], "t.csv", places)
    except BadDataError as error:
        assert "column 'b' of t.csv" in str(error)
