"""What holds for every text and every value."""

from __future__ import annotations

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regsweep.adapters.yamlreader import read_documents, read_objects
from regsweep.adapters.yamlreader.scalars import stored_number
from regsweep.errors import UnreadableManifest
from support.manifests import same

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def stored(value: JsonValue) -> JsonValue:
    """The value with its numbers as the API server stores them."""
    if isinstance(value, dict):
        return {key: stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return stored_number(value)
    return value


@settings(deadline=None)
@given(VALUES)
def test_json_is_read_as_its_values_and_as_yaml_it_is_the_same(value: JsonValue) -> None:
    text = json.dumps({"a": value}).replace("\\/", "/")
    (as_json,) = read_documents(text.encode())
    assert same(as_json.value, {"a": stored(value)})
    if "\\ud" not in text:  # halves of characters, which only JSON knows
        (as_yaml,) = read_documents(f"# c\n{text}\n".encode())
        assert same(as_yaml.value, as_json.value)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=60),
        TEXTS.map(str.encode),
        st.text("ab01:-[]{},&*!|>'\"#\n \t?<%.", max_size=40).map(str.encode),
    )
)
def test_every_file_is_read_or_refused_with_a_place_in_it(data: bytes) -> None:
    try:
        documents = read_documents(data)
        read_objects(data)
    except UnreadableManifest as refused:
        lines = data.count(b"\n") + data.count(b"\r") + 4 * data.count(b"\xc2") + 4 * data.count(b"\xe2") + 1
        assert 1 <= refused.line <= lines + 1
        assert refused.column >= 1
    else:
        assert all(same(document.value, stored(document.value)) for document in documents)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_stored_as_what_it_is_worth(number: float) -> None:
    kept = stored_number(number)
    assert kept == number or (abs(number) > 2**53 and math.isclose(kept, number, rel_tol=1e-15))
    assert isinstance(kept, int) == (number.is_integer() and abs(number) < 2**63 and kept in range(-(2**63), 2**63))


@settings(deadline=None)
@given(st.lists(VALUES.filter(lambda value: value is not None), max_size=4))
def test_documents_come_in_their_order_however_they_are_separated(values: list[JsonValue]) -> None:
    lines = [f"a: {json.dumps(value)}".replace("\\/", "/") for value in values]
    if any("\\ud" in line for line in lines):
        return
    with_separators = "\n---\n".join(lines).encode()
    found = [document.value for document in read_documents(with_separators)]
    assert same(found, [{"a": stored(value)} for value in values])
    empty_between = "\n---\n# nothing\n---\n".join(lines).encode()
    assert same([document.value for document in read_documents(empty_between)], found)


def test_what_an_alias_stands_for_is_the_same_value() -> None:
    (document,) = read_documents(b"a: &x {b: [1, 2]}\nc: *x\nd: {<<: *x, e: 3}\n")
    assert document.value == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": {"b": [1, 2], "e": 3}}
