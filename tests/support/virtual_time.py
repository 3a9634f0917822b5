"""Time that passes only when nothing is left to do: minutes of an operator's life take milliseconds, and always the same steps.

Nothing that waits for the world outside (sockets, threads) may run in it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

from regsweep.controller.clocks import Clocks

A = TypeVar("A")
START = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
STEP_SECONDS = 1e-6
"""That each turn of the loop takes: who waits for a hair less than that would else never see its end."""


class NothingHappensError(Exception):
    """Whatever is waited for will never come: no timer is set."""


class _Selector(selectors.SelectSelector):
    """Never waits: time jumps instead."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise NothingHappensError("all tasks wait, and no timer is set")
        waits = 0.0 if ready or timeout is None else max(0.0, timeout)
        self.now += waits + STEP_SECONDS
        return ready


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock is its selector's. What is given to threads is done at once."""

    def __init__(self, now: float) -> None:
        self._jumping = _Selector(now)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]  # of the same use, with fewer type variables
        self, executor: Executor | None, func: Callable[..., A], *args: Any
    ) -> asyncio.Future[A]:
        future: asyncio.Future[A] = self.create_future()
        future.set_result(func(*args))
        return future


class VirtualTime:
    """A clock, and an event loop that goes by it. Use it as a context: it ends the tasks that are left."""

    def __init__(self, seconds: float = 0.0) -> None:
        """seconds: since the beginning."""
        self._runner = asyncio.Runner(loop_factory=lambda: _Loop(seconds))
        self._turned = timedelta()

    def __enter__(self) -> VirtualTime:
        self._runner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.__exit__(kind, error, at)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._runner.get_loop().time()

    def now(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.seconds)

    @property
    def clocks(self) -> Clocks:
        """Those of the operator's machine, which somebody may have turned."""
        return Clocks(now=lambda: self.now() + self._turned, monotonic=lambda: self.seconds)

    def turn(self, seconds: float) -> None:
        """From now on the clock of the operator's machine is so far ahead of the true time."""
        self._turned = timedelta(seconds=seconds)

    def run(self, work: Coroutine[Any, Any, A]) -> A:
        """Runs it to its end; all other tasks go on meanwhile, and rest afterwards."""
        return self._runner.run(work)
