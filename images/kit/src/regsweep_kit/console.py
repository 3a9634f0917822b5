"""What a run says while it goes. The log is for people: that it cannot be written, or cannot show a character, never ends a run."""

import contextlib
import sys


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
