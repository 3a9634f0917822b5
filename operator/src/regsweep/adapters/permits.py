"""What has to hold when a request is sent, which may be long after it was asked for: requests wait for their turn.

Whoever asks sets the permit of its task; the client looks at it at the last moment, and lets the request take no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send a request."""

    check: Callable[[], None]
    """Raises an ApiError where the request may not be sent any more."""
    seconds_left: Callable[[], float]
    """How long the request may take from now on."""


_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


@contextmanager
def under(permit: Permit) -> Iterator[None]:
    """Requests of this task are sent by this permit."""
    token = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(token)


def check_permit() -> float | None:
    """Seconds that a request of this task may take, to be asked just before it is sent; None: as long as it likes.

    Raises the ApiError of the permit.
    """
    permit = _permit.get()
    if permit is None:
        return None
    permit.check()
    return permit.seconds_left()
