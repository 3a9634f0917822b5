"""What keeps pods from starting or ending, in words that say what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from regsweep.core.troubles import LOST_AFTER, told_at, trouble_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=NOW - timedelta(hours=2))
POD = ObservedPod("run-0-x", "pod-uid", 0, PodPhase.RUNNING, created_at=NOW - timedelta(hours=2), node="gpu-7")
TERMINATING = replace(POD, deleting=True, deletion_due=NOW - LOST_AFTER, disrupted=True)


def runs(*pods: ObservedPod, **fields: Any) -> list[ObservedRun]:
    return [replace(RUN, pods=pods, **fields)]


def test_a_node_that_is_lost_is_named_with_the_choices_and_its_run_keeps_its_slot() -> None:
    trouble = trouble_of(runs(TERMINATING), NOW)
    assert trouble is not None
    reason, text = trouble
    assert reason is Reason.NODE_LOST
    assert "pod run-0-x on node gpu-7 since 2026-11-25T11:59:00Z" in text
    assert "their runs keep their slots" in text
    assert "kubectl delete node gpu-7" in text
    assert "node.kubernetes.io/out-of-service" in text
    assert runs(TERMINATING)[0].slots == 1


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(replace(TERMINATING, deletion_due=NOW), id="its grace period has just ended"),
        pytest.param(replace(TERMINATING, gone=True), id="it is gone"),
        pytest.param(replace(TERMINATING, phase=PodPhase.FAILED), id="it has ended, and a finalizer keeps the object"),
        pytest.param(POD, id="nobody deletes it"),
    ],
)
def test_what_is_no_lost_node(pod: ObservedPod) -> None:
    assert trouble_of(runs(pod), NOW) is None


def test_a_lost_node_is_looked_at_when_it_is_time_to_say_so() -> None:
    leaving = replace(TERMINATING, deletion_due=NOW)
    assert list(told_at(runs(leaving), NOW)) == [NOW + LOST_AFTER]
    assert not list(told_at(runs(TERMINATING), NOW))


@pytest.mark.parametrize(
    ("reason", "message", "seconds", "words"),
    [
        ("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", 60, "Whoever has set them removes them"),
        ("SchedulerError", "running Reserve plugin: no", 60, "(SchedulerError: running Reserve plugin: no)"),
        ("CrashLoopBackOff", "back-off 40s restarting failed container=proxy", 60, "`kubectl logs run-0-x -c CONTAINER`"),
        ("ContainerCreating", "", 300, "(ContainerCreating): the node pulls the image, or waits for a volume"),
    ],
)  # fmt: skip
def test_a_pod_that_waits_for_long_is_told_with_what_to_do(reason: str, message: str, seconds: int, words: str) -> None:
    since = NOW - timedelta(seconds=seconds)
    pod = replace(
        POD, phase=PodPhase.PENDING, waiting_reason=reason, waiting_message=message, waiting_since=since, node=""
    )
    trouble = trouble_of(runs(pod), NOW)
    assert trouble is not None and trouble[0] is Reason.PODS_WAITING
    assert words in trouble[1] and "pod run-0-x waits since" in trouble[1]
    assert trouble_of(runs(pod), NOW - timedelta(seconds=1)) is None
    assert list(told_at(runs(pod), NOW - timedelta(seconds=1))) == [NOW]
    assert not list(told_at(runs(pod), NOW))
    assert trouble_of(runs(replace(pod, phase=PodPhase.RUNNING, waiting_reason="")), NOW) is None


def test_a_run_that_waits_to_be_made_again_names_the_node_and_its_words() -> None:
    refused = replace(POD, phase=PodPhase.FAILED, reason="UnexpectedAdmissionError", status_message="no GPU left")
    trouble = trouble_of(runs(refused, parallelism=0, moved=1), NOW)
    assert trouble is not None
    reason, text = trouble
    assert reason is Reason.NODE_FAILED
    assert "Node gpu-7 ended run run: UnexpectedAdmissionError: no GPU left." in text
    assert "not charged to the run (2 of at most 5 times)" in text


def test_a_pod_that_finds_no_other_node_says_which_it_is_kept_away_from() -> None:
    waiting = replace(POD, phase=PodPhase.PENDING, waiting_reason="Unschedulable", waiting_message="0/4 nodes.")
    trouble = trouble_of(runs(waiting, avoids=("n4", "n3", "n2", "n1")), NOW)
    assert trouble is not None
    assert "Kept away from n1, n2, n3 and others, which ended runs" in trouble[1]
