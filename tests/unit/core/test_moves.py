"""Whose fault it is: what a node did to a run is not the run's, and what a run has brought home is not trained again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.api.status import SweepStatus
from regsweep.core.moves import DEVICELESS_AFTER, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, MAX_MOVES, delay_of
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import MAX_AVOIDED, PodPhase
from regsweep.core.status import sweep_status

from .simulation import World, only, sample_of, sweep_of, world_of

REJECTED = "UnexpectedAdmissionError"


def rejected(world: World, reason: str = REJECTED, brought: int = 0, **fields: Any) -> None:
    """The node ends every pod in flight."""
    for run in list(world.runs.values()):
        for pod in run.pods:
            if pod.in_flight:
                world.lose_pod(run.name, pod.name, reason, brought, **fields)


def test_a_run_that_its_node_ended_is_made_again_elsewhere_and_not_charged() -> None:
    world = world_of()
    (first,) = world.created
    rejected(world, status_message="Allocate failed due to no devices, which is unexpected.")
    decided = world.step()
    assert [(ref.name, pods) for ref, pods in decided.scale] == [(first.name, 0)], "the Job starts no other pod"
    assert decided.notices[0].reason is Reason.RUN_MOVED
    assert "Node n1 ended run" in decided.notices[0].message
    assert (
        "UnexpectedAdmissionError: Allocate failed due to no devices, which is unexpected" in decided.notices[0].message
    )
    assert "after 10 s (1 of at most 5 times)" in decided.notices[0].message
    waits = world.step()
    assert (waits.create, waits.store) == ((), ())
    assert waits.wake_at == world.now + timedelta(seconds=FIRST_DELAY_SECONDS)
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    assert (again.moved, again.avoids, again.attempt) == (1, ("n1",), 0)
    assert [ref.name for ref in world.step().delete] == [first.name], "only once the next one is there"
    world.start_pods()
    world.end_all()
    world.step()
    assert len(world.records) == 1
    assert world.plan().stop is None


def test_a_run_that_is_deleted_for_the_next_one_is_not_suspended_as_well() -> None:
    world = world_of()
    (first,) = world.created
    rejected(world)
    world.step()
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    world.sweep = sweep_of({"l2": [0]}, parallelism=2, suspend=True)
    decided = world.plan()
    assert [ref.name for ref in decided.delete] == [first.name]
    assert [ref.name for ref in decided.suspend] == [again.name]


def test_a_run_that_waits_to_be_made_again_takes_no_slot() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    world.step()
    world.start_pods()
    rejected(world)
    world.step()
    assert len(world.step().create) == 1, "the other combination"


def test_a_run_that_waits_to_be_made_again_is_counted_as_pending() -> None:
    world = world_of()
    rejected(world)
    world.step()
    status = sweep_status(world.sweep, world.observe(), world.plan(), (), SweepStatus(), world.now)
    assert (status.runs.pending, status.runs.running) == (1, 0)
    assert [condition.reason for condition in status.conditions if condition.type == "Progressing"] == ["NodeFailed"]


def test_after_five_moves_the_run_fails_and_says_so() -> None:
    world = world_of()
    for moves in range(MAX_MOVES):
        assert only(world).moved == moves
        rejected(world)
        world.make_again(moves)
    rejected(world)
    world.step()
    (record,) = world.step().store
    assert record.reason is Reason.NODE_FAILED
    assert "It was made again 5 times before." in record.message


def test_moves_are_ten_seconds_to_six_minutes_apart() -> None:
    delays = [delay_of(moved).total_seconds() for moved in range(MAX_MOVES + 3)]
    assert delays[0] == FIRST_DELAY_SECONDS
    assert delays[MAX_MOVES - 1 :] == [LONGEST_DELAY_SECONDS] * 4
    assert delays == sorted(delays)


def test_at_most_ten_nodes_are_avoided_the_latest() -> None:
    world = world_of()
    (name,) = world.runs
    world.runs[name] = replace(world.runs[name], avoids=tuple(f"old-{n}" for n in range(MAX_AVOIDED)))
    rejected(world)
    world.step()
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    assert again.avoids == (*(f"old-{n}" for n in range(1, MAX_AVOIDED)), "n1")


@pytest.mark.parametrize(
    ("fields", "moves"),
    [
        pytest.param({"reason": "UnexpectedAdmissionError"}, True, id="a device that is not there"),
        pytest.param({"reason": "OutOfnvidia.com/gpu"}, True, id="no room after all"),
        pytest.param({"reason": "TopologyAffinityError"}, True, id="no CPUs beside the device"),
        pytest.param({"reason": "NodeAffinity"}, True, id="labels that changed"),
        pytest.param({"reason": "NodeShutdown"}, True, id="refused in a shutdown"),
        pytest.param({"reason": "ContainerStatusUnknown", "exit_code": 137}, True, id="a kubelet that lost track"),
        pytest.param(
            {"reason": "SMTAlignmentError", "status_message": "Pod was rejected: SMT Alignment Error"},
            True,
            id="refused for whatever reason",
        ),
        pytest.param(
            {"reason": "Evicted", "status_message": 'Usage of EmptyDir volume "out" exceeds the limit "1Gi". '},
            False,
            id="a volume's limit",
        ),
        pytest.param(
            {"reason": "Evicted", "status_message": "Pod ephemeral local storage usage exceeds the total limit of 1Gi"},
            False,
            id="the pod's own storage",
        ),
        pytest.param(
            {"reason": "Evicted", "status_message": "Pod was rejected: The node had condition: [DiskPressure]. "},
            True,
            id="refused for want of disk",
        ),
        pytest.param({"reason": "Unknown", "exit_code": 255}, True, id="a runtime that lost the container"),
        pytest.param({"reason": "Evicted", "disrupted": True, "exit_code": 143}, True, id="evicted for want of memory"),
        pytest.param({"reason": "NodeLost"}, True, id="a node that was lost"),
        pytest.param({"reason": "OOMKilled", "exit_code": 137}, True, id="the node's memory, without a limit"),
        pytest.param(
            {"reason": "StartError", "exit_code": 128, "message": "nvidia-container-cli: driver not loaded"},
            True,
            id="a driver that is not loaded",
        ),
        pytest.param({"reason": "OOMKilled", "exit_code": 137, "memory_limit": "2Gi"}, False, id="its own limit"),
        pytest.param({"reason": "Error", "exit_code": 1}, False, id="a crash"),
        pytest.param({"reason": "Error", "exit_code": 137}, False, id="killed, nobody says why"),
        pytest.param(
            {"reason": "StartError", "exit_code": 128, "message": "exec: train: not found"}, False, id="no such command"
        ),
        pytest.param(
            {"reason": "PreemptionByScheduler", "disrupted": True, "exit_code": 143}, False, id="its Job replaces it"
        ),
        pytest.param({"reason": "EvictionByEvictionAPI", "disrupted": True}, False, id="a drain"),
        pytest.param({"reason": "Terminated", "disrupted": True}, False, id="an orderly shutdown"),
        pytest.param({"reason": "PreemptionByScheduler"}, True, id="of a version that does not mark disruptions"),
        pytest.param({"reason": "Evicted", "exit_code": 65}, False, id="it had given up"),
    ],
)
def test_what_is_the_nodes_fault(fields: dict[str, Any], moves: bool) -> None:
    world = world_of()
    rejected(world, **fields)
    assert bool(world.plan().scale) == moves


def test_a_job_whose_retries_a_node_used_up_is_made_again_too() -> None:
    """The operator was away meanwhile, or a queue's Job is not put at rest."""
    world = world_of()
    rejected(world)
    world.fail_job(only(world).name, "FailedIndexes")
    world.pass_time(FIRST_DELAY_SECONDS)
    decided = world.step()
    assert (decided.store, [request.avoids for request in decided.create]) == ((), [("n1",)])


