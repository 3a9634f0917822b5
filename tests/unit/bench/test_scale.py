"""How the figures of large sweeps come from what a watch saw, and which goals they keep."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bench.scale_operator import Account
from bench.scale_page import Measured, Pair, page, verdicts
from bench.scale_trials import SweepTrial, TakeOvers, Trial
from bench.scale_watch import Watched
from regsweep.adapters.kubeapi import JOBS, PODS, SWEEPS, KubeObject, WatchType

FLOOR = Trial(1000, 100.0, [0.01] * 900, 9000)
OPERATOR = SweepTrial(1000, 105.0, [0.02] * 900, 10_000, Account(15.0, 120_000_000, 2100, 2300), 12_000, 3.0, 1.0, 0.01)
KEPT = Measured((Pair(FLOOR, OPERATOR),), OPERATOR, (0.2, 0.3), 1000, 3.0, 130_000_000, TakeOvers(0.4, 15.7, 200, 200))


def obj(name: str, sweep: str = "large", **parts: Any) -> KubeObject:
    return {"metadata": {"name": name, "uid": name, "labels": {"regsweep.dev/sweep": sweep}}, **parts}


def test_a_slot_is_refilled_from_the_first_news_of_a_pods_end_to_those_of_the_next_job_of_its_sweep() -> None:
    watched = Watched()
    ended = obj("pod-1", status={"phase": "Succeeded"})
    watched.take(JOBS, WatchType.ADDED, obj("job-1"), 1.0)
    watched.take(PODS, WatchType.MODIFIED, obj("pod-1", status={"phase": "Running"}), 2.0)
    watched.take(PODS, WatchType.MODIFIED, ended, 3.0)
    watched.take(JOBS, WatchType.ADDED, obj("job-9", sweep="other"), 3.1)
    watched.take(PODS, WatchType.MODIFIED, ended, 3.2)
    watched.take(JOBS, WatchType.ADDED, obj("job-2"), 3.5)
    assert watched.refills("large", slots=1) == [0.5]
    assert watched.events == 6
    watched.take(SWEEPS, WatchType.MODIFIED, obj("large", status={"state": "Complete"}), 9.0)
    assert watched.over == {"large": 9.0}


@pytest.mark.parametrize(
    "missed",
    [
        pytest.param({"wall": 111.0}, id="wall"),
        pytest.param({"refills": [0.2] * 900}, id="refill"),
        pytest.param({"account": Account(61.0, 0, 0, 0), "events": 10**6}, id="CPU in all"),
        pytest.param({"account": Account(21.0, 0, 0, 0)}, id="CPU for each event"),
        pytest.param({"account": Account(1.0, 151_000_000, 0, 0)}, id="memory"),
        pytest.param({"account": Account(1.0, 0, 2201, 0)}, id="writes"),
        pytest.param({"status_bytes": 100_001}, id="status"),
    ],
)
def test_one_figure_above_its_goal_misses_it(missed: dict[str, Any]) -> None:
    assert all(verdicts(KEPT))
    worse = replace(KEPT, pairs=(Pair(FLOOR, replace(OPERATOR, **missed)),))
    assert verdicts(worse).count(False) == 1
    assert page(worse, "", "a machine").count("MISSED") == 1


def test_what_could_not_be_measured_keeps_no_goal() -> None:
    assert not all(verdicts(replace(KEPT, many=replace(OPERATOR, idle_requests=math.nan))))


def test_an_idle_operator_that_takes_more_than_a_twentieth_of_a_core_misses_a_goal() -> None:
    busy = replace(KEPT, many=replace(OPERATOR, idle_cpu=0.051))
    assert verdicts(busy).count(False) == 1
    assert "| CPU then, of a core | 5.1 % | ≤ 5 % | MISSED |" in page(busy, "", "a machine")


@pytest.mark.parametrize(
    "taken_over",
    [
        pytest.param(TakeOvers(1.1, 15.7, 200, 200), id="a leader that was stopped keeps others waiting"),
        pytest.param(TakeOvers(0.4, 16.1, 200, 200), id="one that was killed does so for longer than its lease"),
        pytest.param(TakeOvers(0.4, 15.7, 200, 201), id="a run was made twice"),
    ],
)
def test_a_take_over_that_goes_wrong_misses_a_goal(taken_over: TakeOvers) -> None:
    assert verdicts(replace(KEPT, taken_over=taken_over)).count(False) == 1
