"""Plain text for a terminal: as it was written where that is harmless, escaped where it is not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from regsweep.report.text import UTF8, Charset, visible
from regsweep.report.wrapping import wrapped

ENCODINGS = ("utf-8", "ascii", "latin-1", "cp1252", "shift_jis", "utf-16")
anything = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cf"]))
"""Lone surrogates included: paths have them."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("[/data/a.csv]", "[/data/a.csv]", id="what looks like markup"),
        pytest.param("a:bug:b", "a:bug:b", id="what looks like an emoji code"),
        pytest.param("C:\\new", "C:\\new", id="a backslash"),
        pytest.param("日本 é 😀", "日本 é 😀", id="letters of the world"),
        pytest.param("a\nb\tc\r", "a\\nb\\tc\\r", id="line breaks and tabs"),
        pytest.param("\x1b[2J\x9b31m", "\\x1b[2J\\x9b31m", id="terminal escapes of seven and eight bits"),
        pytest.param("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066", id="bidirectional overrides"),
        pytest.param("a\u200bb\ufeff", "a\\u200bb\\ufeff", id="characters without a width"),
        pytest.param("a\u2028b\u0085", "a\\u2028b\\x85", id="line breaks of Unicode"),
        pytest.param("my\u00a0label", "my\\xa0label", id="a blank that is none"),
        pytest.param("x\udce9y", "x\\udce9y", id="a byte of a file name that is not UTF-8"),
        pytest.param("\x00\x07\x08\x7f", "\\x00\\x07\\x08\\x7f", id="bells and backspaces"),
        pytest.param("\U000e0041", "\\U000e0041", id="tags"),
    ],
)
def test_what_could_move_the_cursor_or_hide_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@settings(deadline=None)
@given(anything)
def test_what_is_shown_is_one_printable_line_and_stays_so(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        pytest.param("utf-8", "é ± … 日", id="UTF-8 has all"),
        pytest.param("ascii", "\\xe9 \\xb1 \\u2026 \\u65e5", id="ASCII has none"),
        pytest.param("latin-1", "é ± \\u2026 \\u65e5", id="Latin-1 has some"),
    ],
)
def test_text_that_the_encoding_lacks_is_escaped_and_never_replaced_by_another(encoding: str, shown: str) -> None:
    assert Charset(encoding).text("é ± … 日") == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        pytest.param("utf-8", "± · … ━╸─", id="UTF-8 has all"),
        pytest.param("ascii", "+/- | ... =--", id="ASCII has none"),
        pytest.param("latin-1", "± · ... =--", id="Latin-1 has some"),
    ],
)
def test_signs_of_the_report_have_stand_ins(encoding: str, shown: str) -> None:
    assert Charset(encoding).own("± · … ━╸─") == shown


@settings(deadline=None)
@given(anything, st.sampled_from(ENCODINGS), st.booleans())
def test_what_is_shown_can_always_be_written(text: str, encoding: str, own: bool) -> None:
    charset = Charset(encoding)
    shown = charset.own(text) if own else charset.text(text)
    shown.encode(encoding)
    assert shown.isprintable()


@settings(deadline=None)
@given(anything, anything, st.sampled_from(ENCODINGS[:3]))
def test_two_texts_without_backslashes_are_never_shown_alike(one: str, other: str, encoding: str) -> None:
    if "\\" not in one + other and one != other:
        assert Charset(encoding).text(one) != Charset(encoding).text(other)


@settings(deadline=None)
@given(st.text(), st.integers(1, 300))
def test_wrapped_text_loses_nothing_but_blanks_and_is_broken_at_blanks_alone(text: str, width: int) -> None:
    shown = UTF8.text(text)
    lines = list(wrapped(shown, width))
    assert " ".join(lines).split() == shown.split()
    for line in lines:
        assert line == line.strip()
        assert cell_len(line) <= width or " " not in line.replace(" %", "%")


def test_wide_letters_are_counted_by_their_cells() -> None:
    assert list(wrapped("日本 日本 日本", 9)) == ["日本 日本", "日本"]
    assert unicodedata.east_asian_width("日") == "W"


def test_a_number_keeps_its_percent_sign() -> None:
    assert list(wrapped("at 95 % sure", 5)) == ["at", "95 %", "sure"]
