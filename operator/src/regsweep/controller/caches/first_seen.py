"""Since when the operator has seen what Kubernetes gives no time of, or only a node's: a node's clock may be an hour ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from regsweep.core.collect import STUCK_REASONS
from regsweep.core.runs import ObservedPod


class FirstSeen:
    """When each pod was first seen to have ended, to have been deleted, or to wait for what it still waits for.

    A restarted operator begins anew: it waits longer, and nothing is lost.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ended: dict[str, datetime] = {}
        self._deleted: dict[str, datetime] = {}
        """By the API server's clock. Its kubelet deletes a pod once more when it has ended, and the first time is then lost."""
        self._waiting: dict[str, tuple[str, datetime]] = {}
        """What for, and since when."""

    def noted(self, pod: ObservedPod) -> ObservedPod:
        """The pod with these times."""
        end_seen_at = None if pod.in_flight else self._ended.setdefault(pod.uid, self._now())
        deleted_at = pod.deleted_at and self._deleted.setdefault(pod.uid, pod.deleted_at)
        return replace(pod, end_seen_at=end_seen_at, deleted_at=deleted_at, waiting_since=self._waiting_since(pod))

    def forget(self, uid: str) -> None:
        """Drops what is known of a pod that is gone."""
        self._ended.pop(uid, None)
        self._deleted.pop(uid, None)
        self._waiting.pop(uid, None)

    def _waiting_since(self, pod: ObservedPod) -> datetime | None:
        waits_for = _waits_for(pod)
        known = self._waiting.get(pod.uid)
        if not waits_for:
            self._waiting.pop(pod.uid, None)
            return None
        if known is None or known[0] != waits_for:
            known = self._waiting[pod.uid] = (waits_for, self._now())
        return known[1]


def _waits_for(pod: ObservedPod) -> str:
    """One word for the errors that follow each other while an image is tried again and again; empty: it waits for nothing."""
    if pod.waiting_reason in STUCK_REASONS:
        return STUCK_REASONS[pod.waiting_reason].value
    return pod.waiting_reason
