"""The rows of a script's data, in any form: by the same rules as the reference trainer's, and no group on two sides."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import BadDataError, InvalidFlagsError
from regsweep_kit.script import parts
from regsweep_kit.script.parts import Asked, Parts

PARTS = ("train", "stop", "val", "test")


def divided(asked: Asked, replicate: int = 0, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    drawn, _ = parts.draw(asked, read_contract(environment or {}), replicate)
    return {part: getattr(drawn, part) for part in PARTS}


@given(st.integers(40, 400), st.integers(0, 5), st.integers(0, 9))
def test_each_row_is_in_one_part_and_the_test_rows_are_the_same_in_every_replicate(n: int, a: int, b: int) -> None:
    first, second = divided(Asked(n), a), divided(Asked(n), b)
    assert sorted(np.concatenate([*first.values()])) == list(range(n))
    assert np.array_equal(first["test"], second["test"])
    assert (a == b) == np.array_equal(first["train"], second["train"])


@given(st.lists(st.integers(0, 30), min_size=200, max_size=300), st.integers(0, 3))
def test_no_group_is_in_two_parts(groups: list[int], replicate: int) -> None:
    if len(set(groups)) < 20:
        return
    drawn = divided(Asked(len(groups), groups=groups), replicate)
    members = [set(np.array(groups)[rows].tolist()) for rows in drawn.values()]
    assert sum(map(len, members)) == len(set.union(*members)) == len(set(groups))
    assert sum(len(rows) for rows in drawn.values()) == len(groups)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param([1.0, float("nan")] * 50, "has no value in row 1, 3, 5, 7, 9 and 45 more (from 0)", id="NaN"),
        pytest.param(["a", None] * 50, "has no value in row 1", id="None"),
        pytest.param(pd.Series([1, None] * 50, dtype="Int16"), "has no value in row 1", id="pandas' NA"),
        pytest.param(pd.Series(["2024-01-01", None] * 50, dtype="datetime64[ns]"), "has no value in row 1", id="NaT"),
        pytest.param(pd.Series(["a", None] * 50, dtype="string"), "has no value in row 1", id="texts of pandas"),
        pytest.param(
            np.array([1, 1.0] * 50, dtype=object), "one value in two types, such as 1 and 1.0", id="two types"
        ),
    ],
)
def test_rows_without_a_group_are_refused_and_not_put_into_one(values: Any, says: str) -> None:
    with pytest.raises(BadDataError, match=re.escape(says)):
        divided(Asked(100, groups=values))


def test_a_group_may_be_called_nan() -> None:
    assert divided(Asked(120, groups=np.array(["nan", "None", *"abcdefghijklmnopqrstuvwxyz"] * 5, dtype=object)[:120]))


def test_rows_that_groups_leave_are_missed_by_name() -> None:
    with pytest.raises(BadDataError, match=r"the data \(in groups\) has too few rows \(3\)"):
        divided(Asked(90, groups=[0, 1, 2] * 30))


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(np.arange(200) % 10 == 0, id="booleans"),
        pytest.param((np.arange(200) % 10 == 0).astype("float32"), id="zeros and ones as floats"),
        pytest.param((np.arange(200) % 10 == 0).astype(int)[:, None], id="a column"),
        pytest.param(np.where(np.arange(200) % 10 == 0, "rare", "often"), id="texts"),
        pytest.param(pd.Series(np.where(np.arange(200) % 10 == 0, "rare", "often")), id="a pandas series"),
        pytest.param(np.eye(2)[(np.arange(200) % 10 == 0).astype(int)], id="one-hot"),
    ],
)
def test_classes_keep_their_shares_in_every_part(y: Any) -> None:
    rare = np.arange(200) % 10 == 0
    for rows in divided(Asked(200, y)).values():
        assert abs(rare[rows].mean() - 0.1) <= 1 / len(rows)


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(np.arange(200) / 7, id="a regression"),
        pytest.param(np.arange(200), id="as many values as rows"),
        pytest.param(np.r_[np.zeros(198), [1, 1]].astype(int), id="a class too rare to be everywhere"),
        pytest.param([np.zeros(200), np.ones(200)], id="several outputs"),
        pytest.param(np.ones(200, int), id="one class"),
    ],
)
def test_rows_without_classes_are_drawn_like_others(y: Any) -> None:
    assert {part: len(rows) for part, rows in divided(Asked(200, y)).items()} == {
        "train": 96,
        "stop": 32,
        "val": 32,
        "test": 40,
    }


def test_folds_and_outer_folds_follow_the_contract() -> None:
    vals = [
        np.concatenate(
            [
                (d := divided(Asked(100), k, environment={"REGSWEEP_RESAMPLING": '{"kind":"KFold","folds":5}'}))[
                    "stop"
                ],
                d["val"],
            ]
        )
        for k in range(5)
    ]
    assert sorted(np.concatenate(vals)) == sorted(set(range(100)) - set(divided(Asked(100))["test"]))
    tests = [
        divided(
            Asked(100), environment={"REGSWEEP_RESAMPLING": f'{{"kind":"Holdout","outer":{{"fold":{k},"folds":4}}}}'}
        )["test"]
        for k in range(4)
    ]
    assert sorted(np.concatenate(tests)) == list(range(100))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda a: a, id="array"),
        pytest.param(
            lambda a: pd.DataFrame(a, index=np.arange(len(a)) + 1000), id="data frame with an index of its own"
        ),
        pytest.param(lambda a: a.tolist(), id="list of rows"),
        pytest.param(lambda a: (a, a[:, :1]), id="two inputs"),
        pytest.param(lambda a: {"left": a, "right": [a, a]}, id="named inputs"),
        pytest.param(lambda a: sparse.csr_matrix(a), id="sparse matrix"),
    ],
)
def test_a_part_has_the_rows_of_every_form(make: Any) -> None:
    array = np.arange(400.0).reshape(100, 4)
    x = make(array)
    rows = np.array([3, 50, 99])
    assert parts.count(x) == 100

    def check(got: Any, want: Any) -> None:
        if isinstance(want, dict):
            for key in want:
                check(got[key], want[key])
        elif isinstance(want, list | tuple) and hasattr(want[0], "shape"):
            for g, w in zip(got, want, strict=True):
                check(g, w)
        else:
            dense = [v.toarray() if hasattr(v, "toarray") else np.asarray(v) for v in (got, want)]
            assert np.array_equal(dense[0], dense[1][rows])

    check(parts.take(x, rows), x)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, r"the inputs differ in their rows: x\['a'\] 3, x\['b'\] 4"),
        (np.float64(3), "x is a single number"),
        ((row for row in [1]), "use replicate.rows"),
    ],
)
def test_data_whose_rows_cannot_be_counted_are_refused(data: Any, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        parts.count(data)


def test_a_part_unpacks_as_fit_takes_it_and_test_is_there_only_when_asked() -> None:
    x, y, w = np.arange(100.0)[:, None], np.arange(100) % 2, np.arange(100.0)
    drawn, _ = parts.draw(Asked(100, y), read_contract({}), 0)
    rows = parts.whole(drawn, x, y, w, score_test=False)
    got_x, got_y = rows.train
    assert np.array_equal(got_x[:, 0], rows.train.rows)
    assert np.array_equal(got_y, y[rows.train.rows])
    assert np.array_equal(rows.train.weighted[2], rows.train.rows)
    assert rows.test is None
    mapped: Parts = parts.whole(drawn, x, y, None, score_test=True).map(lambda part: part * 2)
    assert np.array_equal(mapped.test.x[:, 0], 2 * mapped.test.rows)
    assert len(mapped.test.weighted) == 2


@pytest.mark.parametrize(
    ("asked", "environment", "message"),
    [
        (Asked(100, val_fraction=1.5), {}, "val_fraction: got 1.5"),
        (Asked(100, stratify="yes"), {}, "stratify: got 'yes'"),
        (Asked(100, test_fraction=0), {"REGSWEEP_FINAL": "1"}, "leaves 0 test rows, but REGSWEEP_FINAL"),
        (Asked(100, test_fraction=0), {"REGSWEEP_SCORE_TEST": "1"}, "leaves 0 test rows, but REGSWEEP_SCORE_TEST"),
    ],
)
def test_a_division_that_cannot_be_meant_is_refused(asked: Asked, environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidFlagsError, match=message):
        divided(asked, environment=environment)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (Asked(100, np.arange(100)), Asked(100, np.arange(100)), True),
        (Asked(100, np.arange(100)), Asked(100, np.arange(100)[::-1]), False),
        (Asked(100, np.array(["a", "b"] * 50)), Asked(100, np.array(["a", "c"] * 50)), False),
        (Asked(100, {"a": np.zeros(100)}), Asked(100, {"a": np.ones(100)}), False),
        (Asked(100, groups=[1] * 100), Asked(100, groups=[2] * 100), False),
        (Asked(100), Asked(101), False),
    ],
)
def test_other_targets_are_other_data(first: Asked, second: Asked, same: bool) -> None:
    assert (parts.data_digest(first) == parts.data_digest(second)) == same
