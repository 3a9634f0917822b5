"""Numbers and times from outside, however large or far: a plan is made all the same, and nobody is charged with what cannot have been."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.api.budget_spec import LONGEST_SECONDS, MOST_GPU_SECONDS
from regsweep.core.gputime import believed
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.plan import Plan, plan
from regsweep.core.runs import ObservedRun
from regsweep.core.timestamps import EARLIEST, LATEST, known_moment, later, parse_timestamp, server_time, timestamp
from regsweep.core.world import Usage
from unit.core.kubernetes.objects import CREATED, job_object, pod_object, terminated

from .simulation import START, World, only, world_of

FAR = ["0000-01-01T00:00:00Z", "-001-12-31T00:01:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
FAR += ["10000-01-01T00:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]


def planned(world: World, usage: Usage) -> Plan:
    return plan(world.sweep, replace(world.observe(), usage=usage), world.now)


@pytest.mark.parametrize("on_exhausted", ["Finish", "Stop"])
@pytest.mark.parametrize(
    "budget",
    [
        pytest.param({"maxGpuSeconds": MOST_GPU_SECONDS}, id="the most GPU-seconds that the API takes"),
        pytest.param({"maxGpuSeconds": 3 * 10**11}, id="until after the year 9999"),
        pytest.param({"maxElapsedSeconds": LONGEST_SECONDS}, id="ten years"),
        pytest.param({"maxGpuSeconds": 0}, id="none at all"),
    ],
)
def test_a_sweep_with_any_budget_is_planned_while_it_trains(budget: dict[str, Any], on_exhausted: str) -> None:
    world = world_of(budget={**budget, "onExhausted": on_exhausted})
    wake_at = planned(world, Usage(START, 1)).wake_at
    assert wake_at is None or world.now < wake_at <= LATEST


@pytest.mark.parametrize("start", [EARLIEST, LATEST])
@pytest.mark.parametrize("stored", [0.0, 1e308])
def test_a_status_with_any_start_and_use_is_planned_with(start: datetime, stored: float) -> None:
    world = world_of(budget={"maxGpuSeconds": 3600, "maxElapsedSeconds": LONGEST_SECONDS})
    planned(world, Usage(start, 64, stored))


@pytest.mark.parametrize("noted", [999_999_999_999.0, 3e11, 3601.0])
def test_what_a_job_says_was_spent_before_it_is_believed_as_far_as_it_can_have_been(noted: float) -> None:
    """Anybody with `edit` writes that annotation; an hour of budget is not used up by a number."""
    world = world_of(budget={"maxGpuSeconds": 3600, "onExhausted": "Stop"})
    run = only(world)
    world.runs[run.name] = replace(run, gpu_seconds=noted)
    world.pass_time(60)
    assert planned(world, Usage(START, 1)).exhausted is None


@pytest.mark.parametrize(
    ("noted", "usage", "expected"),
    [
        pytest.param(100.0, Usage(START, 1), 100.0, id="what can have been"),
        pytest.param(1e12, Usage(START, 2), 60 * 2 * 3, id="a pod of each of its replicates, since the sweep's start"),
        pytest.param(1e12, Usage(START, 0), 0.0, id="pods without GPUs"),
        pytest.param(1e12, Usage(START + timedelta(hours=1), 1), 0.0, id="a Job that is older than the sweep"),
        pytest.param(100.0, Usage(None, 1), 100.0, id="a start that nobody knows"),
        pytest.param(100.0, Usage(START, None), 100.0, id="a local run, whose folder is its owner's"),
    ],
)
def test_a_run_is_charged_with_no_more_than_its_replicates_can_have_cost_before(
    noted: float, usage: Usage, expected: float
) -> None:
    run = replace(only(world_of(3)), gpu_seconds=noted, created_at=START + timedelta(seconds=60))
    assert believed(run, usage).gpu_seconds == expected


@pytest.mark.parametrize("text", FAR)
def test_times_of_the_api_server_are_the_nearest_that_leave_room_for_sums(text: str) -> None:
    moment = server_time(text)
    assert moment.utcoffset() == timedelta(0)
    assert moment in (EARLIEST, LATEST)
    assert parse_timestamp(timestamp(moment)) == moment
    for seconds in (1, -1, 1e300, float("inf"), -float("inf"), 10**30):
        assert EARLIEST <= later(moment, seconds) <= LATEST
    assert moment - timedelta(days=300) < moment < moment + timedelta(days=300), "a sum of ours is a date of Python's"


def test_sums_within_all_ages_are_what_they_are() -> None:
    assert later(START, 90) == START + timedelta(seconds=90)
    assert later(START, -0.5) == START - timedelta(seconds=0.5)
    assert server_time("2026-11-23T12:00:00+02:00") == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "today", "2026-11-23T12:00:00", "2026-02-30T00:00:00Z", "9" * 40, "\ud800", None])
def test_what_is_no_time_is_not_known(text: str | None) -> None:
    assert known_moment(text) is None


@pytest.mark.parametrize("text", FAR)
@pytest.mark.parametrize("grace", [None, 0, 30, 2**63 - 1, -(2**63)])
def test_a_job_and_its_pod_with_far_times_are_a_run_that_is_planned_with(text: str, grace: int | None) -> None:
    ends: dict[str, Any] = {"deletionTimestamp": text, "deletionGracePeriodSeconds": grace}
    state = terminated(137, "Error")
    state["terminated"].update(startedAt=text, finishedAt=text)
    pods = [
        observed_pod(pod_object(state, "Failed", **ends)),
        observed_pod(pod_object({"running": {"startedAt": text}}, **ends)),
        observed_pod(pod_object({"waiting": {"reason": "ImagePullBackOff"}}, creationTimestamp=text, **ends)),
        observed_pod(pod_object(None, "Failed", status={"startTime": text}, **ends)),
    ]
    conditions = [{"type": "Failed", "status": "True", "lastTransitionTime": text}]
    for status in ({}, {"completionTime": text}, {"conditions": conditions}):
        for created in (CREATED, text):
            run = observed_run(job_object(status=status, metadata={"creationTimestamp": created}), pods)
            assert isinstance(run, ObservedRun)
            world = world_of(budget={"maxGpuSeconds": 3600}, retention={"maxAgeSeconds": LONGEST_SECONDS})
            observed = replace(world.observe(), runs=(run,), usage=Usage(START, 1))
            wake_at = plan(world.sweep, observed, world.now).wake_at
            assert wake_at is None or wake_at > world.now
