"""The work queue: a key is there once, in one hand at a time, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from regsweep.controller.queues.workqueue import LONGEST_BACKOFF_SECONDS, WorkQueue


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock=clock)


async def due(queue: WorkQueue) -> list[str]:
    """Every key that is due now, taken."""
    keys = []
    while queue.depth:
        keys.append(await queue.take())
    return keys


async def test_keys_come_in_the_order_in_which_they_became_due_each_once(queue: WorkQueue) -> None:
    for key in ("a", "b", "a", "c"):
        queue.add(key)
    assert await due(queue) == ["a", "b", "c"]


async def test_a_delayed_key_comes_when_its_time_has_come(queue: WorkQueue, clock: Clock) -> None:
    queue.add("a", 5)
    assert queue.depth == 0
    clock.now += 5
    assert await due(queue) == ["a"]


async def test_the_earlier_of_two_times_counts(queue: WorkQueue, clock: Clock) -> None:
    queue.add("a", 5)
    queue.add("a", 1)
    queue.add("a", 9)
    clock.now += 1
    assert await due(queue) == ["a"]
    clock.now += 20
    assert await due(queue) == []


async def test_a_key_in_hand_is_given_to_nobody_else_and_comes_again_when_it_was_added_meanwhile(
    queue: WorkQueue,
) -> None:
    queue.add("a")
    assert await queue.take() == "a"
    queue.add("a")
    assert queue.depth == 0
    queue.done("a")
    assert await queue.take() == "a"
    queue.done("a")
    assert queue.depth == 0


async def test_a_delay_that_was_asked_for_while_in_hand_counts_from_then(queue: WorkQueue, clock: Clock) -> None:
    queue.add("a")
    await queue.take()
    queue.add("a", 5)
    clock.now += 2
    queue.done("a")
    clock.now += 2
    assert queue.depth == 0
    clock.now += 1
    assert queue.depth == 1


async def test_failures_in_a_row_wait_longer_each_time_up_to_a_limit_and_success_forgets_them(
    queue: WorkQueue, clock: Clock
) -> None:
    waits = []
    for _ in range(12):
        queue.add("a")
        await queue.take()
        waits.append(queue.retry("a"))
        queue.done("a")
        clock.now += LONGEST_BACKOFF_SECONDS
        await due(queue)
        queue.done("a")
    assert waits[0] <= 0.2
    assert waits[5] > waits[0]
    assert LONGEST_BACKOFF_SECONDS / 2 <= waits[-1] <= LONGEST_BACKOFF_SECONDS
    queue.succeeded("a")
    assert queue.retry("a") <= 0.2


async def test_the_servers_wish_for_patience_is_kept(queue: WorkQueue) -> None:
    assert queue.retry("a", at_least_seconds=30) == 30


async def test_a_forgotten_key_does_not_come(queue: WorkQueue, clock: Clock) -> None:
    queue.add("a", 1)
    queue.forget("a")
    clock.now += 1
    assert await due(queue) == []


async def test_keys_that_are_dropped_do_not_come_and_have_not_waited(queue: WorkQueue, clock: Clock) -> None:
    queue.add("in hand")
    assert await queue.take() == "in hand"
    queue.add("waiting")
    queue.add("later", 5)
    clock.now += 3600
    queue.drop_waiting()
    assert (queue.depth, queue.head_age_seconds) == (0, 0)
    queue.add("in hand")
    queue.done("in hand")
    queue.add("waiting")
    assert sorted(await due(queue)) == ["in hand", "waiting"]


async def test_the_head_age_tells_how_long_the_first_has_waited(queue: WorkQueue, clock: Clock) -> None:
    assert queue.head_age_seconds == 0
    queue.add("later", 100)
    queue.add("a")
    clock.now += 7
    queue.add("b")
    assert queue.head_age_seconds == 7


async def test_one_who_waits_is_woken_by_a_new_key(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add("a")
    assert await waiting == "a"
