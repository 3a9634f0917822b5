"""Pods that somebody deletes while they train: Kubernetes counts that against the run, and the operator does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.moves import FIRST_DELAY_SECONDS, MAX_MOVES

from .simulation import START, World, only, world_of


def deleted(world: World, reason: str = "Error", **fields: Any) -> None:
    """Somebody deletes every pod in flight, and the Job gives its indexes up: for the third time, say."""
    for run in list(world.runs.values()):
        for pod in run.pods:
            if pod.in_flight:
                ended = {"exit_code": 143, "deleting": True, "deleted_at": world.now, **fields}
                world.lose_pod(run.name, pod.name, reason, **ended)
    for run in list(world.runs.values()):
        indexes = frozenset(pod.index for pod in run.pods)
        world.runs[run.name] = replace(run, failed_indexes=indexes, failed_reason="FailedIndexes")


def test_a_run_whose_pods_were_deleted_until_its_job_gave_up_is_made_again_and_not_charged() -> None:
    world = world_of()
    (first,) = world.created
    deleted(world)
    decided = world.step()
    assert (decided.store, decided.stop) == ((), None)
    (notice,) = decided.notices
    assert notice.reason is Reason.RUN_MOVED
    assert notice.message == (
        f"Pods of run {first.name} were deleted while they trained, {first.name}-0-0 the last one. It is made again after 10 s "
        "(1 of at most 5 times)."
    )
    world.pass_time(FIRST_DELAY_SECONDS)
    (again,) = world.step().create
    assert (again.moved, again.avoids, again.attempt) == (1, (), 0), "no node is to blame"
    world.step()
    world.start_pods()
    world.end_all()
    world.step()
    assert len(world.records) == 1


def test_a_run_whose_pods_are_deleted_again_and_again_fails_after_five_moves() -> None:
    world = world_of()
    for moves in range(MAX_MOVES + 1):
        assert only(world).moved == moves
        deleted(world)
        world.make_again(moves)
    (record,) = world.records
    assert record.reason == "Evicted"
    assert "It was made again 5 times before." in record.message


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"exit_code": 1, "deleted_at": None, "deleting": False}, id="nobody deleted it"),
        pytest.param({"exit_code": 64}, id="its flags are invalid"),
        pytest.param({"exit_code": 65}, id="its index is final"),
        pytest.param({"reason": "OOMKilled", "exit_code": 137, "memory_limit": "1Gi"}, id="it needed too much memory"),
        pytest.param(
            {"exit_code": 1, "ended_at": START - timedelta(seconds=1)}, id="it had failed, and was cleaned up"
        ),
    ],
)
def test_what_a_trainer_did_itself_is_charged_though_its_pod_was_deleted(fields: dict[str, Any]) -> None:
    world = world_of()
    deleted(world, **fields)
    decided = world.step()
    assert [record.outcome.value for record in decided.store] == ["Failed"]


def test_pods_that_their_own_job_deletes_at_its_time_limit_are_charged() -> None:
    world = world_of()
    deleted(world)
    world.runs[only(world).name] = replace(only(world), failed_reason="DeadlineExceeded")
    (record,) = world.step().store
    assert record.reason == "Timeout"


def unseen(world: World, reason: str | None = "FailedIndexes") -> None:
    """The Job has given its only index up, and the operator has seen no pod of it: it was down meanwhile, say."""
    (run,) = world.runs.values()
    failed = frozenset({0}) if reason in (None, "FailedIndexes") else frozenset[int]()
    world.runs[run.name] = replace(run, pods=(), failed_indexes=failed, failed_reason=reason)


def test_an_index_that_failed_unseen_is_trained_once_more_and_charged_only_then() -> None:
    world = world_of()
    unseen(world)
    decided = world.step()
    (again,) = decided.create
    assert (decided.store, again.lost, again.attempt) == ((), 1, 0)
    world.runs = {again.name: world.runs[again.name]}
    unseen(world)
    world.step()
    (record,) = world.records
    assert "none of its pods was observed" in record.message


def test_a_job_that_failed_as_a_whole_is_charged_though_its_pods_went_unseen() -> None:
    """As by its time limit: the Job deletes its pods itself."""
    world = world_of()
    unseen(world, "DeadlineExceeded")
    world.step()
    (record,) = world.records
    assert record.reason is Reason.TIMEOUT
