"""Plain text for a terminal: what could move the cursor, hide or be unencodable is shown as an escape.

Values, names, labels, paths and messages come from outside. They are printed as they were written, never read as markup,
and never able to break a table, colour a terminal or end a command.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property
from typing import Final

STAND_INS: Final = {"±": "+/-", "·": "|", "…": "...", "━": "=", "╸": "-", "─": "-"}
"""The report's own signs, and the replacement of each if the encoding lacks it."""


def visible(text: str) -> str:
    """The text with an escape such as `\\n`, `\\x1b` or `\\u202e` for each character that is not printable.

    Those are control and format characters (line breaks, ANSI escapes, bidirectional overrides), surrogates, and all
    blanks but the ordinary one. A backslash stays as it is: paths and patterns hold it. So the escapes are for the eye,
    and what is read back by a program goes through `documents`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@dataclass(frozen=True)
class Charset:
    """What a stream can show."""

    encoding: str
    """Name of the stream's encoding, as Python's codecs know it."""

    @cached_property
    def is_utf8(self) -> bool:
        """Whether every character can be written."""
        return codecs.lookup(self.encoding).name == "utf-8"

    def text(self, text: str) -> str:
        """Text from outside: as it was written where the stream can show it, otherwise with escapes."""
        shown = visible(text)
        if self.is_utf8 or shown.isascii():
            return shown
        return shown.encode(self.encoding, errors="backslashreplace").decode(self.encoding)

    def own(self, text: str) -> str:
        """The report's own text: its signs give way to plain ones such as `+/-`, everything else is as with `text`."""
        if self.is_utf8 or text.isascii():
            return visible(text)
        return self.text("".join(STAND_INS.get(c, c) if c in STAND_INS and not self._has(c) else c for c in text))

    def _has(self, character: str) -> bool:
        try:
            character.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


UTF8: Final = Charset("utf-8")
