"""What `plan` does about data that change: results of different data are never ranked together, and the sweep says so."""

from __future__ import annotations

import json
from collections.abc import Mapping

from regsweep.api.conditions import Reason
from regsweep.core.results.records import Outcome
from support.training import message_of

from .simulation import World, sweep_of

OLD, NEW = "1f0c000000000000", "9a3e000000000000"


def _end(world: World, digests: Mapping[int, str]) -> None:
    """The pods in flight of the combinations end, each having read the data of this digest."""
    for request in world.created:
        digest = digests.get(request.point.combination.index)
        for pod in world.runs[request.name].pods if request.name in world.runs else ():
            if digest is not None and not pod.ended:
                replicates = list(world.runs[request.name].replicates_of(pod.index))
                world.end_pod(request.name, pod.name, message=message_of(replicates, dataDigest=digest))


def test_the_first_result_pins_the_data_for_all_later_runs() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=1))
    assert [request.data_digest for request in world.step().create] == [""]
    world.start_pods()
    _end(world, {0: OLD})
    assert [request.data_digest for request in world.step().create] == [OLD]


def test_first_runs_that_read_different_data_are_not_ranked_together_and_stop_the_sweep() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=3))
    world.step()
    world.start_pods()
    _end(world, {0: OLD, 1: NEW, 2: OLD})
    plan = world.step()
    outcomes = [(record.outcome, record.reason) for record in plan.store]
    assert outcomes == [(Outcome.OK, None), (Outcome.FAILED, Reason.DATA_CHANGED), (Outcome.OK, None)]
    assert plan.create == ()
    assert plan.stop is not None
    assert plan.stop.reason is Reason.DATA_CHANGED
    assert "(1f0c -> 9a3e): 2 of 4 runs rest on the old data" in plan.stop.message
    assert "spec.trainer.dataRevision" in plan.stop.message
    assert world.plan().stop == plan.stop, "the same of what is stored"


def test_a_run_that_refuses_changed_data_stops_the_sweep_and_restored_data_let_it_go_on() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    world.step()
    world.start_pods()
    _end(world, {0: OLD})
    (second,) = world.step().create
    world.start_pods()
    refusal = {"version": 1, "dataDigest": NEW, "error": {"reason": "DataChanged", "message": "the data have changed"}}
    world.end_pod(second.name, world.runs[second.name].pods[0].name, exit_code=64, message=json.dumps(refusal))
    stop = world.step().stop
    assert stop is not None
    assert "(1f0c -> 9a3e): 1 of 2 runs rest on the old data" in stop.message
    assert world.records.of(second.point.key)[0].message == "the data have changed"

    world.sweep = sweep_of({"l2": [0, 0.1]}, parallelism=1, retry=1)
    plan = world.step()
    assert plan.stop is None
    (again,) = plan.create
    assert (again.point.key, again.data_digest) == (second.point.key, OLD)


def test_a_new_data_revision_trains_all_anew_and_old_runs_that_still_train_do_not_count() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=2))
    world.step()
    world.start_pods()
    _end(world, {0: OLD})
    world.step()
    world.sweep = sweep_of({"l2": [0, 0.1]}, parallelism=9, trainer={"data_revision": "2"})
    assert [request.data_digest for request in world.step().create] == ["", ""]
    world.start_pods()
    old_run = world.created[1].name
    world.end_pod(old_run, world.runs[old_run].pods[0].name, message=message_of([0], dataDigest=OLD))
    for request in world.created[2:]:
        world.end_pod(request.name, world.runs[request.name].pods[0].name, message=message_of([0], dataDigest=NEW))
    plan = world.step()
    assert plan.stop is None
    assert {record.outcome for record in plan.store} == {Outcome.OK}


def test_stored_results_of_two_states_of_the_data_stop_a_sweep_that_comes_to_want_both() -> None:
    world = World(sweep_of({"l2": [0]}))
    for values, digest in (([0], OLD), ([0.1], NEW)):
        world.sweep = sweep_of({"l2": values})
        world.step()
        world.start_pods()
        _end(world, {0: digest})
        world.settle()
    world.sweep = sweep_of({"l2": [0, 0.1]})
    stop = world.plan().stop
    assert stop is not None
    assert "(1f0c -> 9a3e): 1 of 2 runs rest on the old data" in stop.message
