"""Pods that go on when training has ended: a mesh's proxy, a shipper of logs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.moves import MAX_MOVES, SIDECAR_GRACE
from regsweep.core.plan import plan
from regsweep.core.runs import ObservedRun, PodPhase

from .simulation import World, sweep_of


def world_of(values: int = 2, *, queue: bool = False, **spec: Any) -> World:
    """A sweep at parallelism 1 whose pods have a proxy; the first pod trains. queue: Kueue has admitted its Job."""
    world = World(sweep_of({"l2": list(range(values))}, **{"parallelism": 1, **spec}), sidecar=True, queue=queue)
    world.step()
    go_on(world)
    return world


def go_on(world: World) -> None:
    """Kueue admits whatever waits, and pods start."""
    for run in list(world.runs.values()):
        if run.held and world.workloads[run.uid].active:
            world.kueue_admits(run.name)
    world.start_pods()


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


@pytest.mark.parametrize("queue", [False, True])
def test_a_sidecar_that_fails_afterwards_runs_nothing_again_and_the_jobs_logs_are_kept(queue: bool) -> None:
    world = world_of(values=1, queue=queue)
    name = first(world).name
    world.end_all()
    world.end_sidecars(exit_code=1)
    decided = world.step()
    assert [(ref.name, pods) for ref, pods in decided.scale] == [(name, 0)], "its Job controller would try again"
    settle(world)
    go_on(world)
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


@pytest.mark.parametrize("queue", [False, True])
def test_a_failure_beside_a_sidecar_that_goes_on_is_tried_again_in_another_job(queue: bool) -> None:
    """The Job controller waits for the pod to end, and does not count one that it stops itself."""
    world = world_of(values=1, queue=queue)
    world.end_all(exit_code=1)
    assert world.plan().is_empty
    world.pass_time(SIDECAR_GRACE.total_seconds())
    decided = world.step()
    assert decided.rests
    stopped, moved = sorted(notice.message for notice in decided.notices if notice.warning)
    assert "made again after 10 s (1 of at most 5 times)" in stopped + moved
    assert "The pod is stopped." in stopped + moved
    world.make_again(0)
    go_on(world)
    assert [run.moved for run in world.runs.values()] == [1]
    world.end_all()
    settle(world)
    assert len(world.records) == 1


@pytest.mark.parametrize("queue", [False, True])
def test_failures_beside_a_sidecar_that_goes_on_fail_the_run_in_the_end(queue: bool) -> None:
    world = world_of(values=1, queue=queue, maxFailedRuns="100%")
    for moves in range(MAX_MOVES + 1):
        world.end_all(exit_code=1)
        world.pass_time(SIDECAR_GRACE.total_seconds())
        world.make_again(moves)
        go_on(world)
    settle(world)
    (record,) = world.records.latest_first()
    assert record.reason is Reason.TRAINER_FAILED
    assert "It was made again 5 times before." in record.message
    assert len(world.created) == MAX_MOVES + 1
    assert world.pods_that_hold_a_gpu() == 0


@pytest.mark.parametrize("queue", [False, True])
def test_a_job_at_rest_that_has_nothing_to_be_moved_goes_on(queue: bool) -> None:
    """An operator that starts anew may find no pod of it any more."""
    world = world_of(values=1, queue=queue)
    world.end_all(exit_code=1)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    world.step()
    name = first(world).name
    world.runs[name] = replace(world.runs[name], pods=())
    assert [(ref.name, pods) for ref, pods in world.step().scale] == [(name, 1)]


@pytest.mark.parametrize("queue", [False, True])
def test_a_next_index_does_not_wait_for_the_sidecar_of_the_last_one(queue: bool) -> None:
    world = world_of(values=1, replicates=2, replicatesPerPod=1, queue=queue)
    world.end_all()
    settle(world)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    settle(world)
    again = world.created[-1]
    assert (again.first_replicate, again.replicates) == (1, 1)
    go_on(world)
    world.end_all()
    settle(world)
    assert len(world.records) == 2
    assert set(world.trained.values()) == {1}


def test_a_job_in_a_queue_is_not_touched_while_another_index_trains_or_fails_beside_no_sidecar() -> None:
    """Its place in the queue would be lost for it."""
    world = world_of(values=1, replicates=2, replicatesPerPod=1, parallelism=2, queue=True)
    first_pod, _ = first(world).pods
    world.end_pod(first(world).name, first_pod.name)
    settle(world)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    settle(world)
    assert not world.plan().scale
    assert len(world.created) == 1


@pytest.mark.parametrize("by", ["a pause", "Kueue"])
def test_a_job_that_a_queue_has_stopped_or_is_about_to_stop_is_left_to_it(by: str) -> None:
    """Kueue would make another Workload of it, and that one is not deactivated."""
    world = world_of(values=1, replicates=2, replicatesPerPod=1, queue=True)
    world.end_all()
    settle(world)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    if by == "a pause":
        world.sweep = sweep_of({"l2": [0]}, parallelism=1, replicates=2, replicatesPerPod=1, suspend=True)
        decided = world.step()
        assert len(decided.deactivate) == 1
        assert not decided.scale
        assert not world.plan().scale
        world.kueue_catches_up()
    else:
        world.kueue_evicts(first(world).name)
    assert not world.plan().scale


def test_a_pause_that_cannot_stop_a_job_in_a_queue_frees_the_gpu_that_only_a_sidecar_holds() -> None:
    world = world_of(values=1, replicates=2, replicatesPerPod=1, queue=True)
    world.readable = False
    world.end_all()
    settle(world)
    world.sweep = sweep_of({"l2": [0]}, parallelism=1, replicates=2, replicatesPerPod=1, suspend=True)
    world.pass_time(SIDECAR_GRACE.total_seconds())
    assert world.step().rests
    assert world.pods_that_hold_a_gpu() == 0


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
