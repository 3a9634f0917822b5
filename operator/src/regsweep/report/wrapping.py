"""Sentences in lines, by the cells that a terminal gives to each character."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len


def wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width` terminal cells, broken at blanks.

    A longer word stays whole, so that a path can be copied; so do a number and the percent sign after it.
    """
    line: list[str] = []
    taken = 0
    for word in _words(text):
        cells = cell_len(word)
        if line and taken + 1 + cells > width:
            yield " ".join(line).rstrip()
            line, taken = [], 0
        if line:
            taken += 1
        elif not word:
            continue  # no line begins with a blank
        line.append(word)
        taken += cells
    if line:
        yield " ".join(line).rstrip()


def _words(text: str) -> Iterator[str]:
    words = text.split(" ")
    held = words[0]
    for word in words[1:]:
        if word.startswith("%"):
            held = f"{held} {word}"
        else:
            yield held
            held = word
    yield held