def test_a_queues_job_is_not_put_at_rest() -> None:
    world = world_of()
    world.runs[only(world).name] = replace(only(world), queue_managed=True)
    rejected(world)
    assert world.plan().is_empty


def test_the_indexes_beside_go_on_and_the_nodes_one_is_left_to_its_job() -> None:
    world = world_of(replicates=2, replicatesPerPod=1)
    first, _ = only(world).pods
    world.lose_pod(only(world).name, first.name, REJECTED)
    assert world.plan().is_empty, "a pod of another index trains"


def test_indexes_that_had_not_begun_move_along() -> None:
    world = World(sweep_of({"l2": [0]}, replicates=3, replicatesPerPod=1, parallelism=1))
    world.step()
    world.start_pods()
    rejected(world)
    world.step()
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    assert (again.first_replicate, again.replicates, again.moved) == (0, 3, 1)


@pytest.mark.parametrize(
    ("message", "given_up"),
    [
        pytest.param(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", True, id="no other"
        ),
        pytest.param("0/2 nodes are available: 1 didn't match, 1 Insufficient nvidia.com/gpu.", False, id="a full one"),
    ],
)
def test_where_there_is_no_other_node_the_run_goes_anywhere_after_a_minute(message: str, given_up: bool) -> None:
    world = world_of()
    rejected(world)
    world.step()
    world.pass_time(FIRST_DELAY_SECONDS)
    world.step()
    world.step()
    waiting: dict[str, Any] = {"phase": PodPhase.PENDING, "waiting_reason": "Unschedulable", "waiting_message": message}
    world.add_pod(only(world).name, **waiting)
    assert world.plan().is_empty
    world.pass_time(60)
    world.step()
    created = world.step().create
    assert [request.avoids for request in created] == ([()] if given_up else [])


