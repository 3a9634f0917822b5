"""Standardising: mean 0 and standard deviation 1 over the training rows for whatever magnitudes, and said where a column tells nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.splits import Splits
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.preparation import prepare
from regsweep_trainer.scaling import scaling_of

pytestmark = pytest.mark.filterwarnings("error")

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=40)


def data(*columns: NDArray[np.float64], target: NDArray[np.float64] | None = None, names: str = "abcdefgh") -> Dataset:
    features = np.stack(columns, axis=1)
    values = (np.arange(len(features)) % 2).astype(np.float64) if target is None else target
    classes = ("no", "yes") if target is None else None
    return Dataset("d", features, values, classes, columns=tuple(names[: len(columns)]))


def halves(rows: int) -> Splits:
    """Even rows train, odd ones validate."""
    nothing, odd = np.empty(0, np.int64), np.arange(1, rows, 2)
    return Splits(np.arange(0, rows, 2), odd[::2], odd[1::2], nothing, nothing)


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(NORMAL, id="ordinary"),
        pytest.param(NORMAL * 1e307, id="squares beyond float64"),
        pytest.param(np.where(NORMAL > 0, 1.7e308, -1.7e308), id="differences and sums beyond float64"),
        pytest.param(NORMAL * 1e-161, id="squares of few digits"),
        pytest.param(NORMAL * 1e-200, id="squares below float64"),
        pytest.param(np.round(NORMAL * 10) * 5e-324, id="the smallest numbers there are"),
        pytest.param(1e15 + np.round(NORMAL * 10), id="a spread of 1e-14 of the mean"),
        pytest.param(1.7e18 + np.round(NORMAL * 10) * 2048, id="nanoseconds since 1970"),
        pytest.param(-1e300 + NORMAL * 1e290, id="far from zero and huge"),
    ],
)
def test_a_column_of_any_magnitude_is_standardised(column: NDArray[np.float64]) -> None:
    prepared = prepare(data(column, NORMAL), halves(40))
    train = prepared.train.x[:, 0].astype(float)
    assert train.mean() == pytest.approx(0, abs=1e-6)
    assert train.std() == pytest.approx(1, abs=1e-6)
    assert prepared.notes == ()
    order = np.argsort(column[0::2], kind="stable")
    assert np.all(np.diff(train[order]) >= 0)
    val = np.concatenate([prepared.stop.x[:, 0], prepared.val.x[:, 0]])
    assert np.abs(val).max() < 10
    assert len(np.unique(train)) == len(np.unique(column[0::2]))


def test_ordinary_columns_are_what_they_were_beside_others() -> None:
    """To the last bit: (x - mean) / standard deviation in float64."""
    ordinary = RANDOM.normal(3, 2, size=(40, 3))
    splits = halves(40)
    train = ordinary[splits.train]
    expected = ((ordinary - train.mean(axis=0)) / train.std(axis=0)).astype(np.float32)
    extreme = data(*ordinary.T, NORMAL * 1e307, np.ones(40))
    for table in (data(*ordinary.T), extreme):
        prepared = prepare(table, splits)
        np.testing.assert_array_equal(prepared.train.x[:, :3], expected[splits.train])
        np.testing.assert_array_equal(prepared.val.x[:, :3], expected[splits.val])


def test_columns_that_do_not_vary_are_zero_and_named() -> None:
    even = np.arange(40) % 2 == 0
    prepared = prepare(
        data(NORMAL, np.full(40, 7.0), np.where(even, 0.3, 0.1 + 0.2), np.where(even, 5.0, 6.0), np.full(40, 1e308)),
        halves(40),
    )
    assert not prepared.train.x[:, [1, 3, 4]].any()
    assert np.abs(prepared.train.x[:, 2]).max() < 1e-15
    assert prepared.val.x[:, 3].tolist() == [1.0] * 10  # its distance from what it is in training
    (note,) = prepared.notes
    assert note.startswith("4 of 5 columns do not vary over the training rows, beyond rounding errors, and carry no ")
    assert note.endswith("information: column 'b', column 'c', column 'd', column 'e'")


def test_a_column_that_varies_by_rounding_errors_alone_does_not_vary() -> None:
    noise = np.array([0.3, 0.1 + 0.2] * 10)
    assert scaling_of(noise[:, None]).flat == (0,)
    assert scaling_of(noise[:, None] * 1e300).flat == (0,)
    assert scaling_of(np.array([[1e15], [1e15 + 2]])).flat == ()


def test_many_columns_that_do_not_vary_are_counted() -> None:
    prepared = prepare(data(NORMAL, *[np.ones(40)] * 7), halves(40))
    assert prepared.notes[0].startswith("7 of 8 columns")
    assert prepared.notes[0].endswith("column 'f' and 2 more")


def test_a_value_beyond_float32_is_refused_by_column_and_row() -> None:
    column = np.where(np.arange(40) == 5, 1e60, NORMAL)
    with pytest.raises(BadDataError, match=r"^d: column 'b' has 1e\+60 in row 6, too far from the training rows"):
        prepare(data(NORMAL, column), halves(40))


def test_a_target_that_does_not_vary_in_training_is_noted() -> None:
    target = np.where(np.arange(40) % 2 == 0, 2.5, np.arange(40.0))
    prepared = prepare(data(NORMAL, target=target), halves(40))
    assert (prepared.target_mean, prepared.target_scale) == (2.5, 1.0)
    assert prepared.notes == ("the target is 2.5 in all training rows: a network learns only this constant",)


def test_rows_in_many_blocks_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    table = data(NORMAL, NORMAL * 1e307)
    whole = prepare(table, halves(40))
    monkeypatch.setattr("regsweep_trainer.encoding.BLOCK_ROWS", 7)
    np.testing.assert_array_equal(prepare(table, halves(40)).train.x, whole.train.x)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300)
@given(st.lists(FLOATS, min_size=2, max_size=30))
def test_whatever_the_training_rows_hold_becomes_finite(values: list[float]) -> None:
    column = np.array(values)
    nothing = np.empty(0, np.int64)
    splits = Splits(np.arange(len(column)), nothing, nothing, nothing, nothing)
    x = prepare(data(column), splits).train.x[:, 0]
    assert np.isfinite(x).all()
    assert np.abs(x).max() < 6  # at most the square root of the number of rows
