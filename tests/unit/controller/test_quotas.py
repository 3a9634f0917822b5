"""Quotas without room for what a sweep asks for, over hours: it goes on as room comes, says why it waits, and makes nothing twice.

The Job controller is as Kubernetes': it puts a pod off that is refused, up to a minute, and looks at a Job a second after its change.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from regsweep.adapters.kubeapi import LEASES, PODS, name_of, uid_of
from regsweep.controller.process.operator import Operator
from regsweep.core.waiting import MOST_WAITING
from support.invariants import broken
from support.pods import has_ended
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import sweep_object
from unit.controller.machinery import Machinery
from unit.controller.virtual_operator import operator_on
from unit.controller.wire import Landed, Wire

HOUR = 3600
TWELVE = [{"name": "l2", "values": list(range(12))}]
TRAINING_SECONDS = 40
PUT_OFF_SECONDS = 60
"""The longest that the Job controller puts off a pod: where it comes a hair too early, once for all that the quota has room for."""


@dataclass
class House:
    """A cluster, one operator on it, and an account of what it writes and of slots that stay empty."""

    time: VirtualTime
    cluster: Machinery
    writes: Counter[str] = field(default_factory=Counter)
    """`verb resource` to how often."""
    idle: int = 0
    """Slot-seconds without a pod that the quota had room for."""
    operator: Operator | None = None

    async def begin(self, **spec: Any) -> None:
        self.operator = operator_on(self.cluster, Wire(self.cluster.api, on_landed=self._note))
        self.operator.start()
        await self.cluster.apply(sweep_object(**{"flags": TWELVE, "replicates": 1, "parallelism": 4, **spec}))

    def _note(self, write: Landed) -> None:
        if write.resource not in (LEASES.plural, "events"):
            self.writes[f"{write.verb} {write.resource}"] += 1

    async def restart(self) -> None:
        assert self.operator is not None
        await self.operator.stop()
        self.operator = operator_on(self.cluster, Wire(self.cluster.api, on_landed=self._note))
        self.operator.start()

    async def go_on(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.cluster.second()
            await asyncio.sleep(1)
            self.idle += max(0, self._wanted() - len(self.flying()))

    async def until(self, holds: Callable[[], object], most_seconds: int = HOUR) -> None:
        for _ in range(most_seconds):
            if holds():
                return
            await self.go_on(1)
        raise AssertionError(f"not so after {most_seconds} s: {self.cluster.status()}")

    def flying(self) -> list[Any]:
        return [pod for pod in self.cluster.api.objects(PODS) if not has_ended(pod)]

    def _wanted(self) -> int:
        """Pods that there is room and work for."""
        spec, trained = self.cluster.sweep()["spec"], len(self.cluster.account.trained)
        room = self.cluster.controller.pod_quota
        room = 10**6 if room is None else room - self.cluster.controller.foreign_pods
        return min(int(spec["parallelism"]), max(0, room), len(spec["flags"][0]["values"]) - trained)

    def progressing(self) -> tuple[str, str]:
        condition = self.cluster.condition("Progressing")
        return condition.get("reason", ""), condition.get("message", "")

    def waiting(self) -> list[str]:
        """Names of Jobs that have no pod and have not ended."""
        with_pods = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in self.cluster.api.objects(PODS)}
        ended = (bool((job.get("status") or {}).get("conditions")) for job in self.cluster.jobs())
        return [
            name_of(j)
            for j, over in zip(self.cluster.jobs(), ended, strict=True)
            if not over and uid_of(j) not in with_pods
        ]

    def check_end(self, runs: int = 12) -> None:
        """All is trained, once, and stored."""
        assert self.cluster.account.wrong == []
        assert set(self.cluster.account.trained.values()) == {1}
        assert len(self.cluster.account.trained) == runs
        assert broken(self.cluster.left(), self.time.clocks.now()) == []


@pytest.fixture
def house() -> Iterator[House]:
    with VirtualTime() as time:
        cluster = Machinery(time)
        cluster.training_seconds = TRAINING_SECONDS
        yield House(time, cluster)


@pytest.mark.parametrize(
    ("quota", "parallelism", "lag"),
    [
        pytest.param(4, 4, 0, id="equal to parallelism"),
        pytest.param(4, 4, 4, id="equal to parallelism, and slow to count"),
        pytest.param(3, 4, 0, id="one less"),
        pytest.param(1, 4, 0, id="one pod"),
        pytest.param(3, 12, 2, id="a quarter, and slow to count"),
    ],
)
def test_within_a_quota_of_pods_slots_are_filled_and_no_job_is_made_twice(
    house: House, quota: int, parallelism: int, lag: int
) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota = quota
        house.cluster.controller.quota_lag_seconds = lag
        await house.begin(parallelism=parallelism)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end()
    assert house.writes["create jobs"] == 12
    assert house.writes["delete jobs"] <= 2, "beyond what retention keeps"
    assert house.writes["patch jobs"] <= 2 * 12, "one pod is asked for twice at most when another has ended"
    # A second until the Job controller looks, up to two of this clock, and what the quota takes to count; and the wait for it.
    most = 12 * (4 + lag) + (5 if lag else 0) * 12
    assert house.idle <= most, f"{house.idle} slot-seconds without a pod"


def test_hours_in_a_quota_without_room_cost_nothing_and_are_told(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota, house.cluster.controller.foreign_pods = 2, 2
        await house.begin()
        await house.until(lambda: house.progressing()[0] == "QuotaExceeded", 30)
        await house.go_on(120)
        house.writes.clear()
        refused = house.cluster.controller.refused_creates
        await house.go_on(HOUR)
        assert house.writes == Counter(), "nothing has changed, so nothing is written"
        assert house.cluster.controller.refused_creates - refused <= 60 * len(house.waiting())
        reason, message = house.progressing()
        assert reason == "QuotaExceeded"
        assert "The API server says: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2." in message
        house.cluster.controller.foreign_pods = 0
        house.idle = 0
        await house.until(lambda: len(house.flying()) == 2, 65)
        house.cluster.controller.pod_quota = None
        await house.until(lambda: len(house.flying()) == 4, 65)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end()


def test_a_quota_that_others_use_now_and_then_costs_a_minute_each_time(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota = 4
        await house.begin()
        for _ in range(6):
            house.cluster.controller.foreign_pods = 3
            await house.go_on(150)
            house.cluster.controller.foreign_pods = 0
            await house.go_on(150)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end()
    assert house.writes["create jobs"] == 12
    assert house.writes["patch jobs"] <= 2 * 12


def test_a_quota_that_is_lowered_and_raised_in_mid_sweep_is_followed(house: House) -> None:
    async def live() -> None:
        await house.begin(flags=[{"name": "l2", "values": list(range(40))}], parallelism=8)
        await house.go_on(60)
        house.cluster.controller.pod_quota = 2
        await house.go_on(200)
        assert len(house.flying()) == 2
        assert house.progressing()[0] == "QuotaExceeded"
        house.cluster.controller.pod_quota = 16
        await house.until(lambda: len(house.flying()) == 8, 70)
        await house.until(lambda: house.progressing()[0] == "RunsTraining", 10)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end(40)
    assert house.writes["create jobs"] == 40


def test_of_many_jobs_without_pods_few_are_kept_and_they_are_left_alone(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota, house.cluster.training_seconds = 2, 10
        await house.begin(flags=[{"name": "l2", "values": list(range(60))}], parallelism=50)
        await house.until(lambda: house.writes["delete jobs"], 60)
        await house.go_on(20)
        assert 10 <= len(house.waiting()) <= MOST_WAITING
        created = house.writes["create jobs"]
        assert created == 50
        await house.restart()
        await house.go_on(20)
        assert house.writes["create jobs"] == created, "another operator knows that they wait"
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end(60)
    assert house.writes["create jobs"] == 60 + 28, "those that were too many were made again, once"
    assert house.idle <= 60 * 4 + PUT_OFF_SECONDS * 2


def test_pods_that_end_together_are_followed_by_as_many_together(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota = 8
        await house.begin(flags=[{"name": "l2", "values": list(range(40))}], parallelism=16)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end(40)
    assert house.writes["create jobs"] == 40
    assert house.idle <= 5 * 8 * 4, "five rounds of eight"


def test_a_quota_of_objects_has_room_once_kept_jobs_are_deleted(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota, house.cluster.controller.quota_of_objects = 4, True
        await house.begin()
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end()
    assert house.writes["create jobs"] == 12
    assert house.writes["delete jobs"] <= 12


def test_a_pod_that_is_not_replaced_for_want_of_quota_is_told_and_comes_back(house: House) -> None:
    async def live() -> None:
        await house.begin(flags=[{"name": "l2", "values": [0]}], replicates=2, replicatesPerPod=1, parallelism=2)
        await house.go_on(5)
        house.cluster.controller.pod_quota = 1
        await house.cluster.kubelet.finish(house.flying()[0], exit_code=1)
        await house.until(lambda: house.progressing()[0] == "QuotaExceeded", 60)
        house.cluster.controller.pod_quota = None
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    assert house.writes["create jobs"] == 1


def test_jobs_that_wait_leave_when_parallelism_is_lowered(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota = 2
        await house.begin(parallelism=4)
        await house.until(lambda: house.progressing()[0] == "QuotaExceeded", 30)
        await house.cluster.edit(parallelism=2)
        await house.until(lambda: not house.waiting(), 10)
        house.cluster.controller.pod_quota = None
        house.cluster.account.limits.clear()
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    house.check_end()


def test_a_pause_ends_the_wait_and_its_end_begins_it_again(house: House) -> None:
    async def live() -> None:
        house.cluster.controller.pod_quota = 1
        await house.begin()
        await house.until(lambda: house.progressing()[0] == "QuotaExceeded", 30)
        await house.cluster.edit(suspend=True)
        await house.until(lambda: not house.flying(), 30)
        await house.go_on(30)
        assert house.progressing()[0] == "SuspendedBySpec"
        await house.cluster.edit(suspend=False)
        await house.until(house.cluster.is_at_rest)

    house.time.run(live())
    assert set(house.cluster.account.trained.values()) == {1}
    assert len(house.cluster.account.trained) == 12