def wait_for_device(world: World, words: str) -> None:
    (pod,) = only(world).pods
    waiting = {"waiting_reason": "CreateContainerError", "waiting_message": words}
    world.change_pod(only(world).name, pod.name, phase=PodPhase.PENDING, node="n1", **waiting)


def test_a_pod_whose_node_cannot_give_it_its_device_goes_on_elsewhere_after_a_minute() -> None:
    world = world_of()
    wait_for_device(world, "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=0")
    decided = world.plan()
    assert decided.is_empty, "a driver may be started late"
    assert decided.wake_at == world.now + DEVICELESS_AFTER
    world.pass_time(60)
    decided = world.step()
    assert [pods for _, pods in decided.scale] == [0]
    assert "CDI device injection failed" in decided.notices[0].message
    world.pass_time(FIRST_DELAY_SECONDS)
    decided = world.step()
    assert [(request.moved, request.avoids) for request in decided.create] == [(1, ("n1",))]
    assert decided.store == ()


def test_what_a_template_asks_for_in_vain_moves_nothing() -> None:
    world = world_of()
    wait_for_device(world, "invalid mount config")
    world.pass_time(60)
    assert world.plan().is_empty


# Spot: only what is missing


def missing_after(world: World) -> list[tuple[int, int]]:
    """First replicate and number of replicates of the runs that come next."""
    for _ in range(3):
        created = world.step().create
        if created:
            return [(request.first_replicate, request.replicates) for request in created]
    return []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            {"reason": "Terminated", "disrupted": True, "exit_code": 143}, id="a spot node that is taken away"
        ),
        pytest.param({"reason": "PreemptionByScheduler", "disrupted": True, "exit_code": 143}, id="preempted"),
        pytest.param({"reason": "Error", "exit_code": 1}, id="a crash"),
        pytest.param({"reason": "DeletionByTaintManager", "disrupted": True, "gone": True}, id="the pod is gone"),
    ],
)
def test_after_an_eviction_only_the_missing_replicates_are_trained(fields: dict[str, Any]) -> None:
    world = world_of(replicates=5)
    rejected(world, brought=4, **fields)
    assert missing_after(world) == [(4, 1)]
    assert [ref.name for ref in world.step().delete] == [world.created[0].name]
    world.start_pods()
    world.end_all()
    world.step()
    assert len(world.records) == 5
    assert set(world.trained.values()) == {1}


def test_a_pod_that_began_anew_meanwhile_is_not_waited_for() -> None:
    world = world_of(replicates=5)
    rejected(world, "Terminated", brought=4, disrupted=True, exit_code=143)
    world.start_pods()
    decided = world.step()
    assert [pods for _, pods in decided.scale] == [0]
    assert missing_after(world) == [(4, 1)]


def test_while_a_pod_still_runs_nothing_of_its_run_is_given_to_another() -> None:
    world = world_of(replicates=5)
    rejected(world, "Terminated", brought=4, disrupted=True, exit_code=143)
    world.step()
    name = only(world).name
    world.add_pod(name)
    assert world.plan().create == ()
    assert only(world).slots == 1, "and it takes its slot"


def test_a_node_that_ends_a_run_for_the_missing_replicates_is_avoided_too() -> None:
    world = world_of(replicates=5)
    rejected(world, "Evicted", brought=4, disrupted=True, exit_code=143)
    world.step()
    world.step()
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    assert (again.first_replicate, again.moved, again.avoids) == (4, 1, ("n1",))


def test_what_prometheus_has_of_a_node_that_vanished_is_not_trained_again() -> None:
    world = world_of(replicates=3)
    (pod,) = only(world).pods
    world.scrapes = Scrapes(MetricsState.ANSWERED, {(pod.name, k): sample_of(0.5) for k in (0, 1)})
    world.change_pod(only(world).name, pod.name, gone=True)
    world.step()
    world.pass_time(30)
    assert missing_after(world) == [(2, 1)]
    assert sorted(k for _, k in (record.key for record in world.records.latest_first())) == [0, 1]
