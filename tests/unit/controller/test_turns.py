"""One at a time, the most urgent first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.controller.queues.turns import Turns


class Stand:
    """Turns, and who has had one."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self.together = self.most_together = 0

    async def work(self, name: str, rank: int, until: asyncio.Event | None = None) -> None:
        async with self.turns.turn(rank):
            self.order.append(name)
            self.together += 1
            self.most_together = max(self.most_together, self.together)
            await (until.wait() if until is not None else asyncio.sleep(0))
            self.together -= 1


async def behind_one_that_works(waiting: Callable[[Stand], Awaitable[None]]) -> Stand:
    """A stand where one works until all others wait."""
    stand, may_end = Stand(), asyncio.Event()
    first = asyncio.create_task(stand.work("first", 9, may_end))
    await asyncio.sleep(0)
    await waiting(stand)
    may_end.set()
    await first
    return stand


@given(st.lists(st.integers(0, 2), max_size=8))
def test_the_most_urgent_goes_first_and_among_equals_the_first_that_came(ranks: list[int]) -> None:
    async def run() -> Stand:
        tasks: list[asyncio.Task[None]] = []

        async def all_wait(stand: Stand) -> None:
            tasks.extend(asyncio.create_task(stand.work(str(i), rank)) for i, rank in enumerate(ranks))
            await asyncio.sleep(0)

        stand = await behind_one_that_works(all_wait)
        await asyncio.gather(*tasks)
        return stand

    stand = asyncio.run(run())
    assert stand.order == ["first", *map(str, sorted(range(len(ranks)), key=lambda i: ranks[i]))]
    assert stand.most_together == 1


@pytest.mark.parametrize(
    "when", [pytest.param(0, id="while it waits"), pytest.param(1, id="just when its turn has come")]
)
async def test_one_that_is_given_up_keeps_nobody_waiting(when: int) -> None:
    stand, may_end = Stand(), asyncio.Event()
    first = asyncio.create_task(stand.work("first", 0, may_end))
    await asyncio.sleep(0)
    given_up, last = (asyncio.create_task(stand.work(name, 0)) for name in ("given up", "last"))
    await asyncio.sleep(0)
    if when == 1:
        may_end.set()
        await asyncio.sleep(0)
        assert stand.order == ["first"], "it has been given the turn, and does not know it yet"
    given_up.cancel()
    may_end.set()
    await asyncio.gather(first, given_up, last, return_exceptions=True)
    assert stand.order == ["first", "last"]
    async with stand.turns.turn(0):
        pass


async def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="no"):
        async with turns.turn(0):
            raise ValueError("no")
    async with turns.turn(0):
        pass
