"""What is kept of Jobs and pods, and how it becomes the runs of a sweep.

Ten thousand Jobs fit into the operator's memory because only what `core.observe` reads is kept, and a pass over a sweep is
cheap because a Job or pod that has not changed is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from sys import intern
from typing import Any, Final

from regsweep.adapters.fieldmask import Fields
from regsweep.adapters.kubeapi import KubeObject, controller_uid_of, label_of, name_of, namespace_of, uid_of
from regsweep.adapters.object_cache import Entry, ObjectCache
from regsweep.api import constants as names
from regsweep.controller.caches.first_seen import FirstSeen
from regsweep.controller.clocks import SYSTEM_CLOCKS
from regsweep.core.kubernetes.identify import ANNOTATIONS, CONTRACT, MAX_TEXT, contract_of
from regsweep.core.kubernetes.observe import CONTAINERS, containers_of, is_sidecar, observed_pod, observed_run
from regsweep.core.runs import AlteredJob, ObservedPod, ObservedRun

_LABELS: Final = frozenset({names.SWEEP_UID_LABEL, names.RUN_LABEL, names.QUEUE_NAME_LABEL})
_JOB_SPEC: Final = ("parallelism", "suspend", "completions")
_JOB_STATUS: Final = ("completionTime", "failedIndexes", "completedIndexes")
_POD_STATUS: Final = ("phase", "reason", "message", "startTime")
_CONDITION: Final = ("type", "status", "reason", "message", "lastTransitionTime")
_OWNER: Final = ("apiVersion", "kind", "name", "uid", "controller")
_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_NAMED: Final[Fields] = {"name": None}
_READ_METADATA: Final[Fields] = {
    **dict.fromkeys(_METADATA),
    "labels": None,
    "annotations": None,
    "ownerReferences": [dict.fromkeys(_OWNER)],
}
JOB_FIELDS: Final[Fields] = {
    "metadata": _READ_METADATA,
    "spec": {
        **dict.fromkeys(_JOB_SPEC),
        "template": {
            "metadata": {"labels": None},
            "spec": {"containers": [{**_NAMED, "env": [{**_NAMED, "value": None}]}]},
        },
    },
    "status": {**dict.fromkeys(_JOB_STATUS), "conditions": [dict.fromkeys(_CONDITION)]},
}
"""What `trim_job` reads of a Job."""
POD_FIELDS: Final[Fields] = {
    "metadata": _READ_METADATA,
    "spec": {
        **dict.fromkeys(("nodeName", "resources")),
        "containers": [{**_NAMED, "resources": {"limits": None}}],
        "initContainers": [{**_NAMED, "restartPolicy": None}],
        "ephemeralContainers": [_NAMED],
    },
    "status": {
        **dict.fromkeys(_POD_STATUS),
        "conditions": [dict.fromkeys(_CONDITION)],
        "containerStatuses": [dict.fromkeys(("name", "state", "imageID"))],
        "initContainerStatuses": [dict.fromkeys(("name", "state"))],
    },
}
"""What `trim_pod` reads of a pod."""


def sweep_uid_of(obj: KubeObject) -> str:
    """UID of the sweep that a Job or pod is labelled with. Anybody may write labels: owners decide."""
    return label_of(obj, names.SWEEP_UID_LABEL)


def trim_job(job: KubeObject) -> KubeObject:
    """What is kept of a Job."""
    status = job.get("status") or {}
    return {
        "metadata": _metadata(job["metadata"]),
        "spec": _alike({**_picked(job.get("spec") or {}, _JOB_SPEC), **_queue_mark(job)}),
        "status": {**_picked(status, _JOB_STATUS), "conditions": _conditions(status)},
        CONTRACT: {intern(name): _shared(value) for name, value in contract_of(job).items()},
    }


def trim_pod(pod: KubeObject) -> KubeObject:
    """What is kept of a pod: of other containers than the trainer's, whether they run."""
    spec, status = pod["spec"], pod.get("status") or {}
    sidecars = [_picked(c, ("name", "restartPolicy")) for c in spec.get("initContainers") or () if is_sidecar(c)]
    return {
        CONTAINERS: containers_of(pod),
        "metadata": _metadata(pod["metadata"]),
        "spec": _alike(
            {
                **_picked(spec, ("nodeName", "resources")),
                "containers": [_container(c) for c in spec["containers"]],
                "initContainers": sidecars,
            }
        ),
        "status": {
            **_picked(status, _POD_STATUS),
            "conditions": _conditions(status),
            "containerStatuses": [_container_status(c) for c in status.get("containerStatuses") or ()],
            "initContainerStatuses": [
                _picked(c, ("name", "state")) if "waiting" in (c.get("state") or {}) else _state_alone(c)
                for c in status.get("initContainerStatuses") or ()
            ],
        },
    }


