"""How long a slot stays empty: from the end of a pod to the creation of the Job that takes its place."""

from __future__ import annotations

from collections import deque


class FreedSlots:
    """Slots of one sweep that are empty since a pod ended; times are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._freed_at: deque[float] = deque()

    def free(self, now: float) -> None:
        """A pod has ended."""
        self._freed_at.append(now)

    def fill(self, jobs: int, now: float) -> list[float]:
        """So many Jobs were created: how long the slots that they take were empty. No other slot waits to be filled then."""
        waited = [now - freed_at for freed_at, _ in zip(self._freed_at, range(jobs), strict=False)]
        self._freed_at.clear()
        return waited
