"""A work queue of keys: each is there once, is never in two hands, and can be due later.

What is added while it is worked on is due again afterwards. Failures back off per key. Nothing of a key remains when it is done.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from time import monotonic
from typing import Final

FIRST_BACKOFF_SECONDS: Final = 0.2
LONGEST_BACKOFF_SECONDS: Final = 60.0


class WorkQueue:
    """Keys that are due, in the order in which they became so. For one event loop."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due_at: dict[str, float] = {}
        """Waiting keys, each with its earliest due time."""
        self._heap: list[tuple[float, int, str]] = []
        self._sequence = 0
        self._in_hand: set[str] = set()
        self._again_at: dict[str, float] = {}
        """Keys in hand that were added meanwhile."""
        self._failures: dict[str, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: str, delay_seconds: float = 0.0) -> None:
        """Makes the key due in `delay_seconds`, or leaves it due earlier if it is."""
        due_at = self._clock() + max(0.0, delay_seconds)
        if key in self._in_hand:
            self._again_at[key] = min(due_at, self._again_at.get(key, due_at))
            return
        present = self._due_at.get(key)
        if present is not None and present <= due_at:
            return
        self._due_at[key] = due_at
        self._sequence += 1
        entry = (due_at, self._sequence, key)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:  # else those who wait will look again before it is due
            self._changed.set()

    def retry(self, key: str, at_least_seconds: float = 0.0) -> float:
        """Makes a key that failed due again, later with each failure in a row; returns in how many seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16)) * random.uniform(
            0.5, 1.0
        )
        delay = max(delay, at_least_seconds)
        self.add(key, delay)
        return delay

    def succeeded(self, key: str) -> None:
        """Forgets the key's failures."""
        self._failures.pop(key, None)

    def forget(self, key: str) -> None:
        """Takes the key out: it is not to be worked on any more, unless it is added anew."""
        self._due_at.pop(key, None)
        self._again_at.pop(key, None)
        self._failures.pop(key, None)

    def drop_waiting(self) -> None:
        """Takes all keys out that are in nobody's hand, with how long they have waited."""
        self._due_at.clear()
        self._heap.clear()
        self._failures.clear()

    async def take(self) -> str:
        """The next due key, which is then in the caller's hand until `done`; waits for one."""
        while True:
            self._changed.clear()
            wait = self._head_wait()
            if wait is not None and wait <= 0:
                _, _, key = heapq.heappop(self._heap)
                del self._due_at[key]
                self._in_hand.add(key)
                return key
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: str) -> None:
        """Gives the key back."""
        self._in_hand.discard(key)
        again_at = self._again_at.pop(key, None)
        if again_at is not None:
            self.add(key, again_at - self._clock())

    @property
    def depth(self) -> int:
        """Keys that are due and in nobody's hand."""
        now = self._clock()
        return sum(due_at <= now for due_at in self._due_at.values())

    @property
    def head_age_seconds(self) -> float:
        """How long the key that waits longest has been due; 0 when none is."""
        return max(0.0, self._clock() - min(self._due_at.values(), default=self._clock()))

    def _head_wait(self) -> float | None:
        """Seconds until the first key is due; None when there is none. Drops entries of the heap that no longer count."""
        while self._heap:
            due_at, _, key = self._heap[0]
            if self._due_at.get(key) == due_at:
                return due_at - self._clock()
            heapq.heappop(self._heap)
        return None
