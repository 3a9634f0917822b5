"""Where things are printed: results on standard output, everything else on standard error.

A console knows the encoding of its stream; what the stream cannot show is decided by that alone (`report.text.Charset`).
"""

from __future__ import annotations

import sys

from rich.console import Console

PIPE_WIDTH = 200
"""Cells of a line where standard output is no terminal: a file has room, and grep wants whole lines."""


def result_console() -> Console:
    """Standard output; as wide as the terminal, or PIPE_WIDTH if it is not one."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def error_console() -> Console:
    """Standard error."""
    return Console(stderr=True)
