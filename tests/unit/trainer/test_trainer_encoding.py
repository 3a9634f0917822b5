"""Every rule of the encoding comes from the training rows alone: nothing outside them changes what a network is trained on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.errors import BadDataError
from regsweep_kit.splits import Splits
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.typed import Categories
from regsweep_trainer.encoding import encode, encoding_of, rules
from regsweep_trainer.preparation import prepare

NAN = float("nan")
TRAIN, REST = np.arange(6), np.arange(6, 12)
AGE = np.array([10.0, 20, NAN, 30, 20, 20, 1e6, NAN, -5, 2, 3, 4])
PLAIN = np.array([1.0, 2, 3, 4, 5, 6, 700, 8, 9, 1, 2, 3])
COLOUR = Categories("colour", ("blue", "green", "red"), np.array([0, 2, 2, 0, 2, 2, 1, 1, 0, 2, 1, -1]))


def data(statistic: str = "mean", colour: Categories = COLOUR, **changes: Any) -> Dataset:
    made = Dataset(
        "t",
        np.stack([PLAIN, AGE], axis=1),
        np.array([0.0, 1] * 6),
        ("no", "yes"),
        columns=("plain", "age"),
        gaps={1: statistic},
        categories=(colour,),
        weights=np.arange(1.0, 13),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(("statistic", "fill"), [("mean", 20), ("median", 20), ("most_frequent", 20)])
def test_missing_numbers_are_filled_and_marked(statistic: str, fill: float) -> None:
    table = data(statistic)
    encoding = encoding_of(table, TRAIN)
    assert encoding.fills == {1: fill}
    x = encode(table, np.arange(12), encoding)
    assert x.shape == (12, table.width) == (12, 2 + 1 + 3)
    assert x[:, 2].tolist() == np.isnan(AGE).tolist()
    filled = np.array([10, 20, 20, 30, 20, 20])
    np.testing.assert_allclose(x[:6, 1], (filled - filled.mean()) / filled.std(), rtol=1e-6)
    assert x[7, 1] == x[2, 1]


def test_categories_are_ones_and_those_that_train_lacks_nothing_but_zeros() -> None:
    x = encode(data(), np.arange(12), encoding_of(data(), TRAIN))[:, 3:]
    assert x[0].tolist() == [1, 0, 0]
    assert x[1].tolist() == [0, 0, 1]
    assert x[6].tolist() == [0, 0, 0]  # green is in no training row
    assert x[11].tolist() == [0, 0, 1]  # none: red is the most frequent one of the training rows
    assert x[:, 1].tolist() == [0] * 12


def test_the_rules_are_told_in_words() -> None:
    told = list(rules(data(), encoding_of(data(), TRAIN)))
    assert told == [
        "column 'age': missing values are 20, the mean of the training rows, and are marked in a column of their own",
        "column 'colour': 2 categories in the training rows: 'blue', 'red'; 1 others are unknown; missing values are 'red'",
    ]


def test_a_column_without_any_value_in_train_is_refused() -> None:
    with pytest.raises(
        BadDataError, match="column 'age' has no value in any training row, so that its mean is unknown"
    ):
        encoding_of(data(), np.array([2, 7]))


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(NAN), min_size=6, max_size=6),
    st.lists(st.integers(-1, 2), min_size=6, max_size=6),
    st.lists(st.floats(0, 5), min_size=6, max_size=6),
    st.sampled_from(["mean", "median", "most_frequent"]),
)
def test_whatever_the_other_rows_hold_training_sees_the_same(
    ages: list[float], colours: list[int], weights: list[float], statistic: str
) -> None:
    """The leak test: all rows outside train are exchanged, target and weights included."""
    codes = COLOUR.codes.copy()
    codes[6:] = colours
    other = data(
        statistic,
        Categories("colour", COLOUR.cells, codes),
        features=np.stack([np.concatenate([PLAIN[:6], PLAIN[:5:-1]]), np.concatenate([AGE[:6], ages])], axis=1),
        target=np.array([0.0, 1] * 3 + [1.0] * 6),
        weights=np.concatenate([np.arange(1.0, 7), weights]),
    )
    splits = Splits(TRAIN, REST[:2], REST[2:4], REST[4:5], REST[5:])
    one, two = (prepare(table, splits, class_weights="balanced") for table in (data(statistic), other))
    np.testing.assert_array_equal(one.train.x, two.train.x)
    np.testing.assert_array_equal(one.train.y, two.train.y)
    np.testing.assert_array_equal(one.loss_weights, two.loss_weights)


def test_weights_of_rows_are_relative_in_the_loss_and_as_given_in_the_metrics() -> None:
    splits = Splits(TRAIN, REST[:2], REST[2:4], REST[4:5], REST[5:])
    prepared = prepare(data(), splits)
    assert prepared.loss_weights is not None
    assert prepared.loss_weights.tolist() == pytest.approx([w / 3.5 for w in range(1, 7)])
    assert prepared.val.weights is not None
    assert prepared.val.weights.tolist() == [9, 10]


def test_weights_that_are_all_nought_in_train_are_refused() -> None:
    splits = Splits(TRAIN, REST[:2], REST[2:4], REST[4:5], REST[5:])
    with pytest.raises(BadDataError, match="all training rows have weight 0"):
        prepare(data(weights=np.array([0.0] * 6 + [1.0] * 6)), splits)
