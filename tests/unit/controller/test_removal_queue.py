"""Deletes beside the passes: a lot at a time, later again where they fail, and never in the way of a refill."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from regsweep.adapters.kubeapi import KubeObject, Resource
from regsweep.controller.queues.removal_queue import NEXT_LOT_SECONDS, RemovalQueue
from regsweep.errors import ApiError, Refused, Unavailable
from unit.controller.fake_cluster import FakeCluster, operating, sweep_object, until


class Stand:
    """A queue, and the lots that it was given."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ended: list[tuple[str, float]] = []
        self.lots: list[str] = []
        self.open = asyncio.Event()
        self.error: ApiError | None = None
        self.queue = RemovalQueue(on_end=lambda uid, seconds: self.ended.append((uid, seconds)), clock=lambda: self.now)

    def lot(self, name: str) -> Callable[[], Awaitable[None]]:
        async def remove() -> None:
            self.lots.append(name)
            await self.open.wait()
            if self.error is not None:
                raise self.error

        return remove

    async def try_one(self, error: ApiError | None) -> float:
        """A lot that ends so; returns after how long another one may be."""
        self.open.set()
        self.error = error
        self.queue.start("uid", self.lot("lot"))
        for _ in range(3):
            await asyncio.sleep(0)
        return self.ended.pop()[1]


async def test_one_lot_of_a_sweep_is_removed_at_a_time() -> None:
    stand = Stand()
    for name in ("first", "second"):
        stand.queue.start("uid", stand.lot(name))
        stand.queue.start("another", stand.lot(f"{name} of another"))
        await asyncio.sleep(0)
    assert stand.lots == ["first", "first of another"]
    stand.open.set()
    await until(lambda: len(stand.ended) == 2)
    assert stand.ended == [("uid", NEXT_LOT_SECONDS), ("another", NEXT_LOT_SECONDS)]
    await asyncio.sleep(0)
    stand.queue.start("uid", stand.lot("third"))
    await until(lambda: "third" in stand.lots)


async def test_a_lot_that_fails_is_tried_again_later_with_each_failure() -> None:
    stand, refused = Stand(), Refused("denied", 403)
    waits = []
    for _ in range(8):
        waits.append(await stand.try_one(refused))
        assert stand.queue.failure("uid") is refused
        before = len(stand.lots)
        stand.now += waits[-1] - 0.1
        stand.queue.start("uid", stand.lot("too soon"))
        await asyncio.sleep(0)
        assert len(stand.lots) == before
        stand.now += 0.2
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert await stand.try_one(None) == NEXT_LOT_SECONDS
    assert stand.queue.failure("uid") is None
    assert await stand.try_one(refused) == 1


async def test_a_pass_that_comes_before_a_lot_may_be_tried_again_calls_for_one_that_does_not() -> None:
    """The queue of passes keeps the earliest time that it was given: the pass that was called for may have come with that one."""
    stand = Stand()
    wait = await stand.try_one(Refused("denied", 403))
    stand.now += wait / 4
    stand.queue.start("uid", stand.lot("too soon"))
    assert stand.ended == [("uid", wait * 3 / 4)]


async def test_a_sweep_that_is_forgotten_is_given_up_with_its_failures() -> None:
    stand = Stand()
    await stand.try_one(Unavailable("no route"))
    stand.queue.forget("uid")
    assert stand.queue.failure("uid") is None
    stand.open.clear()
    stand.queue.start("uid", stand.lot("hanging"))
    await asyncio.sleep(0)
    await stand.queue.close()
    assert not stand.ended


async def test_no_slot_waits_until_finished_jobs_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, may_delete = FakeCluster(), asyncio.Event()
    delete = cluster.api.delete

    async def held_up(
        resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        await may_delete.wait()
        return await delete(resource, namespace, name, uid=uid, resource_version=resource_version)

    monkeypatch.setattr(cluster.api, "delete", held_up)
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1, retention={"succeededJobs": 0, "failedJobs": 0}))
        await cluster.train_everything(cluster.is_over, most_at_once=1)
        assert len(cluster.jobs()) == 4
        may_delete.set()
        await until(lambda: not cluster.jobs())
    assert len(cluster.created) == len(set(cluster.created)) == 4


async def test_finished_jobs_whose_delete_failed_are_deleted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regsweep.controller.queues.removal_queue.FIRST_RETRY_SECONDS", 0.05)
    cluster, failures = FakeCluster(), iter([True, True, True])

    def check(write: object) -> None:
        if getattr(write, "verb", "") == "delete" and next(failures, False):
            raise Unavailable("etcdserver: request timed out", 500)

    cluster.api.before_write = check
    async with operating(cluster, resync_seconds=3600):
        await cluster.apply(sweep_object(retention={"succeededJobs": 0, "failedJobs": 0}))
        await cluster.train_everything(cluster.is_over)
        await until(lambda: not cluster.jobs())
