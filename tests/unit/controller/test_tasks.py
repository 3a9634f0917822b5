"""Tasks beside each other: the operator's own, one for each key, and writes that are tried all before one fails."""

from __future__ import annotations

import asyncio
from inspect import CORO_CLOSED, getcoroutinestate

import pytest

from regsweep.controller.process.tasks import EndlessTasks
from regsweep.controller.queues.background import BackgroundTasks
from regsweep.controller.writers.concurrency import run_all, run_both


async def _forever() -> None:
    await asyncio.Event().wait()


async def _fail(text: str) -> int:
    raise ValueError(text)


async def _return(value: int, done: list[int] | None = None) -> int:
    await asyncio.sleep(0)
    if done is not None:
        done.append(value)
    return value


async def test_an_error_of_one_task_is_raised_to_who_waits() -> None:
    tasks = EndlessTasks()
    tasks.start(_forever(), "endless")

    async def fail() -> None:
        await _fail("broken")

    tasks.start(fail(), "broken")
    with pytest.raises(ValueError, match="broken"):
        await tasks.wait_failed()
    await tasks.stop()


async def test_a_task_that_ends_without_an_error_is_one() -> None:
    tasks = EndlessTasks()

    async def end() -> None: ...

    tasks.start(end(), "informer")
    with pytest.raises(RuntimeError, match="task informer ended"):
        await tasks.wait_failed()


async def test_stopping_ends_every_task_and_is_no_failure() -> None:
    tasks, ended = EndlessTasks(), asyncio.Event()

    async def work() -> None:
        try:
            await _forever()
        finally:
            ended.set()

    tasks.start(work(), "endless")
    waiting = asyncio.create_task(tasks.wait_failed())
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended.is_set()
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_work_for_a_key_takes_the_place_of_what_is_under_way_for_it_and_of_nothing_else() -> None:
    background, ended = BackgroundTasks(), []

    async def work(name: str) -> None:
        try:
            await _forever()
        finally:
            ended.append(name)

    background.start("a", work("first"), "first")
    background.start("b", work("other"), "other")
    await asyncio.sleep(0)
    background.start("a", work("second"), "second")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ended == ["first"]
    assert (background.is_busy("a"), background.is_busy("b"), background.is_busy("c")) == (True, True, False)
    await background.close()
    assert sorted(ended) == ["first", "other", "second"]


async def test_a_key_whose_work_is_done_is_not_busy() -> None:
    background, done = BackgroundTasks(), asyncio.Event()

    async def work() -> None:
        done.set()

    background.start("a", work(), "a")
    await done.wait()
    await asyncio.sleep(0)
    assert not background.is_busy("a")


async def test_both_are_tried_before_a_failure_is_raised() -> None:
    done: list[int] = []
    assert await run_both(_return(1), _return(2)) == (1, 2)
    with pytest.raises(ValueError, match="first"):
        await run_both(_fail("first"), _return(2, done))
    with pytest.raises(ValueError, match="second"):
        await run_both(_return(3, done), _fail("second"))
    with pytest.raises(ValueError, match="first"):
        await run_both(_fail("first"), _fail("second"))
    assert done == [2, 3]


async def test_all_are_tried_before_the_first_failure_is_raised_and_results_keep_their_order() -> None:
    done: list[int] = []
    assert await run_all([_return(n) for n in (3, 1, 2)], at_once=2) == [3, 1, 2]
    with pytest.raises(ValueError, match="one"):
        await run_all([_return(1, done), _fail("one"), _return(2, done), _fail("two")], at_once=2)
    assert done == [1, 2]


async def test_no_more_are_under_way_at_once_than_allowed() -> None:
    under_way = most = 0

    async def work() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        under_way -= 1

    await run_all([work() for _ in range(20)], at_once=3)
    assert most == 3


async def test_what_a_cancellation_keeps_from_its_start_is_closed() -> None:
    work = [_forever() for _ in range(3)]
    running = asyncio.create_task(run_all(work, at_once=1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert [getcoroutinestate(each) for each in work] == [CORO_CLOSED] * 3
