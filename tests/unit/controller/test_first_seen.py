"""Times that Kubernetes does not give, or gives by a node's clock: the operator notes when it first saw something."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from regsweep.controller.caches.first_seen import FirstSeen
from regsweep.core.collect import STUCK_AFTER, is_stuck
from regsweep.core.kubernetes.failures import was_deleted
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
POD = ObservedPod("pod", "uid", 0, PodPhase.PENDING, created_at=NOON - timedelta(minutes=30))
RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=NOON)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_an_image_error_counts_from_the_first_one_and_not_from_the_pods_creation() -> None:
    clock = Clock()
    seen = FirstSeen(clock)
    unscheduled = seen.noted(replace(POD, waiting_reason="Unschedulable"))
    assert unscheduled.waiting_since == NOON
    clock.after(600)
    begun = seen.noted(replace(POD, waiting_reason="ErrImagePull"))
    assert begun.waiting_since == clock.now
    assert not is_stuck(replace(RUN, pods=(begun,)), clock.now)
    clock.after(200)
    still = seen.noted(replace(POD, waiting_reason="ImagePullBackOff"))
    assert still.waiting_since == begun.waiting_since, "one error follows the other while the image is tried again"
    clock.after(100)
    assert is_stuck(replace(RUN, pods=(still,)), clock.now)


def test_an_error_that_has_passed_counts_no_more() -> None:
    clock = Clock()
    seen = FirstSeen(clock)
    seen.noted(replace(POD, waiting_reason="ErrImagePull"))
    clock.after(STUCK_AFTER.total_seconds())
    assert seen.noted(replace(POD, waiting_reason="ContainerCreating")).waiting_since == clock.now
    clock.after(10)
    assert seen.noted(replace(POD, waiting_reason="ErrImagePull")).waiting_since == clock.now


def test_a_pod_was_deleted_when_it_was_first() -> None:
    """Its kubelet deletes it again once it has ended, without a grace period."""
    seen = FirstSeen(Clock())
    deleted = replace(POD, deleting=True, deleted_at=NOON)
    assert seen.noted(POD).deleted_at is None
    assert seen.noted(deleted).deleted_at == NOON
    ended = replace(
        deleted,
        phase=PodPhase.FAILED,
        exit_code=143,
        ended_at=NOON + timedelta(seconds=5),
        deleted_at=NOON + timedelta(seconds=7),
    )
    assert not was_deleted(ended), "as an operator sees it that was not there before"
    assert was_deleted(seen.noted(ended))
    seen.forget(POD.uid)
    assert not was_deleted(seen.noted(ended))


def test_the_end_of_a_pod_is_when_it_was_first_seen() -> None:
    clock = Clock()
    seen = FirstSeen(clock)
    assert seen.noted(POD).end_seen_at is None
    ended = replace(POD, phase=PodPhase.SUCCEEDED, exit_code=0, ended_at=NOON + timedelta(hours=1))
    assert seen.noted(ended).end_seen_at == NOON
    clock.after(10)
    assert seen.noted(replace(ended, gone=True)).end_seen_at == NOON
    seen.forget("uid")
    assert seen.noted(ended).end_seen_at == clock.now
