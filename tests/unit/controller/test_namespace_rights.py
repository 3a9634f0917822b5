"""A namespace in which the operator has no rights: its sweeps wait, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import generate_latest

from regsweep.adapters.kubeapi import JOBS, PODS, SWEEPS, Page, Resource
from regsweep.adapters.memory import MemoryApi
from regsweep.controller.process import operator as process
from regsweep.errors import Refused
from regsweep.metrics import INFORMER_AGE, Metrics
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, sweep_object, until

CLOSED = "closed"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep in a namespace that is not followed is looked at again soon."""
    monkeypatch.setattr(process, "UNFOLLOWED_SECONDS", 0.1)


class Guarded(MemoryApi):
    """An API that lets nobody list some resources of a namespace."""

    forbidden: frozenset[str] = frozenset()

    async def list_page(self, resource: Resource, namespace: str | None = None, **rest: Any) -> Page:
        if namespace == CLOSED and resource.plural in self.forbidden:
            raise Refused(f"{resource.plural} is forbidden in namespace {CLOSED}", 403)
        return await super().list_page(resource, namespace, **rest)


def guarded(*forbidden: Resource) -> tuple[FakeCluster, Guarded]:
    cluster, api = FakeCluster(), Guarded()
    api.after_write = cluster.api.after_write
    api.forbidden = frozenset(resource.plural for resource in forbidden)
    cluster.api = api
    return cluster, api


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param((SWEEPS, JOBS, PODS), id="no rights at all"),
        pytest.param((JOBS, PODS), id="rights to sweeps alone"),
        pytest.param((PODS,), id="no right to pods alone"),
    ],
)
async def test_a_namespace_without_rights_stops_only_itself(forbidden: tuple[Resource, ...]) -> None:
    cluster, api = guarded(*forbidden)
    closed = sweep_object("closed")
    closed["metadata"]["namespace"] = CLOSED
    await api.create(SWEEPS, closed)
    async with operating(cluster, namespaces=[CLOSED, NAMESPACE]) as operator:
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
        assert operator.health.ready[0].reason() is None
        assert not cluster.status("closed"), "a sweep whose Jobs cannot be seen is not begun"
        api.forbidden = frozenset()
        api.break_watches()
        await until(lambda: {job["metadata"]["namespace"] for job in cluster.jobs()} == {NAMESPACE, CLOSED})


async def test_an_operator_without_rights_anywhere_is_not_ready() -> None:
    cluster, _ = guarded(SWEEPS)
    async with operating(cluster, namespaces=[CLOSED]) as operator:
        assert operator.health.ready[0].reason() is not None


async def test_a_namespace_whose_rights_are_withdrawn_waits_until_they_are_back() -> None:
    cluster, api = guarded()
    async with operating(cluster, namespaces=[CLOSED, NAMESPACE]) as operator:
        await settled(operator, cluster)
        api.forbidden = frozenset({PODS.plural})
        api.break_watches(Refused("pods is forbidden", 403))
        pods = next(informer for informer in operator._informers if informer.resource is PODS)
        await until(lambda: not pods.follows(CLOSED))
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        assert pods.follows(NAMESPACE)
        api.forbidden = frozenset()
        await until(lambda: pods.follows(CLOSED))


async def test_metrics_are_served_when_the_last_namespace_is_withdrawn() -> None:
    cluster, api = guarded()
    metrics = Metrics()
    async with operating(cluster, metrics=metrics, namespaces=[CLOSED]) as operator:
        await settled(operator, cluster)
        api.forbidden = frozenset({PODS.plural})
        api.break_watches(Refused("pods is forbidden", 403))
        pods = next(informer for informer in operator._informers if informer.resource is PODS)
        await until(lambda: not pods.follows(CLOSED))
        before = metrics.value(INFORMER_AGE, resource=PODS.plural)
        await asyncio.sleep(0.01)
        assert metrics.value(INFORMER_AGE, resource=PODS.plural) > before, "what it knows grows old"
        assert b"regsweep_operator_leader 1.0" in generate_latest(metrics.registry)
