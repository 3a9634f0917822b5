"""The operator may die at any moment: whoever comes next finishes the sweep, trains nothing twice and loses nothing.

For every k the operator dies at its k-th write, once before the write lands and once after it landed but before it was answered. The
pods go on meanwhile. Beside that: Prometheus down, leadership lost, two operators at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from regsweep.adapters.kubeapi import JOBS, LEASES, PODS, RESULTS, Resource, name_of, uid_of
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.fence import FencedApi
from regsweep.errors import Unavailable
from unit.controller.world import (
    DEADLINE_SECONDS,
    NAMESPACE,
    World,
    acting_writes,
    operating,
    settled,
    sweep_object,
    until,
)

SWEEP: dict[str, Any] = {"replicates": 1, "retention": {"succeededJobs": 1}}
OPERATORS = ("jobs", "sweepresults", "regularizationsweeps/status", "events")


class _Died(Exception):  # noqa: N818  # no error: the test wants it
    """The operator's process is gone."""


class _Death:
    """Kills the operator at its k-th write: what it does afterwards does not reach the API server."""

    def __init__(self, k: int, *, landed: bool) -> None:
        self.k = k
        self.landed = landed
        self.count = 0
        self.dead = False

    def before(self, write: Write) -> None:
        if write.resource not in OPERATORS or _is_the_test(write):
            return
        if self.dead:
            raise _Died
        self.count += 1
        if self.count == self.k and not self.landed:
            self.dead = True
            raise _Died

    def after(self, write: Write) -> None:
        if write.resource in OPERATORS and not _is_the_test(write) and self.count == self.k and not self.dead:
            self.dead = True
            raise _Died


_acting_for_the_world = False


def _is_the_test(write: Write) -> bool:
    return _acting_for_the_world


@pytest.mark.parametrize("landed", [pytest.param(False, id="before it lands"), pytest.param(True, id="once it landed")])
async def test_a_death_at_any_write_loses_nothing_and_trains_nothing_twice(landed: bool) -> None:
    k = 1
    while await _dies_at(k, landed=landed):
        k += 1
    assert k > 12, "the sweep should have taken more writes than that"


async def _dies_at(k: int, *, landed: bool) -> bool:
    """Runs a sweep with an operator that dies at its k-th write and a second one; False when there were not so many."""
    world = World()
    death = _Death(k, landed=landed)
    note = world.api.after_write

    def after(write: Write) -> None:
        assert note is not None
        note(write)
        death.after(write)

    world.api.before_write, world.api.after_write = death.before, after
    async with operating(world):
        await world.apply(sweep_object(**SWEEP))
        await _train(world, lambda: death.dead or world.is_over())
    world.api.before_write, world.api.after_write = None, note
    async with operating(world) as operator:
        await _train(world, world.is_over)
        await settled(operator, world)
    where = f"died at write {k} ({'landed' if landed else 'not landed'})"
    assert world.status()["progress"] == "4/4", where
    assert sorted(world.records()) == sorted(set(world.trained)), where
    assert max(Counter(world.trained).values()) == 1, where
    assert len(world.trained) == 4, where
    assert max(Counter(world.created).values()) == 1, where
    assert len(world.jobs()) == 1, where
    return death.dead


async def _train(world: World, done: Callable[[], bool]) -> None:
    """As World.train_everything, with its own writes marked as the world's."""
    global _acting_for_the_world
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not done():
            _acting_for_the_world = True
            for pod in await world.start_pods():
                assert len(world.running()) <= 2
                await world.succeed(pod)
            await world.finish_jobs()
            _acting_for_the_world = False
            await asyncio.sleep(0.002)


async def test_prometheus_down_holds_up_no_slot_and_the_records_stand_in() -> None:
    world = World()
    prometheus = Prometheus("http://127.0.0.1:1", timeout_seconds=1)
    metrics = {"collectTimeoutSeconds": 3}
    async with operating(world, prometheus=prometheus):
        await world.apply(sweep_object(metrics=metrics))
        await until(lambda: len(world.jobs()) == 2)
        for pod in await world.start_pods():
            await world.succeed(pod)
        await until(lambda: len(world.jobs()) == 4)
        await until(lambda: world.condition("MetricsAvailable").get("reason") == "QueryFailed")
        await world.train_everything(world.is_over)
    await prometheus.close()
    assert "127.0.0.1" in world.condition("MetricsAvailable")["message"]
    assert {r["source"] for r in world.status()["results"]} == {"Record"}


async def test_a_job_that_a_person_deletes_while_prometheus_is_waited_for_has_its_record_stored() -> None:
    world = World()
    prometheus = Prometheus("http://127.0.0.1:1", timeout_seconds=1)
    async with operating(world, prometheus=prometheus):
        await world.apply(sweep_object(parallelism=1, metrics={"collectTimeoutSeconds": 1}))
        await until(world.jobs)
        (job,) = world.jobs()
        (pod,) = await world.start_pods()
        await world.succeed(pod)
        await world.api.delete(JOBS, job["metadata"]["namespace"], name_of(job), uid=uid_of(job))
        await world.train_everything(world.is_over)
    await prometheus.close()
    assert world.created.count(name_of(job)) == 1
    assert len(world.records()) == len(world.trained) == 8


