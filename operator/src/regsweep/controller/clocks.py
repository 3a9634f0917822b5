"""The operator's two clocks. Tests bring their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time it is, and how much of it has passed."""

    now: Callable[[], datetime] = _utc_now
    """For what other machines read: timestamps, and ages of their objects."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds, for intervals within this process."""


SYSTEM_CLOCKS: Final = Clocks()
