"""The one place that prints: text as it was written, in what the stream can show, and documents as bytes."""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.text import Text

from regsweep.report.text import Charset
from regsweep.report.wrapping import wrapped


def charset_of(console: Console) -> Charset:
    """What the console's stream can show."""
    return Charset(console.encoding)


def print_lines(console: Console, *lines: str | Text) -> None:
    """Prints each line as it is: no markup, no emoji codes, no highlighting, neither broken nor padded nor cut.

    A `str` is text from outside and gets escapes where it needs them; a `Text` has them already.
    """
    charset = charset_of(console)
    texts = [Text(charset.text(line)) if isinstance(line, str) else line for line in lines]
    console.print(Text("\n").join(texts), soft_wrap=True, markup=False, emoji=False, highlight=False)


def print_prose(console: Console, text: str) -> None:
    """Prints a sentence from outside; a terminal gets it broken between words, a pipe in one line."""
    shown = charset_of(console).text(text)
    print_lines(console, *(map(Text, wrapped(shown, console.width)) if console.is_terminal else [Text(shown)]))


def write_document(file: IO[str], document: str) -> None:
    """Writes a document for programs, in UTF-8 whatever the encoding of the stream."""
    buffer = getattr(file, "buffer", None)
    if buffer is None:  # a stream in memory, which has no encoding
        file.write(document)
        return
    file.flush()
    buffer.write(document.encode("utf-8", errors="backslashreplace"))
    buffer.flush()