async def test_values_come_from_prometheus_where_it_has_them() -> None:
    world = World()
    answers = _Answers(world)
    app = web.Application()
    app.router.add_post("/api/v1/query", answers.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    prometheus = Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with operating(world, prometheus=prometheus):
        await world.apply(sweep_object())
        await world.train_everything(world.is_over)
    await prometheus.close()
    await runner.cleanup()
    assert {r["source"] for r in world.status()["results"]} == {"Prometheus"}
    assert answers.asked > 0


class _Answers:
    """A Prometheus that has scraped every pod that has ended, whole."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        result = []
        for pod in self._world.ended_pods():
            for replicate, loss in self._world.losses_of(pod):
                labels = {"namespace": "lab", "pod": name_of(pod), "run": "r", "replicate": str(replicate)}
                series = {"complete": "1", "epoch": "3", "epochs": "3"}
                result += [_series(name, value, labels) for name, value in series.items()]
                for metric, value in loss.items():
                    split, _, name = metric.partition("_")
                    result.append(_series("metric", repr(value), {**labels, "split": split, "metric": name}))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _series(name: str, value: str, labels: dict[str, str]) -> dict[str, object]:
    return {"metric": {"__name__": f"regsweep_trainer_{name}", **labels}, "value": [0, value]}


async def test_a_job_whose_end_is_known_before_its_pods_is_not_trained_again() -> None:
    world = World()
    async with operating(world) as operator:
        await world.apply(sweep_object(parallelism=1))
        await until(world.jobs)

        def deaf_to_pods(verb: str, resource: Resource) -> None:
            if (verb, resource) == ("watch", PODS):
                raise Unavailable("no route to host")

        world.api.before_read = deaf_to_pods
        world.api.break_watches()
        for pod in await world.start_pods():
            await world.succeed(pod)
        await world.finish_jobs()
        await until(lambda: len(world.records()) == 2)
        world.api.before_read = None
        await world.train_everything(world.is_over)
        await settled(operator, world)
    assert len(world.trained) == 8
    assert len(world.created) == 4


async def test_an_operator_without_the_lease_writes_nothing() -> None:
    world = World()
    held = {"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-11-23T10:00:00.000000Z"}
    meta = {"name": "regsweep-operator", "namespace": "default"}
    await world.api.create(LEASES, {"metadata": meta, "spec": held})
    async with operating(world) as operator:
        await world.apply(sweep_object())
        await until(lambda: operator.health.ready[0].reason() is None and operator.queues.sweeps.depth == 1)
        before = acting_writes(world)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert acting_writes(world) == before


async def test_a_second_operator_takes_over_when_the_first_stops() -> None:
    world = World()
    async with operating(world, identity="first", lease_retry_seconds=0.05) as first:
        await until(lambda: first.lease.held)
        async with operating(world, identity="second", lease_retry_seconds=0.05) as second:
            await world.apply(sweep_object())
            await until(lambda: len(world.jobs()) == 2)
            assert not second.lease.held
            await first.stop()
            await until(lambda: second.lease.held)
            await world.train_everything(world.is_over, most_at_once=2)
    assert len(set(world.created)) == len(world.created) == 4


async def test_a_sweep_that_only_the_cache_still_shows_gets_no_job() -> None:
    world = World()
    async with operating(world) as operator:
        await world.apply(sweep_object(parallelism=0))
        await until(lambda: world.status().get("resolved"))
        sweep = world.sweep()
        ghost = {
            **sweep,
            "metadata": {**sweep["metadata"], "uid": "ghost"},
            "spec": {**sweep["spec"], "parallelism": 1},
        }
        operator.caches.sweeps.upsert_from_write(ghost)
        operator.queues.sweeps.add("ghost")
        await settled(operator, world)
        assert not world.jobs()


async def test_a_segment_that_somebody_touched_is_read_again_and_loses_nothing() -> None:
    world = World()
    async with operating(world):
        await world.apply(sweep_object(parallelism=1))
        await until(world.jobs)
        (pod,) = await world.start_pods()
        await world.succeed(pod)
        await until(world.records)
        (segment,) = world.api.objects(RESULTS)
        await world.api.patch(RESULTS, NAMESPACE, name_of(segment), {"metadata": {"labels": {"touched": "yes"}}})
        await world.train_everything(world.is_over)
    assert sorted(world.records()) == sorted(world.trained)
    assert len(world.trained) == 8


async def test_no_write_goes_out_without_the_lease() -> None:
    api = MemoryApi()
    fenced = FencedApi(api, lambda: False)
    obj = {"metadata": {"name": "x", "namespace": "lab"}}
    for write in (
        fenced.create(JOBS, obj),
        fenced.replace(JOBS, obj),
        fenced.patch(JOBS, "lab", "x", {}),
        fenced.delete(JOBS, "lab", "x", uid="u"),
    ):
        with pytest.raises(Unavailable, match="the lease is not held"):
            await write
    assert not api.writes
