"""The runs of sweeps, from the caches of Jobs and pods.

A pass over a sweep is cheap because only Jobs and pods that have changed since the last one are read again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from regsweep.adapters.kubeapi import KubeObject, controller_uid_of, name_of, namespace_of, uid_of
from regsweep.adapters.object_cache import Entry, ObjectCache
from regsweep.controller.caches.first_seen import FirstSeen
from regsweep.controller.caches.trimming import sweep_uid_of
from regsweep.controller.clocks import SYSTEM_CLOCKS
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.runs import AlteredJob, ObservedPod, ObservedRun

MOST_UNREAD: Final = 50_000
"""Changed Jobs or pods of a sweep that are remembered until the next pass over it; more, and all of them are read again."""


@dataclass(frozen=True, slots=True)
class _Owned:
    """What a sweep has."""

    runs: tuple[ObservedRun, ...]
    altered: tuple[AlteredJob, ...]
    orphans: int


@dataclass(slots=True)
class _View:
    """What was made of a sweep's Jobs and pods, and what of it is out of date."""

    sweep_uid: str
    namespace: str
    changed_jobs: set[str]
    """UIDs; so are all keys below."""
    changed_pods: set[str]
    runs: dict[str, ObservedRun] = field(default_factory=dict)
    altered: dict[str, AlteredJob] = field(default_factory=dict)
    pods: dict[str, tuple[ObservedPod, ...]] = field(default_factory=dict)
    """By their Job, in the order of UIDs. The Job may be gone."""
    owners: dict[str, str] = field(default_factory=dict)
    """Of each pod its Job."""
    order: list[tuple[datetime, str, str]] = field(default_factory=list)
    """Creation, name and UID of each run, in this order."""
    owned: _Owned = _Owned((), (), 0)

    def put_pod(self, uid: str, owner: str, pod: ObservedPod) -> None:
        """Takes the pod in place of what was known of it; its Job is out of date with it."""
        self.drop_pod(uid)
        self.changed_jobs.add(owner)
        self.owners[uid] = owner
        self.pods[owner] = tuple(sorted((*self.pods.get(owner, ()), pod), key=lambda each: each.uid))

    def drop_pod(self, uid: str) -> None:
        """Forgets the pod, if it is known; its Job is out of date then."""
        owner = self.owners.pop(uid, None)
        if owner is None:
            return
        self.changed_jobs.add(owner)
        others = tuple(pod for pod in self.pods[owner] if pod.uid != uid)
        if others:
            self.pods[owner] = others
        else:
            del self.pods[owner]

    def put_job(self, uid: str, job: ObservedRun | AlteredJob | None) -> None:
        """Takes this in place of what was known of the Job; None: it is not the sweep's."""
        before = self.runs.pop(uid, None)
        self.altered.pop(uid, None)
        if isinstance(job, ObservedRun):
            self.runs[uid] = job
        elif job is not None:
            self.altered[uid] = job
        left, taken = _place_of(before), _place_of(self.runs.get(uid))
        if left == taken:
            return
        if left is not None:
            del self.order[bisect_left(self.order, left)]
        if taken is not None:
            insort(self.order, taken)


