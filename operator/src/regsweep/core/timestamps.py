"""Times as Kubernetes writes them.

Every moment from outside is between EARLIEST and LATEST, and so is every sum with a number from outside (`later`). What is
added to these by a constant of ours is a date that Python has.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(1000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
MOST_SECONDS: Final = 2**40
"""Since 1970, of a moment that is given as a number; far in the future."""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, such as `2026-11-23T10:02:00Z`. `moment` must be aware."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """The moment that `timestamp` wrote, fractions of a second allowed. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a timestamp needs a time zone, got {text!r}")
    return _within(moment)


def known_moment(text: str | None) -> datetime | None:
    """The moment; None where there is none, or none that can be read."""
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def server_time(text: str) -> datetime:
    """A time of the API server's own types. Their years go beyond Python's on both sides."""
    return known_moment(text) or (EARLIEST if text < "1" else LATEST)


def later(moment: datetime, seconds: float) -> datetime:
    """So many seconds after the moment; before it, where they are negative. For numbers that others chose."""
    try:
        return _within(moment + timedelta(seconds=seconds))
    except OverflowError:
        return LATEST if seconds > 0 else EARLIEST


def _within(moment: datetime) -> datetime:
    return EARLIEST if moment < EARLIEST else LATEST if moment > LATEST else moment.astimezone(UTC)
