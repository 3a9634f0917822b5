"""Pods that go on when training has ended: a mesh's proxy, a shipper of logs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.moves import SIDECAR_GRACE
from regsweep.core.plan import plan
from regsweep.core.runs import ObservedRun, PodPhase

from .simulation import World, sweep_of


def world_of(values: int = 2, **spec: Any) -> World:
    """A sweep at parallelism 1 whose pods have a proxy; the first pod trains."""
    world = World(sweep_of({"l2": list(range(values))}, parallelism=1, **spec), sidecar=True)
    world.step()
    world.start_pods()
    return world


def first(world: World) -> ObservedRun:
    return world.runs[world.created[0].name]


def settle(world: World) -> None:
    """What is planned at this moment."""
    while not world.step().is_empty:
        pass


def test_a_slot_is_taken_for_as_long_as_the_pod_holds_its_gpu() -> None:
    world = world_of()
    world.end_all()
    settle(world)
    assert len(world.records) == 1, "its record is not waited for"
    assert (len(world.created), first(world).slots) == (1, 1)
    world.end_sidecars()
    assert len(world.step().create) == 1


def test_a_job_whose_records_are_stored_and_whose_pod_goes_on_is_deleted_after_a_short_grace() -> None:
    world = world_of()
    name = first(world).name
    world.end_all()
    settle(world)
    assert world.plan().wake_at == world.now + SIDECAR_GRACE
    world.pass_time(SIDECAR_GRACE.total_seconds() - 1)
    assert world.plan().is_empty
    world.pass_time(1)
    decided = world.step()
    assert [ref.name for ref in decided.delete] == [name]
    (notice,) = decided.notices
    assert notice.reason is Reason.SIDECAR_GOES_ON
    assert "container proxy goes on" in notice.message
    assert "The Job is deleted, logs included." in notice.message
    assert len(world.step().create) == 1


def test_a_sidecar_that_fails_afterwards_runs_nothing_again_and_the_jobs_logs_are_kept() -> None:
    world = world_of(values=1)
    name = first(world).name
    world.end_all()
    world.end_sidecars(exit_code=1)
    decided = world.step()
    assert [(ref.name, pods) for ref, pods in decided.scale] == [(name, 0)], "its Job controller would try again"
    settle(world)
    world.start_pods()
    assert set(world.trained.values()) == {1}
    assert [run.name for run in world.runs.values()] == [name], "kept as retention says"
    progress = world.plan().progress
    assert progress is not None
    assert len(world.records) == 1


def test_a_kept_job_goes_when_retention_says_so_although_it_never_completes() -> None:
    world = world_of(values=1, retention={"succeededJobs": 0})
    world.end_all()
    world.end_sidecars(exit_code=1)
    settle(world)
    assert not world.runs


def test_a_pod_that_trains_again_what_is_stored_is_stopped_at_once() -> None:
    world = world_of(values=1)
    world.end_all()
    world.step()
    world.change_pod(first(world).name, first(world).pods[0].name, others=(), phase=PodPhase.FAILED)
    world.add_pod(first(world).name)
    decided = world.plan()
    assert decided.delete or decided.rests


def test_a_failure_beside_a_sidecar_is_counted_and_tried_again() -> None:
    """The Job controller counts a pod when it has ended, and this one does not end by itself."""
    world = world_of(values=1)
    world.end_all(exit_code=1)
    assert world.plan().is_empty
    world.pass_time(SIDECAR_GRACE.total_seconds())
    decided = world.step()
    assert decided.rests
    assert "The pod is stopped." in decided.notices[0].message
    (ref, pods) = world.step().scale[0]
    assert (ref.name, pods) == (first(world).name, 1)
    world.start_pods()
    world.end_all()
    settle(world)
    assert len(world.records) == 1


def test_a_next_index_does_not_wait_for_the_sidecar_of_the_last_one() -> None:
    world = world_of(values=1, replicates=2, replicatesPerPod=1)
    world.end_all()
    settle(world)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    settle(world)
    again = world.created[-1]
    assert (again.first_replicate, again.replicates) == (1, 1)
    world.start_pods()
    world.end_all()
    settle(world)
    assert len(world.records) == 2
    assert set(world.trained.values()) == {1}


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_the_grace_begins_when_the_end_is_seen_whatever_the_nodes_clock_says(ahead: timedelta) -> None:
    world = world_of(values=1)
    world.end_all()
    pod = first(world).pods[0]
    world.change_pod(first(world).name, pod.name, ended_at=world.now + ahead, end_seen_at=world.now)
    settle(world)
    assert world.plan().wake_at == world.now + SIDECAR_GRACE


def test_a_pod_whose_job_is_gone_takes_its_slot_until_it_has_ended() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    assert plan(world.sweep, replace(world.observe(), orphaned_pods=1), world.now).create == ()
    assert len(plan(world.sweep, world.observe(), world.now).create) == 1
