"""Exit codes, and errors as a person reads them: what, where, what to do; never a traceback for what we raise on purpose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer

from regsweep.errors import InvalidSweep, RegsweepError

COMPLETE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done, sweep complete; 1 the sweep failed, or something else did; "
    "2 the manifest or the command line is wrong; 130 interrupted."
)


class UsageError(RegsweepError):
    """The command line, or the file that it names, is not what is needed."""


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turns our errors into a message on standard error and an exit code."""
    try:
        yield
    except InvalidSweep as error:
        count = len(error.problems)
        fail(f"{'One thing is' if count == 1 else f'{count} things are'} wrong in the manifest:", USAGE, error.problems)
    except UsageError as error:
        fail(str(error), USAGE)
    except RegsweepError as error:
        fail(str(error), FAILED)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)


def fail(message: str, code: int, details: tuple[object, ...] = ()) -> NoReturn:
    """Prints the message to standard error, a detail per line below it, and exits."""
    sys.stderr.write(f"regsweep: {message}\n")
    for detail in details:
        sys.stderr.write(f"  {detail}\n")
    raise typer.Exit(code)
