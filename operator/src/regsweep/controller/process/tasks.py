"""The operator's own tasks, which run until they are stopped: one that ends by itself ends the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class EndlessTasks:
    """Tasks of one event loop."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Starts a task; returns at once."""
        if self._failure is None:
            self._failure = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    async def wait_failed(self) -> None:
        """Waits until a task ends by itself, and raises its error. A task must have been started."""
        assert self._failure is not None, "start a task first"
        await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Ends all of them, and waits for that."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failure is None or self._failure.done():
            return
        error = task.exception() or RuntimeError(f"task {task.get_name()} ended")
        self._failure.set_exception(error)
