"""Client-side rate limit: a token bucket that honours the server's Retry-After, and is fair to all that ask at the same time.

Whoever waits is served in turns: one sweep that has hundreds of requests to make does not keep another one waiting that has one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

_ASKED_FOR: ContextVar[str] = ContextVar("asked_for", default="")


@contextmanager
def asking_for(key: str) -> Iterator[None]:
    """Requests within, and those of tasks that start within, are made for the key: those of one key wait in one queue."""
    token = _ASKED_FOR.set(key)
    try:
        yield
    finally:
        _ASKED_FOR.reset(token)


class TokenBucket:
    """Lets `rate` calls per second through, and bursts of up to `burst` after a quiet time. For one event loop."""

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
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Calls that wait, by what they are made for; the first key is the next to be served."""
        self._handing_out: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Waits until one call may go out; of those that wait each key's first one in turn."""
        if not self._waiting and self._seconds_to_token() <= 0:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(_ASKED_FOR.get(), deque()).append(turn)
        if self._handing_out is None:
            self._handing_out = asyncio.create_task(self._hand_out(), name="token bucket")
        await turn

    def pause(self, seconds: float) -> None:
        """Blocks requests for so long, as the server requested."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def _hand_out(self) -> None:
        """Serves all that wait, then ends."""
        try:
            while self._waiting:
                delay = self._seconds_to_token()
                if delay > 0:
                    await self._sleep(delay)
                    continue
                key = next(iter(self._waiting))
                turns = self._waiting.pop(key)
                turn = turns.popleft()
                if turns:
                    self._waiting[key] = turns  # at the end
                if not turn.done():  # else its call was given up
                    self._tokens -= 1
                    turn.set_result(None)
        finally:
            self._handing_out = None

    def _seconds_to_token(self) -> float:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # A hair less than a token will do: the clock's steps do not add up to just one.
        until_token = (1 - self._tokens) / self._rate if self._tokens < 1 - 1e-9 else 0.0
        return max(until_token, self._paused_until - now, 0.0)
