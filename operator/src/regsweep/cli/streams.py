"""Standard streams whose failures are sentences: a closed one, a full disk, a reader that has gone."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from regsweep.errors import RegsweepError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2


class OutputError(RegsweepError):
    """Standard output cannot be written."""


class ReaderGoneError(OutputError):
    """The reader of standard output closed it, as `head` does: this is not an error and is not reported."""


def prepare_streams() -> None:
    """Replaces the standard streams by streams that fail with a message (output) or not at all (error).

    A closed descriptor is opened on the null device, so that no later file gets its number.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # Read-only where one writes: each write then fails as it would on the closed descriptor.
            os.open(os.devnull, os.O_WRONLY if descriptor == STDERR else os.O_RDONLY)
    if sys.stdin is None:  # closed when the interpreter started
        sys.stdin = open(STDIN, closefd=False)  # noqa: SIM115  # open to the end of the process
    sys.stdout = _replacement(sys.stdout, _Output(STDOUT, "w", closefd=False), errors="strict")
    sys.stderr = _replacement(sys.stderr, _Errors(STDERR, "w", closefd=False), errors="backslashreplace")


class _Output(io.FileIO):
    """The first failed write raises an OutputError; later output is dropped."""

    failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self.failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError as error:
            self.failed = True
            raise ReaderGoneError("the reader of standard output closed it") from error
        except OSError as error:
            self.failed = True
            why = "it is closed" if error.errno == errno.EBADF else error.strerror
            raise OutputError(
                f"standard output cannot be written: {why}. Send it to a terminal, a pipe or a file with room."
            ) from error


class _Errors(io.FileIO):
    """Output that cannot be written is dropped: a sweep does not end because its progress is not read."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _replacement(stream: io.TextIOBase | object | None, raw: io.FileIO, errors: str) -> io.TextIOWrapper:
    """A text stream over `raw` with the encoding and the error handler of the one that it replaces."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    handler = getattr(stream, "errors", None) or errors
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=handler, line_buffering=raw.isatty() or raw.fileno() == STDERR
    )
