"""Conditions and order of a list of runs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.local.runrows import Row
from regsweep.local.selection import Condition, SelectionError, ordered, parse_conditions, selected

ROWS: list[Row] = [
    {"run": "a", "eval_accuracy": 0.95, "flag_dropout": 0.2, "flag_activation": "relu", "completed": True},
    {"run": "b", "eval_accuracy": 0.85, "flag_dropout": 0.2, "flag_activation": "softmax", "completed": True},
    {"run": "c", "eval_accuracy": math.nan, "flag_dropout": "0.2", "flag_activation": "r and b", "completed": False},
    {"run": "d", "eval_accuracy": None, "flag_units": [8, 8], "completed": False},
]
KNOWN = ["run", "eval_accuracy", "flag_dropout", "flag_activation", "flag_units", "completed"]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("eval_accuracy > 0.9", "a"),
        ("eval_accuracy>=0.85", "ab"),
        ("eval_accuracy <= 0.9", "b"),
        ("eval_accuracy < 1e-1", ""),
        ("flag_dropout == 0.2", "ab"),
        ("flag_dropout = 0.2", "ab"),
        ("flag_dropout == '0.2'", "c"),
        ('flag_dropout == "0.2"', "c"),
        ("flag_dropout != 0.3", "abc"),
        ("flag_activation == relu", "a"),
        ("flag_activation == 'r and b'", "c"),
        ("flag_activation >= s", "b"),
        ("completed == true", "ab"),
        ("completed == False", "cd"),
        ("completed > 0", ""),
        ("flag_units == [8, 8]", "d"),
        ("eval_accuracy > 0.8 and flag_activation == relu", "a"),
        ("eval_accuracy > 0.8 && flag_dropout == 0.2", "ab"),
        ("eval_accuracy > 0.8  &  completed == true", "ab"),
    ],
)
def test_all_conditions_are_to_hold_and_a_missing_value_meets_none(text: str, runs: str) -> None:
    assert "".join(str(row["run"]) for row in selected(ROWS, parse_conditions(text), KNOWN)) == runs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no condition. Write conditions such as 'eval_accuracy > 0.9"),
        ("eval_accuracy", "'eval_accuracy' is no condition"),
        ("> 0.9", "is no condition"),
        ("eval_accuracy > 0.9 and", "'0.9 and' is no value. A text of several words stands in quotes"),
        ("eval_accuracy > 0.9 or flag_dropout == 0.2", "conditions are joined by `and` alone"),
        ("flag_activation == leaky relu", "A text of several words stands in quotes"),
        ("eval_accuracy > 0.9 and flag_dropout", "'flag_dropout' is no condition"),
        ("eval_acuracy > 0.9", "eval_acuracy: no such column. Did you mean `eval_accuracy`? The columns are run, "),
    ],
)
def test_what_cannot_be_understood_is_said_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(SelectionError) as caught:
        selected(ROWS, parse_conditions(text), KNOWN)
    assert said in str(caught.value)


@pytest.mark.parametrize(("decreasing", "runs"), [(True, "abcd"), (False, "bacd")])
def test_rows_without_a_value_come_last_in_either_direction(decreasing: bool, runs: str) -> None:
    found = ordered(ROWS, ["eval_accuracy"], KNOWN, decreasing=decreasing)
    assert "".join(str(row["run"]) for row in found) == runs


def test_later_columns_order_what_the_first_leaves_equal() -> None:
    found = ordered(ROWS, ["flag_dropout", "eval_accuracy"], KNOWN, decreasing=False)
    assert "".join(str(row["run"]) for row in found) == "bacd"


def test_an_order_by_a_column_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"eval_acc: no such column"):
        ordered(ROWS, ["eval_acc"], KNOWN, decreasing=True)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.integers(), max_size=2)
)


@given(st.lists(VALUES, max_size=6), st.booleans())
def test_any_values_can_be_ordered_and_none_is_lost(values: list[object], decreasing: bool) -> None:
    rows: list[Row] = [{"x": value, "run": str(place)} for place, value in enumerate(values)]  # type: ignore[dict-item]
    found = ordered(rows, ["x"], ["x", "run"], decreasing=decreasing)
    assert sorted(str(row["run"]) for row in found) == sorted(str(row["run"]) for row in rows)


@given(VALUES, st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), VALUES)
def test_any_two_values_can_be_compared(found: object, sign: str, value: object) -> None:
    Condition("x", sign, value).holds({"x": found})  # type: ignore[arg-type, dict-item]


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_refused_in_words(text: str) -> None:
    try:
        parse_conditions(text)
    except SelectionError as error:
        assert "is no condition" in str(error) or "is no value" in str(error)
