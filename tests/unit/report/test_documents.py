"""What programs read: JSON, YAML and CSV come back equal, whatever text is in them."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from regsweep.report.documents import as_csv, as_json, as_yaml, flag_cell

texts = st.text(st.characters() | st.characters(categories=["Cs"]))
"""Lone surrogates included: paths have them."""
unicode_texts = st.text(st.characters(codec="utf-8"))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
numberlike = st.from_regex(r"[-+]?[0-9]*[.:_oxeE]?[0-9]*", fullmatch=True)
words = st.sampled_from(
    [
        "y",
        "No",
        "on",
        "TRUE",
        "null",
        "~",
        "=",
        "<<",
        ".inf",
        ".NaN",
        "0o17",
        "1_000",
        "1:30",
        "2026-01-01",
        "-",
        "?",
        "- a",
        "a: b",
        "#",
    ]
)


def documents(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, JsonValue]]:
    values: st.SearchStrategy[JsonValue] = st.recursive(
        scalars | leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(leaves, inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(leaves, values, max_size=4)


@settings(deadline=None)
@given(documents(texts), st.booleans())
def test_json_comes_back_equal_and_can_be_written(document: dict[str, JsonValue], ascii_only: bool) -> None:
    text = as_json(document, ascii_only)
    text.encode("ascii" if ascii_only else "utf-8")
    assert json.loads(text) == document


@settings(deadline=None)
@given(documents(unicode_texts | numberlike | words), st.booleans())
def test_yaml_comes_back_equal_and_can_be_written(document: dict[str, JsonValue], ascii_only: bool) -> None:
    text = as_yaml(document, ascii_only)
    text.encode("ascii" if ascii_only else "utf-8")
    assert yaml.safe_load(text) == document


@pytest.mark.parametrize(
    "text", ["y", "n", "1e3", "0o17", "1_000", "=", "~", "2026-01-01", "1:30", "", " ", "a: b", "0x1F", "No", ".5"]
)
def test_a_text_that_some_reader_takes_for_something_else_is_in_quotes(text: str) -> None:
    node = yaml.compose(as_yaml({"key": text}))
    assert node is not None
    ((_, value),) = node.value
    assert value.style == '"'


def test_plain_words_need_no_quotes() -> None:
    assert as_yaml({"state": "Complete", "metric": "val_average_loss"}) == "state: Complete\nmetric: val_average_loss\n"


def test_what_is_there_twice_is_written_twice() -> None:
    flags: JsonValue = {"l2": 0.1}
    assert "&" not in as_yaml({"one": flags, "other": flags})


@settings(deadline=None)
@given(st.lists(st.lists(unicode_texts, min_size=2, max_size=2), max_size=6))
def test_csv_comes_back_equal(rows: list[list[str]]) -> None:
    text = as_csv(rows)
    text.encode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "\t=1", "'=1"])
def test_a_cell_that_a_spreadsheet_would_run_stays_as_written(text: str) -> None:
    assert as_csv([[text, "x"]]) == f"{text},x\n"


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", "\r"])
def test_a_line_break_in_a_cell_is_quoted(text: str) -> None:
    assert as_csv([[text]]) == f'"{text}"\n'


def test_half_a_character_is_escaped_since_no_file_can_hold_it() -> None:
    assert as_csv([["x\udce9y"]]) == "x\\udce9y\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        pytest.param("a,b", "a,b", id="a text, without the quotes of labels"),
        pytest.param(' "x" ', ' "x" ', id="a text with quotes and blanks"),
        pytest.param(["relu", "tanh"], '["relu", "tanh"]', id="a list as JSON"),
        pytest.param([256, 128], "[256, 128]", id="a list of numbers"),
        pytest.param(True, "true", id="a boolean"),
        pytest.param(1e-7, "1e-7", id="a number as labels have it"),
    ],
)
def test_a_flag_in_csv_is_its_value(value: JsonValue, cell: str) -> None:
    assert flag_cell(value) == cell


@settings(deadline=None)
@given(st.lists(texts))
def test_a_list_in_csv_is_json(value: list[str]) -> None:
    assert json.loads(flag_cell(list(value))) == value
    assert re.match(r"\[", flag_cell(list(value)))