@dataclass(frozen=True, slots=True)
class _Owned:
    """What a sweep has."""

    revisions: tuple[int, int]
    """Of its Jobs and its pods, that it was made from."""
    runs: tuple[ObservedRun, ...]
    altered: tuple[AlteredJob, ...]
    orphans: int


class RunCache:
    """The runs of sweeps, from the caches of Jobs and pods."""

    def __init__(
        self, jobs: ObjectCache, pods: ObjectCache, *, now: Callable[[], datetime] = SYSTEM_CLOCKS.now
    ) -> None:
        self.jobs = jobs
        self.pods = pods
        self._seen = FirstSeen(now)
        self._pods: dict[str, tuple[Entry, ObservedPod]] = {}
        self._runs: dict[str, tuple[Entry, tuple[ObservedPod, ...], ObservedRun | AlteredJob]] = {}
        self._owned: dict[str, _Owned] = {}
        jobs.add_listener(self._drop_observed)
        pods.add_listener(self._drop_observed)

    def runs_of(self, sweep: KubeObject) -> tuple[ObservedRun, ...]:
        """The sweep's runs in the order of their creation, each with its pods, those that are gone included.

        Only Jobs that the sweep owns and pods that these Jobs own count.
        """
        return self._owned_by(sweep).runs

    def altered_of(self, sweep: KubeObject) -> tuple[AlteredJob, ...]:
        """Jobs that the sweep owns and that are none of its runs, in the order of their names."""
        return self._owned_by(sweep).altered

    def orphans_of(self, sweep: KubeObject) -> int:
        """How many pods of Jobs that are gone still hold what they were given: a Job goes before its pods have ended."""
        return self._owned_by(sweep).orphans

    def _owned_by(self, sweep: KubeObject) -> _Owned:
        """All of it, made again only after a change: a pass asks several times."""
        uid, namespace = uid_of(sweep), namespace_of(sweep)
        revisions = (self.jobs.revision(uid), self.pods.revision(uid))
        known = self._owned.get(uid)
        if known is None or known.revisions != revisions:
            known = self._owned[uid] = self._look(uid, namespace, revisions)
        return known

    def _look(self, sweep_uid: str, namespace: str, revisions: tuple[int, int]) -> _Owned:
        by_job: dict[str, list[ObservedPod]] = {}
        orphans = 0
        for entry in self.pods.group(sweep_uid):
            if namespace_of(entry.object) == namespace:
                owner, pod = controller_uid_of(entry.object), self._pod(entry)
                by_job.setdefault(owner, []).append(pod)
                orphans += owner not in self.jobs and pod.holds_node
        jobs = [
            self._run(entry, by_job.get(uid_of(entry.object), ()))
            for entry in self.jobs.group(sweep_uid)
            if namespace_of(entry.object) == namespace and controller_uid_of(entry.object) == sweep_uid
        ]
        runs = [job for job in jobs if isinstance(job, ObservedRun)]
        altered = [job for job in jobs if isinstance(job, AlteredJob)]
        return _Owned(
            revisions,
            tuple(sorted(runs, key=lambda run: (run.created_at, run.name))),
            tuple(sorted(altered, key=lambda job: job.name)),
            orphans,
        )

    def has_gone(self, sweep_uid: str) -> bool:
        """Whether something of the sweep is gone and not forgotten."""
        return bool(self.jobs.tombstones(sweep_uid) or self.pods.tombstones(sweep_uid))

    def forget_gone(self, sweep_uid: str, needed: Container[str]) -> set[str]:
        """Drops tombstones: of Jobs but those of the names `needed`, and of pods whose Job is gone; returns the UIDs of these Jobs."""
        dropped = set()
        for job in self.jobs.tombstones(sweep_uid):
            if name_of(job) not in needed:
                self._forget(self.jobs, uid_of(job))
                dropped.add(uid_of(job))
        for pod in self.pods.tombstones(sweep_uid):
            if controller_uid_of(pod) not in self.jobs:
                self._forget(self.pods, uid_of(pod))
        return dropped

    def forget_sweep(self, sweep_uid: str) -> None:
        """Drops the tombstones of a sweep that is gone, and what was made of its Jobs and pods."""
        for cache in (self.jobs, self.pods):
            for entry in list(cache.group(sweep_uid)):
                self._forget(cache, uid_of(entry.object))
        self._owned.pop(sweep_uid, None)

    def job_deleted(self, uid: str) -> None:
        """Takes it that a delete of ours has gone through: the Job leaves no tombstone."""
        self.jobs.remove_from_write(uid)
        self._runs.pop(uid, None)

    def _forget(self, cache: ObjectCache, uid: str) -> None:
        cache.forget(uid)
        self._pods.pop(uid, None)
        self._runs.pop(uid, None)
        self._seen.forget(uid)

    def _drop_observed(self, entry: Entry) -> None:
        uid = uid_of(entry.object)
        self._pods.pop(uid, None)
        self._runs.pop(uid, None)

    def _pod(self, entry: Entry) -> ObservedPod:
        uid = uid_of(entry.object)
        known = self._pods.get(uid)
        if known is not None and known[0] is entry:
            return known[1]
        pod = self._seen.noted(observed_pod(entry.object, gone=entry.gone))
        self._pods[uid] = (entry, pod)
        return pod

    def _run(self, entry: Entry, pods: Iterable[ObservedPod]) -> ObservedRun | AlteredJob:
        uid = uid_of(entry.object)
        given = tuple(sorted(pods, key=lambda pod: pod.uid))
        known = self._runs.get(uid)
        if known is not None and known[0] is entry and _identical(known[1], given):
            return known[2]
        run = observed_run(entry.object, given)
        if isinstance(run, ObservedRun) and entry.gone:
            run = replace(run, deleting=True)
        self._runs[uid] = (entry, given, run)
        return run


