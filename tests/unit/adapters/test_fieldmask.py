"""JSON of which only the wanted fields are made: nothing else comes out, and what is of another shape comes as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.adapters.fieldmask import FieldMask

MASK = FieldMask({"metadata": {"name": None}, "spec": {"containers": [{"name": None, "env": [{"name": None}]}]}})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "env", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def page(*items: Any) -> Any:
    return MASK.page(json.dumps({"kind": "List", "metadata": {"continue": "c"}, "items": items}).encode())


def test_only_the_wanted_fields_come_out() -> None:
    pod = {
        "metadata": {"name": "a", "uid": "u"},
        "spec": {"containers": [{"name": "t", "env": [{"name": "A", "value": "1"}]}], "nodeName": "n"},
        "status": {},
    }
    assert page(pod) == {
        "metadata": {"continue": "c"},
        "items": [{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "t", "env": [{"name": "A"}]}]}}],
    }


@pytest.mark.parametrize("absent", [{}, {"metadata": None}, {"spec": {"containers": None}}])
def test_what_is_absent_or_null_stays_so(absent: dict[str, Any]) -> None:
    assert page(absent)["items"] == [absent]


@given(name=VALUES, containers=VALUES)
def test_a_wanted_field_has_the_value_that_json_gives_it(name: Any, containers: Any) -> None:
    """Whatever its shape: one that is not as expected makes no answer unusable."""
    (found,) = page({"metadata": {"name": name}, "spec": {"containers": containers}, "status": 1})["items"]
    assert found["metadata"]["name"] == name
    if not isinstance(containers, list | None):
        assert found == {"metadata": {"name": name}, "spec": {"containers": containers}, "status": 1}


def test_an_error_in_a_watch_comes_whole() -> None:
    gone = {"kind": "Status", "status": "Failure", "code": 410, "metadata": {}, "spec": "Expired"}
    assert MASK.event(json.dumps({"type": "ERROR", "object": gone}).encode()) == {"type": "ERROR", "object": gone}


@pytest.mark.parametrize("text", [b"", b"{", b"<html>", b'{"items": [}'])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # any text
        MASK.page(text)
