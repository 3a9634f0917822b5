"""Canonical JSON: equal values have one text and one hash, different values do not."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from regsweep.api.canonical import canonical_json, digest

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, 1.0, id="an integer and the same number with a point"),
        pytest.param(0, -0.0, id="minus nought is nought"),
        pytest.param(100, 1e2, id="an exponent is spelling"),
        pytest.param(2**63, float(2**63), id="beyond 64 bits a number is a double"),
        pytest.param({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, id="the order of names does not count"),
        pytest.param([1, (2, 3)], [1.0, [2, 3]], id="within lists too"),
    ],
)
def test_spellings_of_one_value(one: object, other: object) -> None:
    assert canonical_json(one) == canonical_json(other)
    assert digest(one, 64) == digest(other, 64)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(True, 1, id="true is not 1"),
        pytest.param(False, 0, id="false is not 0"),
        pytest.param("1", 1, id="a text is not the number that it spells"),
        pytest.param(None, 0, id="null is not 0"),
        pytest.param(None, "null", id="null is not its name"),
        pytest.param([1, 2], [2, 1], id="the order of a list counts"),
        pytest.param(2**53, 2**53 + 1, id="integers of 64 bits are exact"),
        pytest.param(0.1, 0.1 + 2**-55, id="neighbouring doubles"),
        pytest.param([[1], 2], [[1, 2]], id="nesting counts"),
    ],
)
def test_different_values(one: object, other: object) -> None:
    assert canonical_json(one) != canonical_json(other)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(math.nan, id="NaN"),
        pytest.param(math.inf, id="infinity"),
        pytest.param({"a": [-math.inf]}, id="minus infinity deep inside"),
        pytest.param(10**400, id="an integer too large for a double"),
        pytest.param(date(2026, 1, 1), id="a date"),
        pytest.param(b"x", id="bytes"),
        pytest.param({1: 2}, id="a key that is not a string"),
    ],
)
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_the_text_is_fixed_for_ever() -> None:
    """Keys of stored results come from it: a change of this text trains everything again."""
    assert canonical_json({"l2": 0.01, "a": [1.0, True, None, "ü"]}) == '{"a":[1,true,null,"\\u00fc"],"l2":0.01}'
    assert digest({"l2": 0.01, "dropout": 0.3}, 12) == "385a9b0691a9"


@given(VALUES.filter(lambda value: not _too_large(value)))
def test_any_json_has_a_digest_of_the_length_asked_for(value: JsonValue) -> None:
    assert digest(value, 12) == digest(value, 64)[:12]
    assert len(digest(value, 12)) == 12


@pytest.mark.parametrize("length", [0, 65, -1])
def test_lengths_that_no_digest_has(length: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 64"):
        digest(1, length)


def _too_large(value: JsonValue) -> bool:
    if isinstance(value, list):
        return any(map(_too_large, value))
    if isinstance(value, dict):
        return any(map(_too_large, value.values()))
    return isinstance(value, int) and abs(value) > 10**300
