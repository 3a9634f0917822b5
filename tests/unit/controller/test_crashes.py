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

from regsweep.adapters.kubeapi import JOBS, LEASES, RESULTS, SWEEPS, name_of, uid_of
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.process.fence import FencedApi
from regsweep.errors import Unavailable
from unit.controller.fake_cluster import (
    DEADLINE_SECONDS,
    NAMESPACE,
    FakeCluster,
    acting_writes,
    deafen,
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


_acting_for_the_cluster = False


def _is_the_test(write: Write) -> bool:
    return _acting_for_the_cluster


@pytest.mark.parametrize("landed", [pytest.param(False, id="before it lands"), pytest.param(True, id="once it landed")])
async def test_a_death_at_any_write_loses_nothing_and_trains_nothing_twice(landed: bool) -> None:
    k = 1
    while await _dies_at(k, landed=landed):
        k += 1
    assert k > 12, "the sweep should have taken more writes than that"


async def _dies_at(k: int, *, landed: bool) -> bool:
    """Runs a sweep with an operator that dies at its k-th write and a second one; False when there were not so many."""
    cluster = FakeCluster()
    death = _Death(k, landed=landed)
    note = cluster.api.after_write

    def after(write: Write) -> None:
        assert note is not None
        note(write)
        death.after(write)

    cluster.api.before_write, cluster.api.after_write = death.before, after
    async with operating(cluster):
        await cluster.apply(sweep_object(**SWEEP))
        await _train(cluster, lambda: death.dead or cluster.is_over())
    cluster.api.before_write, cluster.api.after_write = None, note
    async with operating(cluster) as operator:
        await _train(cluster, cluster.is_over)
        await settled(operator, cluster)
    where = f"died at write {k} ({'landed' if landed else 'not landed'})"
    assert cluster.status()["progress"] == "4/4", where
    assert sorted(cluster.records()) == sorted(set(cluster.trained)), where
    assert max(Counter(cluster.trained).values()) == 1, where
    assert len(cluster.trained) == 4, where
    assert max(Counter(cluster.created).values()) == 1, where
    assert len(cluster.jobs()) == 1, where
    return death.dead


async def _train(cluster: FakeCluster, done: Callable[[], bool]) -> None:
    """As FakeCluster.train_everything, with its own writes marked as the cluster's."""
    global _acting_for_the_cluster
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not done():
            _acting_for_the_cluster = True
            for pod in await cluster.start_pods():
                assert len(cluster.running()) <= 2
                await cluster.succeed(pod)
            await cluster.finish_jobs()
            _acting_for_the_cluster = False
            await asyncio.sleep(0.002)


async def test_prometheus_down_holds_up_no_slot_and_the_records_stand_in() -> None:
    cluster = FakeCluster()
    prometheus = Prometheus("http://127.0.0.1:1", timeout_seconds=1)
    metrics = {"collectTimeoutSeconds": 3}
    async with operating(cluster, prometheus=prometheus):
        await cluster.apply(sweep_object(metrics=metrics))
        await until(lambda: len(cluster.jobs()) == 2)
        for pod in await cluster.start_pods():
            await cluster.succeed(pod)
        await until(lambda: len(cluster.jobs()) == 4)
        await until(lambda: cluster.condition("MetricsAvailable").get("reason") == "QueryFailed")
        await cluster.train_everything(cluster.is_over)
    await prometheus.close()
    assert "127.0.0.1" in cluster.condition("MetricsAvailable")["message"]
    assert {r["source"] for r in cluster.status()["results"]} == {"Record"}


async def test_a_job_that_a_person_deletes_while_prometheus_is_waited_for_has_its_record_stored() -> None:
    cluster = FakeCluster()
    prometheus = Prometheus("http://127.0.0.1:1", timeout_seconds=1)
    async with operating(cluster, prometheus=prometheus):
        await cluster.apply(sweep_object(parallelism=1, metrics={"collectTimeoutSeconds": 1}))
        await until(cluster.jobs)
        (job,) = cluster.jobs()
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await cluster.api.delete(JOBS, job["metadata"]["namespace"], name_of(job), uid=uid_of(job))
        await cluster.train_everything(cluster.is_over)
    await prometheus.close()
    assert cluster.created.count(name_of(job)) == 1
    assert len(cluster.records()) == len(cluster.trained) == 8


async def test_values_come_from_prometheus_where_it_has_them() -> None:
    cluster = FakeCluster()
    answers = _Answers(cluster)
    app = web.Application()
    app.router.add_post("/api/v1/query", answers.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    prometheus = Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with operating(cluster, prometheus=prometheus):
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
    await prometheus.close()
    await runner.cleanup()
    assert {r["source"] for r in cluster.status()["results"]} == {"Prometheus"}
    assert answers.asked > 0


class _Answers:
    """A Prometheus that has scraped every pod that has ended, whole."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        result = []
        for pod in self._cluster.ended_pods():
            for replicate, loss in self._cluster.losses_of(pod):
                labels = {"namespace": "lab", "pod": name_of(pod), "run": "r", "replicate": str(replicate)}
                series = {"complete": "1", "epoch": "3", "epochs": "3"}
                result += [_series(name, value, labels) for name, value in series.items()]
                for metric, value in loss.items():
                    split, _, name = metric.partition("_")
                    result.append(_series("metric", repr(value), {**labels, "split": split, "metric": name}))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _series(name: str, value: str, labels: dict[str, str]) -> dict[str, object]:
    return {"metric": {"__name__": f"regsweep_trainer_{name}", **labels}, "value": [0, value]}


async def test_an_operator_without_the_lease_writes_nothing() -> None:
    cluster = FakeCluster()
    held = {"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-11-23T10:00:00.000000Z"}
    meta = {"name": "regsweep-operator", "namespace": "default"}
    await cluster.api.create(LEASES, {"metadata": meta, "spec": held})
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object())
        await until(lambda: operator.health.ready[0].reason() is None and operator.queues.sweeps.depth == 1)
        before = acting_writes(cluster)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert acting_writes(cluster) == before


async def test_a_second_operator_takes_over_when_the_first_stops() -> None:
    cluster = FakeCluster()
    async with operating(cluster, identity="first", lease_retry_seconds=0.05) as first:
        await until(lambda: first.lease.held)
        async with operating(cluster, identity="second", lease_retry_seconds=0.05) as second:
            await cluster.apply(sweep_object())
            await until(lambda: len(cluster.jobs()) == 2)
            assert not second.lease.held
            await first.stop()
            await until(lambda: second.lease.held)
            await cluster.train_everything(cluster.is_over, most_at_once=2)
    assert len(set(cluster.created)) == len(cluster.created) == 4


@pytest.mark.parametrize("pinned", [pytest.param(True, id="seen before"), pytest.param(False, id="never seen before")])
async def test_a_sweep_that_only_the_cache_still_shows_gets_no_job_and_no_status(pinned: bool) -> None:
    cluster = FakeCluster()
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=0))
        await until(lambda: cluster.status().get("resolved"))
        sweep = cluster.sweep()
        ghost = {
            **sweep,
            "metadata": {**sweep["metadata"], "uid": "ghost"},
            "spec": {**sweep["spec"], "parallelism": 1},
            "status": sweep["status"] if pinned else {},
        }
        await settled(operator, cluster)
        before = len(cluster.writes("update", "regularizationsweeps/status"))
        operator.caches.sweeps.upsert_from_write(ghost)
        operator.queues.sweeps.add("ghost")
        await settled(operator, cluster)
        assert not cluster.jobs()
        assert len(cluster.writes("update", "regularizationsweeps/status")) == before


async def test_a_successor_that_has_not_heard_of_a_sweeps_deletion_makes_no_job_for_it() -> None:
    cluster = FakeCluster()
    async with operating(cluster):
        sweep = await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (job,) = cluster.jobs()

    async with operating(cluster) as operator:
        await settled(operator, cluster)
        deafen(cluster, SWEEPS)
        await cluster.api.delete(SWEEPS, NAMESPACE, "demo", uid=uid_of(sweep))
        await until(lambda: operator.caches.runs.jobs.get(uid_of(job)) is None)
        await settled(operator, cluster)
        assert len(operator.caches.sweeps) == 1, "it has not heard of it"
        assert not cluster.jobs()


async def test_a_segment_that_somebody_touched_is_read_again_and_loses_nothing() -> None:
    cluster = FakeCluster()
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await until(cluster.records)
        (segment,) = cluster.api.objects(RESULTS)
        await cluster.api.patch(RESULTS, NAMESPACE, name_of(segment), {"metadata": {"labels": {"touched": "yes"}}})
        await cluster.train_everything(cluster.is_over)
    assert sorted(cluster.records()) == sorted(cluster.trained)
    assert len(cluster.trained) == 8


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
        with pytest.raises(Unavailable, match="the lease is no longer held"):
            await write
    assert not api.writes
