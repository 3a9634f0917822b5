"""The pages that say what shows their claims: each test that they name is there, and each line of theirs names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from cluster.paths import CHECKOUT

PAGES = ["docs/security.md", "docs/failures.md"]
NAMED = re.compile(r"`((?:unit|integration|e2e|faults|bench|third_party)/[\w/]+\.py)(?:::(\w+))?`")
SHOWS = ("Shown by", "Test")
"""Heads of the column that names tests."""


def text_of(page: str) -> str:
    return (CHECKOUT / page).read_text()


def missing(text: str) -> list[str]:
    """The tests that a page names and that are not there."""
    return [f"{file}::{function}" for file, function in NAMED.findall(text) if not _is_there(file, function)]


def _is_there(file: str, function: str) -> bool:
    path = CHECKOUT / "tests" / file
    if not function or not path.is_file():
        return path.is_file()
    defined = ast.walk(ast.parse(path.read_text()))
    return function in {node.name for node in defined if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def unshown(text: str) -> Iterator[str]:
    """The lines of tables with a column for tests that name none."""
    shows = False
    for line in text.splitlines():
        if not line.startswith("|"):
            shows = False
        elif line.strip("| ").rpartition("|")[2].strip() in SHOWS:
            shows = True
        elif shows and not line.startswith("|---") and not NAMED.search(line.strip("| ").rpartition("|")[2]):
            yield line


@pytest.mark.parametrize("page", PAGES)
def test_each_test_that_the_page_names_is_there(page: str) -> None:
    assert len(NAMED.findall(text_of(page))) > 10
    assert missing(text_of(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_line_that_is_to_be_shown_names_a_test(page: str) -> None:
    assert any(f"| {head} |" in text_of(page) for head in SHOWS)
    assert list(unshown(text_of(page))) == []


def test_a_test_that_is_not_there_and_a_line_without_any_are_found() -> None:
    here = "unit/lint/test_named_tests.py"
    table = (
        f"| Can | Shown by |\n|---|---|\n| fly | `{here}::test_flight` |\n| swim | `unit/test_none.py` |\n| walk | |\n"
    )
    assert missing(table) == [f"{here}::test_flight", "unit/test_none.py::"]
    assert list(unshown(table)) == ["| walk | |"]
    assert missing(f"`{here}`, `{here}::missing`") == []
