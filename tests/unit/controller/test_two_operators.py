"""Two operators that watch one namespace: exactly one runs each sweep, and the other says so."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import LEASES, SWEEPS, KubeObject, Resource, name_of, uid_of
from regsweep.adapters.memory import MemoryApi
from regsweep.controller.caches.claimed_leases import ClaimedLeases
from regsweep.core.claims import LeaseState
from regsweep.errors import Refused, Unavailable
from regsweep.metrics import Metrics
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, sweep_object, until

QUICK_LEASES: dict[str, Any] = {
    "lease_duration_seconds": 0.4,
    "lease_renew_deadline_seconds": 0.3,
    "lease_retry_seconds": 0.05,
}
ONE: dict[str, Any] = {"identity": "one", "lease_namespace": "team-a", "trainer_image": "one:1"}
TWO: dict[str, Any] = {"identity": "two", "lease_namespace": "ops", "trainer_image": "two:2"}


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def claim_of(cluster: FakeCluster, name: str = "demo") -> dict[str, str]:
    found: dict[str, str] = cluster.status(name).get("managedBy") or {}
    return found


def images(cluster: FakeCluster) -> set[str]:
    return {c["image"] for job in cluster.jobs() for c in job["spec"]["template"]["spec"]["containers"]}


async def test_of_two_operators_exactly_one_runs_a_sweep_and_the_other_says_so(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE), operating(cluster, **TWO):
        for number in range(4):
            await cluster.apply(sweep_object(f"demo-{number}"))
        names = [name_of(sweep) for sweep in cluster.api.objects(SWEEPS)]
        await until(lambda: len(cluster.events("ManagedElsewhere")) == 4)
        await cluster.train_everything(lambda: all(map(cluster.is_over, names)))
        for name in names:
            lease = claim_of(cluster, name)["lease"]
            image = "one:1" if lease.startswith("team-a/") else "two:2"
            assert cluster.status(name)["resolved"]["image"] == image
            told = [e for e in cluster.events("ManagedElsewhere") if e["involvedObject"]["name"] == name]
            assert lease in told[0]["message"]
    assert len(cluster.created) == len(set(cluster.created)) == 16
    assert len(cluster.trained) == len(cluster.records()) == 32


async def test_a_sweep_is_claimed_before_its_first_job(cluster: FakeCluster) -> None:
    claimed: list[bool] = []
    cluster.api.before_write = lambda write: (
        claimed.append(bool(claim_of(cluster))) if (write.verb, write.resource) == ("create", "jobs") else None
    )
    async with operating(cluster, **ONE):
        await cluster.apply(sweep_object())
        await until(cluster.jobs)
    assert all(claimed)
    assert claim_of(cluster) == {"name": "regsweep.dev/operator", "lease": "team-a/regsweep-operator"}


async def test_an_operator_comes_back_to_its_own_sweeps(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE):
        await cluster.apply(sweep_object())
        await until(cluster.jobs)
    async with operating(cluster, **ONE):
        await cluster.train_everything(cluster.is_over)
    assert not cluster.events("ManagedElsewhere")


async def test_the_sweeps_of_an_operator_that_is_gone_are_taken_over_as_they_were_pinned(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE, **QUICK_LEASES):
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
    async with operating(cluster, **TWO, **QUICK_LEASES):
        await cluster.train_everything(cluster.is_over)
    assert claim_of(cluster)["lease"] == "ops/regsweep-operator"
    assert images(cluster) == {"one:1"}
    assert len(cluster.trained) == len(set(cluster.trained)) == 8


async def test_the_sweeps_of_an_operator_whose_lease_is_deleted_are_taken_over(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE):
        await cluster.apply(sweep_object())
        await until(cluster.jobs)
    (lease,) = cluster.api.objects(LEASES)
    await cluster.api.delete(LEASES, "team-a", name_of(lease), uid=uid_of(lease))
    async with operating(cluster, **TWO):
        await cluster.train_everything(cluster.is_over)
    assert not cluster.events("ManagedElsewhere")


class Time:
    seconds = 1000.0


async def lease_in(api: MemoryApi, **spec: object) -> KubeObject:
    return await api.create(LEASES, {"metadata": {"namespace": "team-a", "name": "theirs"}, "spec": spec})


async def test_a_lease_is_over_when_nobody_renews_it_for_its_duration_and_the_time_of_a_standby() -> None:
    api, time = MemoryApi(), Time()
    leases = ClaimedLeases(api, interval_seconds=10, clock=lambda: time.seconds)
    assert await leases.state_of("team-a/theirs") is LeaseState.OVER, "it is not there"
    lease = await lease_in(api, leaseDurationSeconds=15, renewTime="2020-01-01T00:00:00Z")
    time.seconds += 10
    for _ in range(2):
        assert await leases.state_of("team-a/theirs") is LeaseState.HELD, "its clock may be another"
        time.seconds += 12
    lease["spec"]["renewTime"] = "2020-01-01T00:00:10Z"
    await api.replace(LEASES, lease)
    for _ in range(3):
        assert await leases.state_of("team-a/theirs") is LeaseState.HELD
        time.seconds += 10
    assert await leases.state_of("team-a/theirs") is LeaseState.OVER


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Refused("leases is forbidden", 403), id="that may not be read"),
        pytest.param(Unavailable("no answer"), id="of which the API server does not tell"),
    ],
)
async def test_a_lease_of_which_nothing_is_known_is_respected(error: Exception) -> None:
    api, time = MemoryApi(), Time()
    await lease_in(api, leaseDurationSeconds=1)

    def forbid(verb: str, resource: Resource) -> None:
        raise error

    api.before_read = forbid
    leases = ClaimedLeases(api, interval_seconds=10, clock=lambda: time.seconds)
    for _ in range(5):
        assert await leases.state_of("team-a/theirs") is LeaseState.UNREADABLE
        time.seconds += 100


async def test_a_sweep_is_run_by_operators_of_the_name_that_it_asks_for(cluster: FakeCluster) -> None:
    metrics = Metrics()
    async with (
        operating(cluster, metrics=metrics, **ONE) as one,
        operating(cluster, managed_by="regsweep.dev/team-b", **TWO) as two,
    ):
        await cluster.apply(sweep_object("plain"))
        await cluster.apply(sweep_object("named", managedBy="regsweep.dev/team-b"))
        await cluster.apply(sweep_object("nobodys", managedBy="regsweep.dev/team-c"))
        await cluster.train_everything(lambda: cluster.is_over("plain") and cluster.is_over("named"))
        await settled(one, cluster)
        await settled(two, cluster)
    assert claim_of(cluster, "plain")["lease"] == "team-a/regsweep-operator"
    assert claim_of(cluster, "named") == {"name": "regsweep.dev/team-b", "lease": "ops/regsweep-operator"}
    assert not cluster.status("nobodys")
    assert not cluster.events("ManagedElsewhere")


async def test_an_invalid_sweep_is_refused_by_one_operator_alone(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE) as one, operating(cluster, **TWO) as two:
        await cluster.apply(sweep_object(replicates=0))
        await until(lambda: cluster.status().get("state") == "Invalid")
        await settled(one, cluster)
        await settled(two, cluster)
    assert len(cluster.writes("update", "regularizationsweeps/status")) <= 2, "of two at once one meets a conflict"


async def test_a_sweep_that_was_begun_before_there_were_claims_is_claimed_and_goes_on(cluster: FakeCluster) -> None:
    async with operating(cluster, **ONE):
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
    sweep = cluster.sweep()
    del sweep["status"]["managedBy"]
    await cluster.api.replace(SWEEPS, sweep, subresource="status")
    async with operating(cluster, **TWO):
        await cluster.train_everything(cluster.is_over)
    assert claim_of(cluster)["lease"] == "ops/regsweep-operator"
    assert len(cluster.created) == len(set(cluster.created)) == 4
    assert NAMESPACE in {job["metadata"]["namespace"] for job in cluster.jobs()}
