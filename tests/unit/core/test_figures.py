"""Numbers and lists of names as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from regsweep.core.figures import listed, ordinal, percent, rough, short


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        pytest.param(0.0, "0 %", id="none of it"),
        pytest.param(1e-9, "under 1 %", id="hardly any is not none"),
        pytest.param(0.00499, "under 1 %", id="what would be rounded down to none"),
        pytest.param(0.005, "under 1 %", id="what is halfway is rounded down to none too"),
        pytest.param(0.00501, "1 %", id="what is rounded up to one"),
        pytest.param(0.64, "64 %", id="a part"),
        pytest.param(0.99499, "99 %", id="what is rounded down to 99"),
        pytest.param(0.995, "over 99 %", id="what would be rounded up to all"),
        pytest.param(0.9999999, "over 99 %", id="nearly all is not all"),
        pytest.param(1.0, "100 %", id="all of it"),
        pytest.param(1.5, "150 %", id="more than all"),
        pytest.param(-0.25, "-25 %", id="a negative one"),
    ],
)
def test_a_ratio_never_reads_as_none_or_all_where_it_is_not(ratio: float, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.071234, "0.07123"),
        (2.98123e-8, "2.981e-08"),
        (9999.4, "9999"),
        (9999.7, "10000"),
        (236471.0, "236500"),
        (-236471.0, "-236500"),
        (999_900_000.0, "999900000"),
        (1e9, "1e+09"),
        (3.4e38, "3.4e+38"),
    ],
)
def test_a_lone_number_has_an_exponent_only_where_a_table_gives_it_one(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "10th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "23rd",
        "100th",
        "101st",
        "111th",
        "112th",
        "113th",
        "1002nd",
    ],
)
def test_ordinals_are_those_of_english(text: str) -> None:
    assert ordinal(int(text[:-2])) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d"], "a, b, c and d"),
    ],
)
def test_names_are_listed_as_in_a_sentence(names: Sequence[str], text: str) -> None:
    assert listed(names) == text


@pytest.mark.parametrize(
    ("value", "alone", "in_a_sentence"),
    [
        (0.123456, "0.1235", "0.123"),
        (1234567.0, "1235000", "1230000"),
        (100.0, "100", "100"),
        (-0.00009996, "-9.996e-05", "-0.0001"),
    ],
)
def test_a_lone_number_has_four_digits_and_one_in_a_sentence_three(
    value: float, alone: str, in_a_sentence: str
) -> None:
    assert (short(value), rough(value)) == (alone, in_a_sentence)
