"""What happens while a pass waits for the API server is dealt with by the next pass, and nothing of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from regsweep.adapters.kubeapi import JOBS, RESULTS, KubeObject, Resource, name_of, uid_of
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, sweep_object, until


class _Gate:
    """Holds up creates of one resource from the moment it is shut until it is opened."""

    def __init__(self, cluster: FakeCluster, resource: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = 0
        self._shut = asyncio.Event()
        self._open = asyncio.Event()
        create = cluster.api.create

        async def held_up(to: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
            if to is resource and not dry_run and self._shut.is_set():
                self.waiting += 1
                await self._open.wait()
            return await create(to, obj, dry_run=dry_run)

        monkeypatch.setattr(cluster.api, "create", held_up)

    def shut(self) -> None:
        self._shut.set()

    def open(self) -> None:
        self._open.set()


async def test_a_pod_that_ends_and_goes_with_its_job_during_a_pass_has_its_record_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = FakeCluster()
    gate = _Gate(cluster, JOBS, monkeypatch)
    async with operating(cluster, store_interval_seconds=60) as operator:
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
        first, second = await cluster.start_pods()
        gate.shut()
        await cluster.succeed(first)
        await until(lambda: gate.waiting)
        job = next(j for j in cluster.jobs() if uid_of(j) == second["metadata"]["ownerReferences"][0]["uid"])
        await cluster.succeed(second)
        await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await until(
            lambda: (
                operator.caches.runs.jobs.get(uid_of(job)) is None
                and operator.caches.runs.pods.get(uid_of(second)) is None
            )
        )
        gate.open()
        await cluster.train_everything(cluster.is_over)
    assert cluster.created.count(name_of(job)) == 1
    assert sorted(set(cluster.records())) == sorted(cluster.trained)
    assert len(cluster.trained) == 8


async def test_a_slot_is_filled_while_records_are_being_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    gate = _Gate(cluster, RESULTS, monkeypatch)
    gate.shut()
    async with operating(cluster, store_interval_seconds=0) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await until(lambda: gate.waiting and len(cluster.created) == 2)
        assert not cluster.records()
        gate.open()
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
    assert sorted(cluster.records()) == sorted(cluster.trained)
