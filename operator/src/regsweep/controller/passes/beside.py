"""A write that a pass waits for until a slot becomes free: then the pass ends, the write goes on, and a later pass takes its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """At most one write of its kind, of one sweep."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether it goes on, or has ended and no pass has taken its outcome."""
        return self._task is not None

    def start(self, write: Coroutine[Any, Any, T]) -> None:
        """Begins to write, in place of what is under way."""
        self.cancel()
        self._task = asyncio.create_task(write, name="beside a pass")

    async def outcome(self, freed: asyncio.Event, call: Callable[[], None], *, whole: bool) -> T | None:
        """What the write came to; None: nothing is under way, or it still is, and `call` will call for the next pass.

        freed: set when a slot becomes free. whole: waits in any case.

        Raises ApiError where the write did.
        """
        task = self._task
        if task is None:
            return None
        if not whole and not await _ends_before(task, freed):
            task.add_done_callback(lambda _: call())
            return None
        self._task = None
        return await task

    def cancel(self) -> None:
        """Gives up what is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task.add_done_callback(_let_go)
            self._task = None


async def _ends_before(task: asyncio.Task[Any], event: asyncio.Event) -> bool:
    """Waits for either; whether the task has ended."""
    if not task.done():
        waiter = asyncio.create_task(event.wait(), name="slot freed")
        try:
            await asyncio.wait([task, waiter], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
    return task.done()


def _let_go(task: asyncio.Task[Any]) -> None:
    """Takes the error of a task that nobody waits for, so that Python does not complain."""
    if not task.cancelled():
        task.exception()
