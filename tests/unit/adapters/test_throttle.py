"""The token bucket is fair: whoever asks for little is not kept waiting by whoever asks for much."""

from __future__ import annotations

import asyncio

import pytest

from regsweep.adapters.throttle import TokenBucket, asking_for


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

    def ask(self, key: str, calls: int) -> None:
        for _ in range(calls):
            with asking_for(key):
                self.tasks.append(asyncio.create_task(self._one(key)))

    async def _one(self, key: str) -> None:
        await self.bucket.take()
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
