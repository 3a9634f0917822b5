"""Client-side rate limit: a token bucket that also honours the server's Retry-After."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic


class TokenBucket:
    """Lets `rate` calls per second through, and bursts of up to `burst` after a quiet time."""

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._at = clock()
        self._paused_until = self._at

    async def take(self) -> None:
        """Waits until one call may go out."""
        delay = self._reserve()
        if delay > 0:
            await self._sleep(delay)

    def pause(self, seconds: float) -> None:
        """Blocks requests for so long, as the server requested."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _reserve(self) -> float:
        """Takes a token, a future one where none is left, and returns the seconds until it is there.

        Reserving ahead keeps the order of arrival without a queue.
        """
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        until_token = -self._tokens / self._rate if self._tokens < 0 else 0.0
        return max(until_token, self._paused_until - now, 0.0)
