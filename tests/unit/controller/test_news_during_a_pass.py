"""What happens while a pass waits for the API server is dealt with by the next pass, and nothing of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from regsweep.adapters.kubeapi import JOBS, RESULTS, KubeObject, Resource, name_of, uid_of
from unit.controller.world import NAMESPACE, World, operating, settled, sweep_object, until


class _Gate:
    """Holds up creates of one resource from the moment it is shut until it is opened."""

    def __init__(self, world: World, resource: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = 0
        self._shut = asyncio.Event()
        self._open = asyncio.Event()
        create = world.api.create

        async def held_up(to: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
            if to is resource and not dry_run and self._shut.is_set():
                self.waiting += 1
                await self._open.wait()
            return await create(to, obj, dry_run=dry_run)

        monkeypatch.setattr(world.api, "create", held_up)

    def shut(self) -> None:
        self._shut.set()

    def open(self) -> None:
        self._open.set()


async def test_a_pod_that_ends_and_goes_with_its_job_during_a_pass_has_its_record_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    gate = _Gate(world, JOBS, monkeypatch)
    async with operating(world, store_interval_seconds=60) as operator:
        await world.apply(sweep_object())
        await until(lambda: len(world.jobs()) == 2)
        first, second = await world.start_pods()
        gate.shut()
        await world.succeed(first)
        await until(lambda: gate.waiting)
        job = next(j for j in world.jobs() if uid_of(j) == second["metadata"]["ownerReferences"][0]["uid"])
        await world.succeed(second)
        await world.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await until(
            lambda: (
                operator.caches.runs.jobs.get(uid_of(job)) is None
                and operator.caches.runs.pods.get(uid_of(second)) is None
            )
        )
        gate.open()
        await world.train_everything(world.is_over)
    assert world.created.count(name_of(job)) == 1
    assert sorted(set(world.records())) == sorted(world.trained)
    assert len(world.trained) == 8


async def test_a_slot_is_filled_while_records_are_being_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    gate = _Gate(world, RESULTS, monkeypatch)
    gate.shut()
    async with operating(world, store_interval_seconds=0) as operator:
        await world.apply(sweep_object(parallelism=1))
        await until(world.jobs)
        (pod,) = await world.start_pods()
        await world.succeed(pod)
        await until(lambda: gate.waiting and len(world.created) == 2)
        assert not world.records()
        gate.open()
        await world.train_everything(world.is_over)
        await settled(operator, world)
    assert sorted(world.records()) == sorted(world.trained)
