"""What the person at the terminal sees: one short line per step, with its seconds."""

import contextlib
import sys
import time
from collections.abc import Iterator


def say(line: str) -> None:
    """Progress goes to standard error: standard output is for results."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Print ``what`` with the seconds it took once it is done, or that it failed."""
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{what}: failed after {time.monotonic() - started:.1f} s")
        raise
    say(f"{what}: {time.monotonic() - started:.1f} s")
