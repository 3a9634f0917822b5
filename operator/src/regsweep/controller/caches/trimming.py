"""What is kept of Jobs and pods: only what `core.kubernetes.observe` reads, so that ten thousand fit into the operator's memory."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import Any, Final

from regsweep.adapters.fieldmask import Fields
from regsweep.adapters.kubeapi import KubeObject, label_of
from regsweep.api import constants as names
from regsweep.core.kubernetes.identify import ANNOTATIONS, CONTRACT, MAX_TEXT, contract_of
from regsweep.core.kubernetes.observe import CONTAINERS, containers_of, is_sidecar

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
