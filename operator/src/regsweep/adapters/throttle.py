"""Client-side rate limit: a token bucket that honours the server's Retry-After, lets what is urgent go first, and is fair to all that ask.

Whoever waits is served in turns: one sweep that has hundreds of requests to make does not keep another one waiting that has one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from time import monotonic
from typing import Final


class Urgency(IntEnum):
    """How long a call may wait behind others; a lower number goes first."""

    FIRST = 0
    """A GPU is idle until it is made."""
    NORMAL = 1
    LAST = 2
    """Nothing waits for it."""


PATIENCE: Final = {Urgency.FIRST: 0, Urgency.NORMAL: 3, Urgency.LAST: 7}
"""How many more urgent calls go before one that waits: then it is its turn, so that none waits for ever."""

_ASKED_FOR: ContextVar[str] = ContextVar("asked_for", default="")
_HURRIED: ContextVar[bool] = ContextVar("hurried", default=True)


@contextmanager
def asking_for(key: str) -> Iterator[None]:
    """Requests within, and those of tasks that start within, are made for the key: those of one key wait in one queue."""
    token = _ASKED_FOR.set(key)
    try:
        yield
    finally:
        _ASKED_FOR.reset(token)


@contextmanager
def unhurried() -> Iterator[None]:
    """Nothing waits for the requests within, nor for those of tasks that start within: all others go before."""
    token = _HURRIED.set(False)
    try:
        yield
    finally:
        _HURRIED.reset(token)


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
        self._waiting: dict[Urgency, _Queues] = {urgency: {} for urgency in Urgency}
        self._passed_over = dict.fromkeys(Urgency, 0)
        """How many calls have gone before those that wait."""
        self._handing_out: asyncio.Task[None] | None = None

    async def take(self, urgency: Urgency = Urgency.NORMAL) -> None:
        """Waits until one call may go out: of those that wait the most urgent, and of these each key's first one in turn."""
        if self._handing_out is None and self._seconds_to_token() <= 0:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queues = self._waiting[urgency if _HURRIED.get() else Urgency.LAST]
        queues.setdefault(_ASKED_FOR.get(), deque()).append(turn)
        if self._handing_out is None:
            self._handing_out = asyncio.create_task(self._hand_out(), name="token bucket")
        await turn

    def pause(self, seconds: float) -> None:
        """Blocks requests for so long, as the server requested."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def _hand_out(self) -> None:
        """Serves all that wait, then ends."""
        try:
            while any(self._waiting.values()):
                delay = self._seconds_to_token()
                if delay > 0:
                    await self._sleep(delay)
                    continue
                turn = _next_of(self._waiting[self._next_urgency()])
                if not turn.done():  # else its call was given up
                    self._tokens -= 1
                    turn.set_result(None)
        finally:
            self._handing_out = None

    def _next_urgency(self) -> Urgency:
        """Whose turn it is: the most urgent ones', unless others were passed over for too long."""
        waiting = [urgency for urgency in Urgency if self._waiting[urgency]]
        late = (each for each in waiting if self._passed_over[each] >= PATIENCE[each] > 0)
        chosen = next(late, waiting[0])
        for urgency in Urgency:
            was_passed_over = urgency in waiting and urgency is not chosen
            self._passed_over[urgency] = self._passed_over[urgency] + 1 if was_passed_over else 0
        return chosen

    def _seconds_to_token(self) -> float:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # A hair less than a token will do: the clock's steps do not add up to just one.
        until_token = (1 - self._tokens) / self._rate if self._tokens < 1 - 1e-9 else 0.0
        return max(until_token, self._paused_until - now, 0.0)


_Queues = dict[str, deque[asyncio.Future[None]]]
"""Calls that wait, by what they are made for; the first key is the next to be served."""


def _next_of(queues: _Queues) -> asyncio.Future[None]:
    """The next call, taken out of its queue."""
    key = next(iter(queues))
    turns = queues.pop(key)
    turn = turns.popleft()
    if turns:
        queues[key] = turns  # at the end
    return turn