def _identical(one: tuple[ObservedPod, ...], other: tuple[ObservedPod, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _metadata(metadata: KubeObject) -> KubeObject:
    kept = _picked(metadata, _METADATA)
    kept["labels"] = {intern(k): intern(v) for k, v in (metadata.get("labels") or {}).items() if k in _LABELS}
    # Cut: anyone who may edit a Job may write 256 kB there, and what is too long is none of ours.
    kept["annotations"] = {
        intern(k): _shared(v[: MAX_TEXT + 1])
        for k, v in (metadata.get("annotations") or {}).items()
        if k in ANNOTATIONS
    }
    kept["ownerReferences"] = [_alike(_picked(owner, _OWNER)) for owner in metadata.get("ownerReferences") or ()]
    return kept


def _queue_mark(job: KubeObject) -> KubeObject:
    """The pod template of a Job that a queue has admitted, as far as it says that; nothing of another one."""
    labels = ((job["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    mark = _picked(labels, (names.QUEUE_POD_SET_LABEL,))
    return {"template": {"metadata": {"labels": mark}}} if mark else {}


def _conditions(status: KubeObject) -> list[KubeObject]:
    return [_alike(_picked(condition, _CONDITION)) for condition in status.get("conditions") or ()]


def _container(container: KubeObject) -> KubeObject:
    if container["name"] != names.TRAINER_CONTAINER:
        return _picked(container, ("name",))
    limits = (container.get("resources") or {}).get("limits") or {}
    return {"name": names.TRAINER_CONTAINER, "resources": {"limits": _picked(limits, ("memory",))}}


def _container_status(status: KubeObject) -> KubeObject:
    is_trainer = status["name"] == names.TRAINER_CONTAINER
    return _picked(status, ("name", "state", "imageID")) if is_trainer else _state_alone(status)


def _state_alone(status: KubeObject) -> KubeObject:
    """The container's name and the state that it is in, without what is known of that."""
    return {**_picked(status, ("name",)), "state": {state: {} for state in status.get("state") or ()}}


def _picked(source: KubeObject, fields: Iterable[str]) -> dict[str, Any]:
    """The fields that are there; short strings, of which thousands are alike, are shared."""
    return {name: _shared(source[name]) for name in fields if name in source}


_MOST_ALIKE: Final = 4096
_known: dict[str, dict[str, Any]] = {}


def _alike(part: dict[str, Any]) -> dict[str, Any]:
    """The part, or an earlier one that is the same: most Jobs have the same owner, and pods the same containers. Nobody changes what
    a cache holds."""
    if len(_known) >= _MOST_ALIKE:
        _known.clear()
    return _known.setdefault(repr(part), part)


def _shared(value: object) -> object:
    return intern(value) if isinstance(value, str) and len(value) <= 64 else value
