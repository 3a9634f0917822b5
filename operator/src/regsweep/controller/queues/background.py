"""Work beside the passes: at most one task for each key."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class BackgroundTasks:
    """Tasks by key."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def is_busy(self, key: str) -> bool:
        """Whether the key's task is under way."""
        task = self._tasks.get(key)
        return task is not None and not task.done()

    def start(self, key: str, work: Coroutine[Any, Any, None], name: str) -> None:
        """Starts the key's task, in the place of the one that is under way."""
        self.cancel(key)
        self._tasks[key] = asyncio.create_task(work, name=name)

    def cancel(self, key: str) -> None:
        """Gives the key's task up, if there is one."""
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Gives all up, and waits until they have ended."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
