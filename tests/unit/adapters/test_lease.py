"""The lease: one holder at a time, who knows in time that it is not the holder any more. The clock is the test's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from regsweep.adapters.kubeapi import LEASES, KubeObject, Resource
from regsweep.adapters.lease import Lease, LeaseTimes
from regsweep.adapters.memory import MemoryApi
from regsweep.errors import Unavailable


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi()


class SlowApi(MemoryApi):
    """An API whose answers to a read come once all who read at the same time have been answered."""

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        obj = await super().get(resource, namespace, name)
        await asyncio.sleep(0)
        return obj


def contender(api: MemoryApi, clock: Clock, identity: str, *, hours_ahead: float = 0.0) -> Lease:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(hours=hours_ahead)

    return Lease(api, "ns", "operator", identity, times=LeaseTimes(15, 10, 2), clock=clock, now=now)


async def test_the_first_gets_it_and_a_second_does_not(api: MemoryApi, clock: Clock) -> None:
    a, b = contender(api, clock, "a"), contender(api, clock, "b")
    assert await a.attempt()
    assert not await b.attempt()
    assert (a.held, b.held) == (True, False)


async def test_it_stays_with_the_one_who_renews_it(api: MemoryApi, clock: Clock) -> None:
    a, b = contender(api, clock, "a"), contender(api, clock, "b")
    for _ in range(20):
        assert await a.attempt()
        assert not await b.attempt()
        clock.now += 2
    assert a.terms == 1


async def test_the_holder_stops_before_another_may_begin(api: MemoryApi, clock: Clock) -> None:
    a, b = contender(api, clock, "a"), contender(api, clock, "b")
    await a.attempt()
    await b.attempt()
    while a.held:
        assert not await b.attempt()
        clock.now += 0.5
    assert clock.now == 10
    while not await b.attempt():
        clock.now += 0.5
    assert clock.now == 15


async def test_a_clock_that_is_wrong_by_hours_does_not_matter(api: MemoryApi, clock: Clock) -> None:
    await contender(api, clock, "a").attempt()
    booted_long_ago = Clock()
    booted_long_ago.now = 1e6
    for hours in (-5.0, 0.0, 5.0):
        assert not await contender(api, booted_long_ago, "b", hours_ahead=hours).attempt()


async def test_a_restarted_holder_of_the_same_name_goes_on_at_once(api: MemoryApi, clock: Clock) -> None:
    await contender(api, clock, "a").attempt()
    assert await contender(api, clock, "a").attempt()


async def test_a_released_lease_is_free_at_once(api: MemoryApi, clock: Clock) -> None:
    a, b = contender(api, clock, "a"), contender(api, clock, "b")
    await a.attempt()
    await a.release()
    assert not a.held
    assert await b.attempt()
    assert (await api.get(LEASES, "ns", "operator"))["spec"]["leaseTransitions"] == 1


async def test_a_failed_renewal_is_put_up_with_until_the_deadline(api: MemoryApi, clock: Clock) -> None:
    a = contender(api, clock, "a")
    await a.attempt()
    api.before_read = _down
    clock.now = 9.9
    with pytest.raises(Unavailable):
        await a.attempt()
    assert a.held
    clock.now = 10
    assert not a.held


async def test_losing_and_winning_it_again_is_a_new_term(api: MemoryApi, clock: Clock) -> None:
    a, b = contender(api, clock, "a"), contender(api, clock, "b")
    await a.attempt()
    await b.attempt()
    clock.now = 20
    assert await b.attempt()
    assert not await a.attempt()
    await b.release()
    assert await a.attempt()
    assert a.terms == 2


async def test_of_those_who_try_at_once_one_gets_it(clock: Clock) -> None:
    api = SlowApi()
    contenders = [contender(api, clock, name) for name in "abcd"]
    await contenders[0].attempt()
    await contenders[0].release()
    won = await asyncio.gather(*(c.attempt() for c in contenders[1:]))
    assert sum(won) == 1


async def test_one_who_waits_is_woken_by_the_win(api: MemoryApi, clock: Clock) -> None:
    a = contender(api, clock, "a")
    waiting = asyncio.create_task(a.wait_held())
    await asyncio.sleep(0)
    assert not waiting.done()
    await a.attempt()
    assert await waiting == 1


def test_durations_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="duration > renew deadline > retry"):
        LeaseTimes(duration=10, renew_deadline=10, retry=2)


def _down(verb: str, resource: Resource) -> None:
    raise Unavailable("down")


async def test_how_long_a_write_may_take_is_the_time_until_another_may_hold_it(api: MemoryApi, clock: Clock) -> None:
    a = contender(api, clock, "a")
    assert a.seconds_left == 0
    clock.now = 100.0
    await a.attempt()
    clock.now = 109.0
    assert (a.held, a.seconds_left) == (True, 6.0)
    clock.now = 200.0
    assert a.seconds_left == 0


@pytest.mark.parametrize(
    ("seen_at", "now", "pause"),
    [
        pytest.param(0.0, 3.0, 2.0, id="long before its time is over"),
        pytest.param(0.0, 14.5, 0.5, id="just before: one that has crashed is followed at once"),
        pytest.param(1.5, 14.5, 2.0, id="reckoned from when its last renewal was seen"),
    ],
)
async def test_who_waits_looks_again_when_the_others_time_is_over(
    api: MemoryApi, clock: Clock, seen_at: float, now: float, pause: float
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError
        clock.now = now

    await contender(api, clock, "a").attempt()
    clock.now = seen_at
    b = Lease(api, "ns", "operator", "b", times=LeaseTimes(15, 10, 2), clock=clock, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await b.run()
    assert pauses == [2.0, pause]


async def test_who_waits_does_not_hurry_while_the_api_does_not_answer(api: MemoryApi, clock: Clock) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += 100
        api.before_read = _down
        if len(pauses) == 3:
            raise asyncio.CancelledError

    await contender(api, clock, "a").attempt()
    b = Lease(api, "ns", "operator", "b", times=LeaseTimes(15, 10, 2), clock=clock, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await b.run()
    assert pauses == [2.0, 2.0, 2.0]
