"""Times as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, such as `2026-11-23T10:02:00Z`. `moment` must be aware."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """The moment that `timestamp` wrote, fractions of a second allowed. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a timestamp needs a time zone, got {text!r}")
    return moment


def readable_timestamp(text: str | None) -> datetime | None:
    """The moment; None if it is absent, or written in another way than ours."""
    try:
        return parse_timestamp(text) if text is not None else None
    except ValueError:
        return None
