"""The operator may die between any two of its writes: whoever comes next finishes the sweep, whatever kind of sweep it is.

A sweep is lived once, and at each write of the operator the whole cluster is copied, as it is when that write has landed and no later
one has. In each copy another operator goes on: at once, or after everything that was under way has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from regsweep.adapters.kubeapi import LEASES, uid_of
from support.invariants import broken
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import acting_writes, sweep_object
from unit.controller.machinery import Edit, Machinery
from unit.controller.virtual_operator import operator_on
from unit.controller.wire import Landed, Wire

TWELVE = [{"name": "l2", "values": [0, 0.01, 0.1, 1]}, {"name": "dropout", "values": [0.0, 0.25, 0.5]}]
FOUR = [{"name": "l2", "values": [0, 0.1]}, {"name": "dropout", "values": [0.0, 0.5]}]
QUIET_SECONDS = 700
"""Longer than a watch, a resync and the interval of any retry."""


@dataclass(frozen=True)
class Kind:
    """A kind of sweep."""

    spec: dict[str, Any]
    script: Sequence[Edit] = ()
    combinations_ended: int | None = 12
    """None: that is not fixed."""
    settings: dict[str, Any] = field(default_factory=dict)


def _records(number: int) -> Callable[[Machinery], bool]:
    return lambda cluster: len(cluster.records()) >= number


def _no_pods(cluster: Machinery) -> bool:
    return not cluster.pods("Pending", "Running")


KINDS = {
    "plain": Kind({}),
    "several replicates a pod": Kind({"replicates": 4, "replicatesPerPod": 2, "parallelism": 4}),
    "retention that deletes Jobs": Kind({"retention": {"succeededJobs": 1}}),
    "suspended and resumed": Kind({}, (Edit(_records(3), {"suspend": True}), Edit(_no_pods, {"suspend": False}))),
    "a race": Kind({"racing": {"initialReplicates": 3, "maxReplicates": 5}}, combinations_ended=None),
    "test rows for the picks": Kind({"replicates": 3, "final": {"replicates": 3}}),
    "outer folds": Kind(
        {
            "flags": FOUR,
            "replicates": 3,
            "parallelism": 6,
            "final": {"evaluate": "Nested", "folds": 3, "replicates": 3},
        },
        combinations_ended=4,
    ),
    "a budget of runs": Kind({"budget": {"maxRuns": 7}}, combinations_ended=7),
    "a budget of GPU-seconds that stops": Kind(
        {"trainer": {"gpus": 1}, "budget": {"maxGpuSeconds": 24, "onExhausted": "Stop"}}, combinations_ended=None
    ),
    "growing": Kind({"flags": FOUR}, (Edit(_records(4), {"flags": TWELVE}),)),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_death_after_any_write_loses_nothing_and_trains_nothing_twice(name: str) -> None:
    kind = KINDS[name]
    moments = lived(kind)
    assert len(moments) >= 12, "the sweep should have taken more writes than that"
    for moment in moments:
        finish(kind, moment, waits=moment.number % 2 == 0)


@dataclass(frozen=True)
class Moment:
    """The cluster when a write of the operator has just landed."""

    number: int
    write: Landed
    cluster: Machinery
    seconds: float


def lived(kind: Kind) -> list[Moment]:
    """Runs the sweep, and returns it at each write."""
    moments: list[Moment] = []
    with VirtualTime() as time:
        cluster = Machinery(time, kind.script)

        def note(write: Landed) -> None:
            if write.resource not in (LEASES.plural, "events"):
                copied = Machinery(time, kind.script, cluster)
                moments.append(Moment(len(moments) + 1, write, copied, time.seconds))

        time.run(_live(kind, cluster, Wire(cluster.api, on_landed=note), apply=True))
        check(kind, cluster, "without a death")
    return moments


def finish(kind: Kind, moment: Moment, *, waits: bool) -> None:
    """Another operator comes, and finishes the sweep."""
    write = moment.write
    where = (
        f"died after write {moment.number} ({write.verb} {write.resource}), {'late' if waits else 'early'} successor"
    )
    with VirtualTime(moment.seconds) as time:
        cluster = Machinery(time, kind.script, moment.cluster)
        time.run(_live(kind, cluster, Wire(cluster.api), waits=waits))
        check(kind, cluster, where)


async def _live(kind: Kind, cluster: Machinery, wire: Wire, *, apply: bool = False, waits: bool = False) -> None:
    if waits:
        for _ in range(30):
            await cluster.second()
            await asyncio.sleep(1)
    operator = operator_on(cluster, wire, **kind.settings)
    operator.start()
    if apply:
        await cluster.apply(sweep_object(**{"flags": TWELVE, "replicates": 1, "parallelism": 3, **kind.spec}))
    await cluster.live(cluster.is_at_rest)
    await asyncio.sleep(60)
    before = acting_writes(cluster)
    operator.queues.sweeps.add(uid_of(cluster.sweep()))
    await asyncio.sleep(QUIET_SECONDS)
    assert acting_writes(cluster) == before, "it is quiet when nothing changes"
    await operator.stop()


def check(kind: Kind, cluster: Machinery, where: str) -> None:
    """Nothing is lost, nothing is trained twice, and the status is what is stored."""
    left = cluster.left()
    assert broken(left, cluster.time.now()) == [], where
    assert cluster.account.wrong == [], where
    trained = cluster.account.trained
    results = [record for record in left.records() if record["outcome"] == "Ok"]
    assert {each: times for each, times in trained.items() if times > 1} == {}, where
    assert len(results) == len(trained), f"{where}: what was trained is stored"
    runs = left.status["runs"]
    if kind.combinations_ended is not None:
        assert runs["succeeded"] == kind.combinations_ended, where
    assert runs["failed"] == 0, where
    assert len(cluster.created) == len(set(cluster.created)), f"{where}: no Job is made twice"