class RunCache:
    """The runs of sweeps. A new one gives the same, by reading all that the caches have."""

    def __init__(
        self, jobs: ObjectCache, pods: ObjectCache, *, now: Callable[[], datetime] = SYSTEM_CLOCKS.now
    ) -> None:
        self.jobs = jobs
        self.pods = pods
        self._seen = FirstSeen(now)
        self._views: dict[str, _View] = {}
        jobs.note_changes(self._note_job)
        pods.note_changes(self._note_pod)

    def runs_of(self, sweep: KubeObject) -> tuple[ObservedRun, ...]:
        """The sweep's runs in the order of their creation, each with its pods, those that are gone included.

        Only Jobs that the sweep owns and pods that these Jobs own count. What has not changed is the same object again.
        """
        return self._owned_by(sweep).runs

    def altered_of(self, sweep: KubeObject) -> tuple[AlteredJob, ...]:
        """Jobs that the sweep owns and that are none of its runs, in the order of their names."""
        return self._owned_by(sweep).altered

    def orphans_of(self, sweep: KubeObject) -> int:
        """How many pods of Jobs that are gone still hold what they were given: a Job goes before its pods have ended."""
        return self._owned_by(sweep).orphans

    def has_gone(self, sweep_uid: str) -> bool:
        """Whether something of the sweep is gone and not forgotten."""
        return bool(self.jobs.tombstones(sweep_uid) or self.pods.tombstones(sweep_uid))

    def forget_gone(self, sweep_uid: str, needed: Container[str]) -> set[str]:
        """Drops tombstones: of Jobs but those of the names `needed`, and of pods whose Job is gone; returns the UIDs of these Jobs."""
        dropped = set()
        for job in self.jobs.tombstones(sweep_uid):
            if name_of(job) not in needed:
                self.jobs.forget(uid_of(job))
                dropped.add(uid_of(job))
        for pod in self.pods.tombstones(sweep_uid):
            if controller_uid_of(pod) not in self.jobs:
                self._forget_pod(uid_of(pod))
        return dropped

    def forget_sweep(self, sweep_uid: str) -> None:
        """Drops the tombstones of a sweep that is gone, and what was made of its Jobs and pods."""
        for job in list(self.jobs.group(sweep_uid)):
            self.jobs.forget(uid_of(job.object))
        for pod in list(self.pods.group(sweep_uid)):
            self._forget_pod(uid_of(pod.object))
        self._views.pop(sweep_uid, None)

    def job_deleted(self, uid: str) -> None:
        """Takes it that a delete of ours has gone through: the Job leaves no tombstone."""
        self.jobs.remove_from_write(uid)

    def _forget_pod(self, uid: str) -> None:
        self.pods.forget(uid)
        self._seen.forget(uid)

    # What is out of date

    def _note_job(self, sweep_uid: str, uid: str) -> None:
        view = self._views.get(sweep_uid)
        if view is not None:
            view.changed_jobs.add(uid)
            self._bound(view)

    def _note_pod(self, sweep_uid: str, uid: str) -> None:
        view = self._views.get(sweep_uid)
        if view is not None:
            view.changed_pods.add(uid)
            self._bound(view)

    def _bound(self, view: _View) -> None:
        """A sweep that another operator follows has no passes here."""
        if len(view.changed_jobs) + len(view.changed_pods) > MOST_UNREAD:
            del self._views[view.sweep_uid]

    # What is read again

    def _owned_by(self, sweep: KubeObject) -> _Owned:
        uid = uid_of(sweep)
        view = self._views.get(uid)
        if view is None:
            jobs, pods = ({uid_of(entry.object) for entry in cache.group(uid)} for cache in (self.jobs, self.pods))
            view = self._views[uid] = _View(uid, namespace_of(sweep), jobs, pods)
        if view.changed_jobs or view.changed_pods:
            self._refresh(view)
        return view.owned

    def _refresh(self, view: _View) -> None:
        for uid in view.changed_pods:
            entry = self.pods.entry(uid)
            if entry is not None and _is_in(view, entry):
                view.put_pod(uid, controller_uid_of(entry.object), self._pod(entry))
            else:
                view.drop_pod(uid)
        for uid in view.changed_jobs:
            view.put_job(uid, self._job(view, uid))
        view.changed_jobs, view.changed_pods = set(), set()
        left = (owner for owner in view.pods if owner not in view.runs and owner not in self.jobs)
        view.owned = _Owned(
            runs=tuple(view.runs[uid] for _, _, uid in view.order),
            altered=tuple(sorted(view.altered.values(), key=lambda job: job.name)),
            orphans=sum(pod.holds_node for owner in left for pod in view.pods[owner]),
        )

    def _pod(self, entry: Entry) -> ObservedPod:
        return self._seen.noted(observed_pod(entry.object, gone=entry.gone))

    def _job(self, view: _View, uid: str) -> ObservedRun | AlteredJob | None:
        """The Job with its pods; None where it is not the sweep's."""
        entry = self.jobs.entry(uid)
        if entry is None or not _is_in(view, entry) or controller_uid_of(entry.object) != view.sweep_uid:
            return None
        job = observed_run(entry.object, view.pods.get(uid, ()))
        return replace(job, deleting=True) if isinstance(job, ObservedRun) and entry.gone else job


def _is_in(view: _View, entry: Entry) -> bool:
    """Whether the object has the sweep's label and is in its namespace."""
    return sweep_uid_of(entry.object) == view.sweep_uid and namespace_of(entry.object) == view.namespace


def _place_of(run: ObservedRun | None) -> tuple[datetime, str, str] | None:
    """Its place among the runs."""
    return (run.created_at, run.name, run.uid) if run is not None else None
