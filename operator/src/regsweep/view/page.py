"""What a page is made of. All text is plain: it is escaped where the page is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs."""

    texts: Sequence[str]
    strong: bool = False
    kind: str = "prose"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with the same number of cells as there are headers."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    """Places of the columns that are set flush right."""
    marked: frozenset[int] = frozenset()
    """Places of the rows that are highlighted."""
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG with what it shows in words, and its values as a table for whoever does not see it."""

    title: str
    svg: str
    """Made here, and so the only markup that is not escaped."""
    caption: str
    values: Table | None = None
    kind: str = "picture"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures of one kind beside each other, as many as the screen has room for."""

    pictures: Sequence[Picture]
    kind: str = "gallery"


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it was written, folded away."""

    title: str
    text: str
    kind: str = "code"


Block = Prose | Table | Picture | Gallery | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a headline."""

    anchor: str
    """For links: lower-case letters and `-`."""
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: str
    lead: Sequence[str]
    """What it is about, in a few words."""
    sections: Sequence[Section]
    footer: str = ""
