"""What `plan` trains once more: what was lost with its pod, and what a person asks for; the two stay distinguishable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.results.records import Outcome
from regsweep.core.sweep import Sweep, points_of

from .simulation import World, sweep_of


def _of_version(key_version: int | None, sweep: Sweep) -> Sweep:
    resolved = sweep.resolved.model_copy(update={"key_version": key_version})
    return replace(sweep, resolved=resolved, points=points_of(sweep.spec, resolved))


@pytest.mark.parametrize(
    ("key_version", "retry", "attempt"),
    [
        pytest.param(2, 0, 0, id="a new sweep"),
        pytest.param(2, 1, 1, id="a new sweep that a person has retried"),
        pytest.param(None, 0, 0, id="a sweep of the first key version"),
        pytest.param(None, 1, 2, id="a sweep of the first key version that a person has retried"),
    ],
)
def test_a_record_lost_with_its_pod_is_trained_once_more_and_only_once(
    key_version: int | None, retry: int, attempt: int
) -> None:
    world = World(_of_version(key_version, sweep_of({"l2": [0]}, retry=retry)))
    for lost in (0, 1):
        plan = world.step()
        (request,) = plan.create
        assert (request.attempt, request.lost) == (attempt, lost)
        assert [(notice.reason, notice.warning) for notice in plan.notices] == [(Reason.RUN_AGAIN, True)] * lost
        run = world.runs[request.name]
        world.runs[request.name] = replace(run, succeeded=True, ended_at=world.now)
    (record,) = world.step().store
    assert record.reason is Reason.NO_RECORD
    assert world.plan().create == ()
    world.sweep = _of_version(key_version, sweep_of({"l2": [0]}, retry=retry + 1))
    (request,) = world.plan().create
    assert request.lost == 0, "a person's retry is no lost record"
    assert request.attempt > attempt


def test_the_second_try_of_an_older_operator_is_not_tried_a_third_time() -> None:
    world = World(_of_version(None, sweep_of({"l2": [0]})))
    (request,) = world.step().create
    old = replace(world.runs.pop(request.name), name="demo-old", attempt=1, lost=1, rule=None)
    world.runs["demo-old"] = replace(old, succeeded=True, ended_at=world.now)
    (record,) = world.step().store
    assert (record.reason, record.attempt) == (Reason.NO_RECORD, 1)
    assert world.plan().create == ()


def test_a_retry_during_a_second_try_is_the_later_one() -> None:
    world = World(sweep_of({"l2": [0]}))
    (request,) = world.step().create
    world.runs[request.name] = replace(world.runs[request.name], succeeded=True, ended_at=world.now)
    world.sweep = sweep_of({"l2": [0]}, retry=3)
    (again,) = world.plan().create
    assert (again.attempt, again.lost) == (3, 0)


def test_a_person_may_ask_for_failed_runs_again() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}))
    first, second = world.step().create
    world.start_pods()
    world.end_pod(first.name, world.runs[first.name].pods[0].name, exit_code=65)
    world.end_pod(second.name, world.runs[second.name].pods[0].name)
    world.settle()
    world.sweep = sweep_of({"l2": [0, 0.1]}, retry=1)
    (again,) = world.step().create
    assert again.point.combination.flags["l2"] == 0
    assert again.name != first.name
    world.start_pods()
    world.end_pod(again.name, world.runs[again.name].pods[0].name)
    world.settle()
    assert {record.outcome for record in world.records} == {Outcome.OK}
