"""The token bucket is fair: whoever asks for little is not kept waiting by whoever asks for much; and what is urgent goes first."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.adapters.throttle import PATIENCE, TokenBucket, Urgency, asking_for, unhurried


class Time:
    """A clock that goes on by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.seconds += seconds


class Stand:
    def __init__(self, rate: float, burst: int) -> None:
        self.time = Time()
        self.bucket = TokenBucket(rate, burst, clock=self.time.clock, sleep=self.time.sleep)
        self.served: list[tuple[str, float]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, key: str, calls: int, urgency: Urgency = Urgency.NORMAL) -> None:
        for _ in range(calls):
            with asking_for(key):
                self.tasks.append(asyncio.create_task(self._one(key, urgency)))

    async def _one(self, key: str, urgency: Urgency) -> None:
        await self.bucket.take(urgency)
        self.served.append((key, self.time.seconds))


async def test_a_small_sweep_is_served_in_turn_with_large_ones() -> None:
    stand = Stand(rate=50, burst=10)
    for number in range(5):
        stand.ask(f"large-{number}", 600)
    await asyncio.sleep(0)
    stand.ask("small", 1)
    await asyncio.gather(*stand.tasks)
    assert len(stand.served) == 3001
    (at,) = (at for key, at in stand.served if key == "small")
    assert at <= 6 / 50, "within one turn of all that wait"
    assert max(at for _, at in stand.served) == pytest.approx((3001 - 10) / 50, abs=0.1), "and nothing is slower for it"


async def test_those_who_wait_share_alike() -> None:
    stand = Stand(rate=10, burst=1)
    stand.ask("one", 100)
    stand.ask("two", 100)
    await asyncio.gather(*stand.tasks)
    first = [key for key, _ in stand.served[:100]]
    assert abs(first.count("one") - first.count("two")) <= 2


async def test_a_call_that_is_given_up_takes_no_token_and_keeps_nobody_waiting() -> None:
    stand = Stand(rate=1, burst=1)
    stand.ask("one", 3)
    stand.ask("two", 1)
    await asyncio.sleep(0)
    stand.tasks[1].cancel()
    await asyncio.gather(*stand.tasks, return_exceptions=True)
    assert len(stand.served) == 3
    assert max(at for _, at in stand.served) == pytest.approx(2)


async def test_after_a_quiet_time_a_burst_goes_through_at_once() -> None:
    stand = Stand(rate=10, burst=5)
    stand.ask("one", 7)
    await asyncio.gather(*stand.tasks)
    assert [at for _, at in stand.served] == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2])
    stand.time.seconds += 100
    stand.ask("one", 5)
    await asyncio.gather(*stand.tasks)
    assert [at for _, at in stand.served[7:]] == pytest.approx([100.2] * 5)


async def test_a_call_that_a_gpu_waits_for_goes_before_all_others_that_wait() -> None:
    stand = Stand(rate=10, burst=1)
    stand.ask("deletes", 20, Urgency.LAST)
    stand.ask("statuses", 20)
    await asyncio.sleep(0)
    stand.ask("creates", 3, Urgency.FIRST)
    await asyncio.gather(*stand.tasks)
    # The first call found a token; the next three are the urgent ones.
    assert [key for key, _ in stand.served[:5]] == ["deletes", "creates", "creates", "creates", "statuses"]


async def test_whoever_is_not_in_a_hurry_goes_last_whatever_the_call() -> None:
    stand = Stand(rate=10, burst=1)
    with unhurried():
        stand.ask("removals", 3, Urgency.FIRST)
    stand.ask("statuses", 2)
    await asyncio.gather(*stand.tasks)
    assert [key for key, _ in stand.served] == ["removals", "statuses", "statuses", "removals", "removals"]


@given(st.lists(st.sampled_from(Urgency), min_size=1, max_size=60))
def test_all_are_served_and_no_urgency_is_passed_over_for_ever(asked: list[Urgency]) -> None:
    async def run() -> list[str]:
        stand = Stand(rate=10, burst=1)
        for urgency in asked:
            stand.ask(urgency.name, 1, urgency)
        await asyncio.gather(*stand.tasks)
        return [key for key, _ in stand.served]

    served = asyncio.run(run())
    assert sorted(served) == sorted(urgency.name for urgency in asked)
    for urgency in Urgency:
        places = [0, *(i for i, name in enumerate(served) if name == urgency.name)]
        # One more than its patience, where another one's patience has come to its end at the same time.
        assert (
            all(later - earlier <= PATIENCE[urgency] + 2 for earlier, later in pairwise(places))
            or urgency is Urgency.FIRST
        )


async def test_among_the_urgent_a_small_sweep_has_its_turn_too() -> None:
    stand = Stand(rate=50, burst=1)
    for number in range(5):
        stand.ask(f"large-{number}", 100, Urgency.FIRST)
    stand.ask("small", 1, Urgency.FIRST)
    await asyncio.gather(*stand.tasks)
    (at,) = (at for key, at in stand.served if key == "small")
    assert at <= 6.1 / 50
