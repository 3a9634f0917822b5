"""The check of sizes in `make lint`: what it reports, and that its exceptions do not outlive their reasons."""

from __future__ import annotations

import pytest

from lint_sizes import complaints


def function(lines: int, *, kind: str = "def", indent: str = "") -> str:
    """A function of so many lines."""
    return f"{indent}{kind} long() -> None:\n" + f"{indent}    pass\n" * (lines - 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(function(50), [], id="50 lines are allowed"),
        pytest.param(function(51), ["a.py:1: long has 51 lines"], id="51 are not"),
        pytest.param(function(51, kind="async def"), ["a.py:1: long has 51 lines"], id="nor of a coroutine"),
        pytest.param("class C:\n" + function(51, indent="    "), ["a.py:2: long has 51 lines"], id="nor of a method"),
        pytest.param("x = 1\n" * 400, [], id="a file may have 400 lines"),
        pytest.param("x = 1\n" * 401, ["a.py: 401 lines"], id="but not 401"),
    ],
)
def test_what_is_too_long_is_reported_where_it_stands(source: str, words: list[str]) -> None:
    lines = complaints([("a.py", source)], {})
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_an_exception_silences_one_function_and_no_other() -> None:
    source = function(51) + function(60).replace("long", "longer")
    assert complaints([("a.py", source)], {"a.py::long": "why"}) == [
        "a.py:52: longer has 60 lines; at most 50 are allowed. Cut it at its seams."
    ]


def test_an_exception_that_is_not_needed_is_reported() -> None:
    assert complaints([("a.py", function(9))], {"a.py::long": "why"}) == [
        "a.py::long: is short enough; remove its exception."
    ]
