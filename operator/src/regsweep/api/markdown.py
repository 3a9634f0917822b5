"""Parts of the generated pages, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def generated_from(source: str, edit: str) -> str:
    """The first line of a generated page: its source, and what to edit there."""
    return f"<!-- Generated from {source} by `python -m regsweep.generate`: edit {edit} there. -->\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line for each row; a `|` within a cell is escaped, and line ends become blanks."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;")
