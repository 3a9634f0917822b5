"""What a user may rely on in `plan`: nothing runs twice, nothing is lost, parallelism holds, and it comes to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.plan import nobody_scrapes
from regsweep.core.results.records import Outcome, Record, Records, Source
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import PodPhase
from regsweep.core.standings import PointState

from .simulation import World, sweep_of

PROMETHEUS = Scrapes(state=MetricsState.ANSWERED)


def test_a_sweep_runs_to_its_end_one_job_per_combination() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, replicates=3, parallelism=2))
    while not world.step().is_empty or world.pods_in_flight():
        world.start_pods()
        assert world.pods_in_flight() <= 2
        world.end_all()
        world.job_controller_catches_up()
    assert [request.point.combination.flags["l2"] for request in world.created] == [0, 0.1, 0.2]
    assert len(world.records) == 9
    assert set(world.trained.values()) == {1}


def test_a_slot_is_free_when_the_pod_has_ended_and_not_when_the_job_controller_says_so() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    world.step()
    world.start_pods()
    world.end_all()
    assert [r.point.combination.flags["l2"] for r in world.plan().create] == [0.1]


def test_an_index_in_back_off_keeps_its_slot() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    world.step()
    world.start_pods()
    world.end_all(exit_code=1)
    assert world.plan().is_empty


@pytest.mark.parametrize(
    ("growth", "expected"),
    [
        pytest.param({"replicates": 3}, [(0, 1, 2), (0.1, 1, 2)], id="more replicates train only what is new"),
        pytest.param(
            {"flags": {"l2": [0, 0.05, 0.1]}}, [(0.05, 0, 1)], id="a new value trains only its own combination"
        ),
        pytest.param({"flags": {"l2": [0.1, 0.0]}}, [], id="another order and spelling of values trains nothing"),
    ],
)
def test_a_sweep_that_grows_keeps_its_finished_points(growth: dict[str, Any], expected: list[Any]) -> None:
    world = _finished(World(sweep_of({"l2": [0, 0.1]}, parallelism=9)))
    flags = growth.pop("flags", {"l2": [0, 0.1]})
    world.sweep = sweep_of(flags, parallelism=9, **growth)
    wanted = [(r.point.combination.flags["l2"], r.first_replicate, r.replicates) for r in world.plan().create]
    assert wanted == expected


def test_replicates_are_cut_into_pods_and_free_slots_widen_a_job_when_no_combination_waits() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=5, replicates_per_pod=2, parallelism=4))
    created = world.step().create
    assert [(r.replicates, r.replicates_per_pod, r.parallelism) for r in created] == [(5, 2, 3), (5, 2, 1)]
    world.start_pods()
    assert world.pods_in_flight() == 4
    for pod in world.runs[created[0].name].pods:
        world.end_pod(created[0].name, pod.name)
    assert [(ref.name, parallelism) for ref, parallelism in world.plan().scale] == [(created[1].name, 3)]


def test_lower_parallelism_lets_runs_end_and_starts_none() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=2))
    world.step()
    world.start_pods()
    world.sweep = sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=0)
    assert world.plan().is_empty
    world.end_all()
    world.step()
    assert len(world.records) == 2
    assert world.plan().create == ()


def test_suspend_pauses_what_runs_and_resume_comes_before_new_runs() -> None:
    flags = {"l2": [0, 0.1, 0.2]}
    world = World(sweep_of(flags, parallelism=2))
    world.step()
    world.start_pods()
    world.sweep = sweep_of(flags, parallelism=2, suspend=True)
    assert len(world.step().suspend) == 2
    assert world.plan().is_empty
    world.sweep = sweep_of(flags, parallelism=2)
    decided = world.step()
    assert (len(decided.resume), len(decided.create)) == (2, 0)
    assert world.plan().is_empty


def test_a_resumed_run_takes_no_more_slots_than_it_has_indexes_left() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, replicatesPerPod=1, parallelism=2))
    nearly, other = (request.name for request in world.step().create)
    for name in (nearly, other):
        world.runs[name] = replace(world.runs[name], suspended=True, paused=True)
    world.runs[nearly] = replace(world.runs[nearly], parallelism=2, succeeded_indexes=frozenset({0, 1}))
    assert {ref.name for ref in world.plan().resume} == {nearly, other}


def test_a_resumed_run_takes_no_second_slot_for_a_pod_that_still_holds_one() -> None:
    flags = {"l2": [0, 0.1, 0.2]}
    world = World(sweep_of(flags, parallelism=1))
    (first,) = world.step().create
    world.add_pod(first.name, phase=PodPhase.FAILED, reason="Preempted", others=("proxy",))
    world.sweep = sweep_of(flags, parallelism=2, suspend=True)
    world.step()
    world.sweep = sweep_of(flags, parallelism=2)
    decided = world.step()
    assert ([ref.name for ref in decided.resume], len(decided.create)) == ([first.name], 1)
    assert world.plan().is_empty


def test_a_combination_is_done_when_its_last_replicate_is_and_not_before() -> None:
    world = World(sweep_of({"l2": [0]}, replicates=2, replicatesPerPod=1, parallelism=2))
    (request,) = world.step().create
    first, second = (world.add_pod(request.name, index).name for index in (0, 1))
    for pod, state in ((first, PointState.OPEN), (second, PointState.SUCCEEDED)):
        world.end_pod(request.name, pod)
        world.step()
        progress = world.plan().progress
        assert progress is not None
        assert progress.states == (state,)


def test_while_paused_a_queues_run_that_has_a_pod_is_left_to_end() -> None:
    flags = {"l2": [0, 0.1]}
    world = World(sweep_of(flags, parallelism=2))
    admitted, waits = (request.name for request in world.step().create)
    world.add_pod(admitted, gone=True)
    for name in (admitted, waits):
        world.runs[name] = replace(world.runs[name], suspended=True, queue_managed=True)
    world.sweep = sweep_of(flags, parallelism=2, suspend=True)
    assert [ref.name for ref in world.plan().delete] == [waits]


def test_a_run_that_is_being_deleted_is_neither_suspended_nor_resumed() -> None:
    flags = {"l2": [0, 0.1]}
    world = World(sweep_of(flags, parallelism=2))
    leaving, stays = (request.name for request in world.step().create)
    world.start_pods()
    world.runs[leaving] = replace(world.runs[leaving], deleting=True)
    world.sweep = sweep_of(flags, parallelism=2, suspend=True)
    assert [ref.name for ref in world.step().suspend] == [stays]
    world.runs[leaving] = replace(world.runs[leaving], suspended=True)
    world.sweep = sweep_of(flags, parallelism=2)
    assert [ref.name for ref in world.plan().resume] == [stays]


def test_values_come_from_prometheus_and_the_record_stands_in_after_the_timeout() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}), scrapes=PROMETHEUS)
    first, second = world.step().create
    world.start_pods()
    world.end_pod(first.name, world.runs[first.name].pods[0].name)
    world.end_pod(second.name, world.runs[second.name].pods[0].name, scraped=False)
    decided = world.step()
    assert [(r.run, r.source) for r in decided.store] == [(first.name, Source.PROMETHEUS)]
    assert decided.awaiting == (second.name,)
    assert decided.wake_at == world.now + timedelta(seconds=30)
    world.pass_time(30)
    assert [(r.run, r.source) for r in world.step().store] == [(second.name, Source.RECORD)]


def test_waiting_for_prometheus_holds_no_slot() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1), scrapes=PROMETHEUS)
    world.step()
    world.start_pods()
    world.end_all(scraped=False)
    decided = world.plan()
    assert decided.awaiting
    assert len(decided.create) == 1


def test_a_job_is_deleted_only_when_its_records_are_stored_and_retention_allows() -> None:
    world = World(sweep_of({"l2": [0]}, retention={"succeededJobs": 0}))
    world.step()
    world.start_pods()
    world.end_all()
    world.job_controller_catches_up()
    decided = world.plan()
    assert decided.store
    assert decided.delete == ()
    world.carry_out(decided)
    assert len(world.plan().delete) == 1


def test_retention_keeps_the_latest() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=1, retention={"succeededJobs": 2}))
    while not world.step().is_empty or world.pods_in_flight():
        world.start_pods()
        world.pass_time(10)
        world.end_all()
        world.job_controller_catches_up()
    assert set(world.runs) == {request.name for request in world.created[1:]}


@pytest.mark.parametrize(
    ("exit_code", "message", "reason"),
    [
        pytest.param(
            64, '{"version":1,"error":{"reason":"InvalidFlags","message":"drpout"}}', Reason.INVALID_FLAGS, id="64"
        ),
        pytest.param(65, "", Reason.INDEX_FINAL, id="65"),
        pytest.param(0, "not a record", Reason.INVALID_RECORD, id="a message that is garbage"),
        pytest.param(0, "", Reason.NO_RECORD, id="no message at all"),
    ],
)
def test_what_no_other_pod_would_mend_fails_at_once(exit_code: int, message: str, reason: Reason) -> None:
    world = World(sweep_of({"l2": [0]}))
    world.step()
    world.start_pods()
    world.end_all(exit_code=exit_code, message=message)
    (record,) = world.step().store
    assert (record.outcome, record.reason) == (Outcome.FAILED, reason)
    assert world.plan().create == ()


def test_an_image_that_cannot_be_pulled_fails_the_run_after_five_minutes_and_frees_its_slot() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, parallelism=1))
    (request,) = world.step().create
    world.add_pod(
        request.name,
        phase=PodPhase.PENDING,
        waiting_reason="ImagePullBackOff",
        waiting_message="no such image",
        started_at=None,
    )
    assert world.plan().wake_at == world.now + timedelta(minutes=5)
    world.pass_time(301)
    assert [record.reason for record in world.step().store] == [Reason.IMAGE_UNAVAILABLE]
    assert [ref.name for ref in world.step().delete] == [request.name]
    assert len(world.plan().create) == 1


def test_lingering_stops_when_nobody_scrapes_and_one_run_in_twenty_probes() -> None:
    world = World(sweep_of({"l2": list(range(60))}, parallelism=5), scrapes=PROMETHEUS)
    assert {request.linger_seconds for request in world.step().create} == {30}
    world.start_pods()
    world.end_all(scraped=False)
    world.pass_time(30)
    world.sweep = sweep_of({"l2": list(range(60))}, parallelism=55)
    lingering = [r.point.combination.index for r in world.step().create if r.linger_seconds]
    assert lingering == [20, 40]


def test_prometheus_values_among_the_last_five_are_scraping() -> None:
    def record(n: int, source: Source) -> Record:
        return Record(f"p{n}", 0, Outcome.OK, run=f"r{n}", source=source)

    assert nobody_scrapes(Records(record(n, Source.RECORD) for n in range(5)))
    assert not nobody_scrapes(Records(record(n, Source.RECORD) for n in range(4)))
    assert not nobody_scrapes(Records(record(n, Source.PROMETHEUS if n == 3 else Source.RECORD) for n in range(8)))


def _finished(world: World) -> World:
    while not world.step().is_empty or world.pods_in_flight():
        world.start_pods()
        world.end_all()
        world.job_controller_catches_up()
    return world
