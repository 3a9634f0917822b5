"""kopf may end by whatever it meets: it is started again, and the operator goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from regsweep.controller.process import listener
from regsweep.controller.process.listener import Listener
from unit.controller.fake_cluster import until


@pytest.mark.parametrize(
    "error", [RuntimeError("410 Gone"), TimeoutError(), None], ids=["an error", "a time-out", "none"]
)
async def test_a_listener_that_ends_is_started_again_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    monkeypatch.setattr(listener, "PAUSES_SECONDS", (0.0,))
    lives: list[threading.Thread] = []

    async def listen(over: asyncio.Event) -> None:
        lives.append(threading.current_thread())
        if len(lives) == 4:
            await over.wait()
        elif error is not None:
            raise error

    kopf = Listener(listen)
    kopf.start()
    await until(lambda: len(lives) == 4)
    await kopf.stop()
    assert not lives[0].is_alive()
    assert set(lives) == {lives[0]} != {threading.current_thread()}


async def test_a_listener_that_does_not_end_keeps_the_operator_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "STOP_SECONDS", 0.01)
    hangs, goes_on = threading.Event(), threading.Event()

    async def listen(over: asyncio.Event) -> None:
        hangs.set()
        goes_on.wait()

    kopf = Listener(listen)
    kopf.start()
    await until(hangs.is_set)
    await kopf.stop()
    goes_on.set()
