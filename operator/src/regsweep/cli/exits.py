"""Exit codes, and errors as a person reads them: what, where, what to do; never a traceback for what we raise on purpose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Final, NoReturn

import typer

from regsweep.cli.streams import ReaderGoneError
from regsweep.errors import InvalidSweep, RegsweepError
from regsweep.report.text import visible

COMPLETE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""As a shell reports a process that SIGPIPE ended."""

EXIT_CODES_HELP: Final = (
    "Exit codes: 0 success, the sweep is complete; 1 the sweep or the command failed; "
    "2 the manifest or the command line is invalid; 130 interrupted; 141 the reader of the output closed it."
)


class UsageError(RegsweepError):
    """The command line, or the file that it names, is not what is needed."""


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turns our errors into a message on standard error and an exit code."""
    try:
        yield
    except RegsweepError as error:
        raise typer.Exit(report_error(error)) from error
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)


def report_error(error: RegsweepError) -> int:
    """Prints what went wrong to standard error, and returns the exit code that goes with it."""
    match error:
        case ReaderGoneError():
            return READER_GONE
        case InvalidSweep():
            count = len(error.problems)
            print_error_line(f"regsweep: the manifest has {count} {'error' if count == 1 else 'errors'}:")
            for problem in error.problems:
                print_error_line(f"  {problem}")
            return USAGE
        case _:
            print_error_line(f"regsweep: {error}")
            return USAGE if isinstance(error, UsageError) else FAILED


def fail(message: str, code: int) -> NoReturn:
    """Prints the message to standard error, and exits."""
    print_error_line(f"regsweep: {message}")
    raise typer.Exit(code)


def print_error_line(line: str) -> None:
    """Prints one line to standard error, with escapes for what is not printable; a terminal gets it broken between words."""
    shown = visible(line)
    if sys.stderr.isatty():
        from regsweep.report.wrapping import wrapped  # spares the operator what measures cells

        indent = " " * (len(shown) - len(shown.lstrip()))
        shown = "\n".join(indent + part for part in wrapped(shown.lstrip(), get_terminal_size().columns - len(indent)))
    sys.stderr.write(f"{shown}\n")
