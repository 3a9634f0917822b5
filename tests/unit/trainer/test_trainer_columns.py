"""Names of columns: found by how they look, and shown so that a difference is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import LONGEST_SHOWN, check_names, find_column, show, visible


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("label", "label"),
        ("my\u00a0label", "my label"),
        (" my \t label\u3000", "my label"),
        ("la\u200bbel\ufeff", "label"),
        ("label\u202e", "label"),
        ("la\u00adbel", "label"),
        ("e\u0301", "\u00e9"),
        ("\u212b", "\u00c5"),
        ("\u200b", ""),
    ],
)
def test_how_a_text_looks(text: str, looks: str) -> None:
    assert visible(text) == looks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("label", "'label'"),
        ("it's", '"it\'s"'),
        ("a\tb", r"'a\tb'"),
        ("\u00e9", r"'é' ('\xe9')"),
        ("e\u0301", "'e\u0301' ('e\\u0301')"),
        ("my\u00a0label", r"'my\xa0label' ('my\xa0label')"),
        ("x" * 61, "'" + "x" * 57 + "...'"),
    ],
)
def test_a_text_is_shown_with_its_escapes(text: str, shown: str) -> None:
    assert show(text) == shown


@given(st.text())
def test_what_is_shown_is_one_short_line(text: str) -> None:
    assert len(show(text).splitlines()) == 1
    assert len(show(text)) <= 2 * (10 * LONGEST_SHOWN + 4)


@given(st.lists(st.text(max_size=4), min_size=1, max_size=5), st.data())
def test_every_name_of_an_accepted_header_is_found(names: list[str], data: st.DataObject) -> None:
    try:
        check_names(names, "t.csv")
    except BadDataError:
        return
    index = data.draw(st.integers(0, len(names) - 1))
    assert find_column("target", names[index], names, "t.csv") == index
    assert find_column("target", f"\u200b{visible(names[index])}\u00a0", names, "t.csv") == index


def test_of_many_names_some_are_shown() -> None:
    with pytest.raises(BadDataError, match=r"its columns are 'c0', .*, 'c19' and 80 more$"):
        find_column("target", "y", [f"c{i}" for i in range(100)], "t.csv")
