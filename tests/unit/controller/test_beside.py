"""Writes that no slot waits for: records and statuses go on when a pod ends, and a later pass takes what they came to."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject, Resource
from regsweep.controller.passes.beside import Beside
from regsweep.errors import Unavailable
from unit.controller.fake_cluster import FakeCluster, operating, sweep_object


class Write:
    """A write that ends when it is told to."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.error: Unavailable | None = None

    async def __call__(self) -> str:
        await self.end.wait()
        if self.error is not None:
            raise self.error
        return "written"


class Stand:
    """A write beside the passes."""

    def __init__(self) -> None:
        self.write, self.beside = Write(), Beside[str]()
        self.freed, self.called = asyncio.Event(), asyncio.Event()

    async def outcome(self, *, whole: bool = False) -> str | None:
        return await self.beside.outcome(self.freed, self.called.set, whole=whole)


async def test_a_pass_waits_for_its_write_where_no_slot_becomes_free() -> None:
    stand = Stand()
    stand.beside.start(stand.write())
    asking = asyncio.create_task(stand.outcome())
    await asyncio.sleep(0)
    assert not asking.done()
    stand.write.end.set()
    assert await asking == "written"
    assert (stand.beside.is_under_way, stand.called.is_set()) == (False, False)


async def test_when_a_slot_becomes_free_the_write_goes_on_and_a_later_pass_takes_its_outcome() -> None:
    stand = Stand()
    stand.beside.start(stand.write())
    stand.freed.set()
    assert await stand.outcome() is None
    assert stand.beside.is_under_way
    stand.write.end.set()
    await asyncio.wait_for(stand.called.wait(), 5)
    assert stand.beside.is_under_way, "nobody has taken what it came to"
    assert await stand.outcome() == "written"


async def test_what_is_decided_on_what_is_written_waits_for_it_in_any_case() -> None:
    stand = Stand()
    stand.beside.start(stand.write())
    stand.freed.set()
    asking = asyncio.create_task(stand.outcome(whole=True))
    await asyncio.sleep(0)
    stand.write.end.set()
    assert await asking == "written"


async def test_the_failure_of_a_write_is_that_of_the_pass_that_takes_it() -> None:
    stand = Stand()
    stand.write.error = Unavailable("no route")
    stand.beside.start(stand.write())
    stand.freed.set()
    assert await stand.outcome() is None
    stand.write.end.set()
    with pytest.raises(Unavailable, match="no route"):
        await stand.outcome(whole=True)
    assert await stand.outcome() is None, "it is told once"


@pytest.mark.parametrize("ended", [False, True])
async def test_what_is_given_up_is_silent(ended: bool, caplog: pytest.LogCaptureFixture) -> None:
    stand = Stand()
    stand.write.error = Unavailable("no route")
    stand.beside.start(stand.write())
    if ended:
        stand.write.end.set()
        await asyncio.sleep(0)
    stand.beside.cancel()
    assert not stand.beside.is_under_way
    with caplog.at_level(logging.ERROR):
        await asyncio.sleep(0)
        gc.collect()
    assert not caplog.records


@pytest.mark.parametrize(
    ("resource", "store_interval"),
    [pytest.param(RESULTS, 0.0, id="records"), pytest.param(SWEEPS, 60.0, id="status")],
)
async def test_no_slot_waits_until_records_or_a_status_are_written(
    resource: Resource, store_interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regsweep.controller.passes.schedule.REST", 0)
    cluster, may_write = FakeCluster(), asyncio.Event()
    hold_up(cluster, resource, lambda: bool(cluster.created), may_write, monkeypatch)
    async with operating(cluster, store_interval_seconds=store_interval, status_interval_seconds=0):
        await cluster.apply(sweep_object(parallelism=1))
        await cluster.train_everything(lambda: len(cluster.created) == 4, most_at_once=1)
        may_write.set()
        await cluster.train_everything(cluster.is_over, most_at_once=1)
    assert len(set(cluster.created)) == 4
    assert len(cluster.trained) == len(set(cluster.trained)) == 8


def hold_up(
    cluster: FakeCluster,
    resource: Resource,
    from_now: Callable[[], bool],
    may_write: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keeps writes of the resource from being answered, once that is so."""

    def held(write: Any) -> Any:
        async def write_later(of: Resource, *args: Any, **kwargs: Any) -> KubeObject:
            if of.plural == resource.plural and from_now():
                await may_write.wait()
            written: KubeObject = await write(of, *args, **kwargs)
            return written

        return write_later

    for verb in ("create", "replace"):
        monkeypatch.setattr(cluster.api, verb, held(getattr(cluster.api, verb)))
