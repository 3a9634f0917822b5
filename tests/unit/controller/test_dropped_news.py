"""Watches that go on and drop news: nobody is told, and what was missed is found all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from regsweep.adapters.kubeapi import JOBS, PODS, SWEEPS, uid_of
from regsweep.controller.process.operator import Operator
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import sweep_object
from unit.controller.machinery import Machinery
from unit.controller.virtual_operator import operator_on
from unit.controller.wire import Wire

MINUTE = 60


def lives(life: Callable[[Machinery, Wire, Operator], Awaitable[None]], **settings: Any) -> None:
    """A sweep of ten runs, begun by an operator in virtual time."""
    with VirtualTime() as time:
        cluster = Machinery(time)
        wire = Wire(cluster.api)

        async def live() -> None:
            operator = operator_on(cluster, wire, **settings)
            operator.start()
            await cluster.apply(
                sweep_object(flags=[{"name": "l2", "values": list(range(10))}], replicates=1, parallelism=1)
            )
            await cluster.live(lambda: bool(cluster.jobs()))
            await life(cluster, wire, operator)
            await operator.stop()

        time.run(live())


def test_an_edit_of_which_no_news_come_is_followed_within_minutes() -> None:
    async def paused(cluster: Machinery, wire: Wire, _: Operator) -> None:
        await asyncio.sleep(MINUTE)  # no write of the operator is under way, whose answer would tell it
        wire.dropped.add(SWEEPS.plural)
        await cluster.edit(suspend=True)
        await asyncio.sleep(6 * MINUTE)
        assert cluster.status()["observedGeneration"] == 2
        assert all(job["spec"]["suspend"] for job in cluster.jobs())

    lives(paused)


def test_a_sweep_comes_to_its_end_although_no_news_come_of_its_jobs_and_pods() -> None:
    async def ends(cluster: Machinery, wire: Wire, _: Operator) -> None:
        wire.dropped |= {JOBS.plural, PODS.plural}
        await cluster.live(cluster.is_at_rest, most_seconds=10 * MINUTE)
        assert cluster.status()["progress"] == "10/10"
        assert set(cluster.account.trained.values()) == {1}

    lives(ends, relist_seconds=20)


def test_a_sweep_that_is_deleted_without_news_is_forgotten_within_minutes() -> None:
    async def deleted(cluster: Machinery, wire: Wire, operator: Operator) -> None:
        await asyncio.sleep(MINUTE)
        wire.dropped.add(SWEEPS.plural)
        await cluster.api.delete(SWEEPS, "lab", "demo", uid=uid_of(cluster.sweep()))
        await asyncio.sleep(6 * MINUTE)
        assert len(operator.caches.sweeps) == 0

    lives(deleted)
