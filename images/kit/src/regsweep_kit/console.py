"""The log of a run. It is for people: that it cannot be written, or cannot show a character, never ends a run."""

import contextlib
import os
import sys

STDERR = 2  # the last of the standard descriptors


def say(line: str, *, error: bool = False) -> None:
    """One line on stdout, or on stderr."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # the descriptor was closed when the process began
        return
    shown = line.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8")
    with contextlib.suppress(OSError, ValueError):  # a closed pipe, a full disk, a closed stream
        print(shown, file=stream, flush=True)


def flush() -> None:
    """What is still buffered, where it can be written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def occupy_standard_descriptors() -> None:
    """Opens those of descriptors 0 to 2 that are closed, to nowhere.

    Otherwise the next file or pipe gets such a number, and what a library writes to stdout or stderr goes into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
