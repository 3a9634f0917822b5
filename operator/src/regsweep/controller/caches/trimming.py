"""What is kept of Jobs and pods: only what `core.kubernetes.observe` reads, so that ten thousand fit into the operator's memory.

Whoever may create Jobs or pods may make any part of them as large as the API server takes: of each no more is kept than honest ones
have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sys import intern
from typing import Any, Final

from regsweep.adapters.fieldmask import Fields
from regsweep.adapters.kubeapi import KubeObject, label_of
from regsweep.api import constants as names
from regsweep.api.constants import MAX_NAME_LENGTH, POD_MESSAGE_BYTES
from regsweep.api.spec import MAX_REPLICATES
from regsweep.core.kubernetes.identify import ANNOTATIONS, CONTRACT, MAX_TEXT, VARIABLES, contract_of
from regsweep.core.kubernetes.observe import CONTAINERS, containers_of, is_sidecar

_LABELS: Final = frozenset({names.SWEEP_UID_LABEL, names.RUN_LABEL, names.QUEUE_NAME_LABEL})
_JOB_SPEC: Final = ("parallelism", "suspend", "completions")
_JOB_STATUS: Final = ("completionTime", "failedIndexes", "completedIndexes")
_POD_STATUS: Final = ("phase", "reason", "message", "startTime")
_STATES: Final = {
    "waiting": ("reason", "message"),
    "running": ("startedAt",),
    "terminated": ("exitCode", "reason", "message", "startedAt", "finishedAt"),
}
_LONG: Final = {
    "completedIndexes": 8 * MAX_REPLICATES,
    "failedIndexes": 8 * MAX_REPLICATES,
    names.AVOIDED_NODES_ANNOTATION: MAX_TEXT + 1,
    "message": 1024,
}
"""Characters that are kept of what may be longer than a name, or an image with its digest."""
_LONGEST: Final = 2 * MAX_NAME_LENGTH
"""Of every other text. One that is longer is none of ours, nor is what is left of it."""
_MOST: Final = 20
"""Containers of a pod and conditions that are kept: an honest one has a few, and its trainer is kept in any case."""
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
        CONTRACT: _picked(contract_of(job), VARIABLES),
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
                **_picked(spec, ("nodeName",)),
                **(_resources(spec) if spec.get("resources") else {}),
                "containers": [_container(c) for c in _few(spec["containers"])],
                "initContainers": sidecars[:_MOST],
            }
        ),
        "status": {
            **_picked(status, _POD_STATUS),
            "conditions": _conditions(status),
            "containerStatuses": [_container_status(c) for c in _few(status.get("containerStatuses"))],
            "initContainerStatuses": [_init_status(c) for c in _few(status.get("initContainerStatuses"))],
        },
    }


def _metadata(metadata: KubeObject) -> KubeObject:
    kept = _picked(metadata, _METADATA)
    kept["labels"] = _picked(metadata.get("labels") or {}, _LABELS)
    kept["annotations"] = _picked(metadata.get("annotations") or {}, ANNOTATIONS)
    owners = metadata.get("ownerReferences") or ()
    kept["ownerReferences"] = [_alike(_picked(owner, _OWNER)) for owner in owners if owner.get("controller")][:1]
    return kept


def _queue_mark(job: KubeObject) -> KubeObject:
    """The pod template of a Job that a queue has admitted, as far as it says that; nothing of another one."""
    labels = ((job["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    mark = _picked(labels, (names.QUEUE_POD_SET_LABEL,))
    return {"template": {"metadata": {"labels": mark}}} if mark else {}


def _conditions(status: KubeObject) -> list[KubeObject]:
    return [_alike(_picked(condition, _CONDITION)) for condition in (status.get("conditions") or ())[:_MOST]]


def _few(containers: Sequence[KubeObject] | None) -> list[KubeObject]:
    """As many containers, or their states, as are kept; the trainer is among them."""
    trainers = [each for each in containers or () if each["name"] == names.TRAINER_CONTAINER][:1]
    others = [each for each in containers or () if each["name"] != names.TRAINER_CONTAINER]
    return others[: _MOST - len(trainers)] + trainers


def _container(container: KubeObject) -> KubeObject:
    if container["name"] != names.TRAINER_CONTAINER:
        return _picked(container, ("name",))
    return {"name": names.TRAINER_CONTAINER, **_resources(container)}


def _resources(part: KubeObject) -> KubeObject:
    """The limit of memory of a container or a pod."""
    limits = (part.get("resources") or {}).get("limits") or {}
    return {"resources": {"limits": _picked(limits, ("memory",))}}


def _container_status(status: KubeObject) -> KubeObject:
    if status["name"] != names.TRAINER_CONTAINER:
        return _state_alone(status)
    return {**_picked(status, ("name", "imageID")), "state": _state(status)}


def _init_status(status: KubeObject) -> KubeObject:
    is_waiting = "waiting" in (status.get("state") or {})
    return {**_picked(status, ("name",)), "state": _state(status)} if is_waiting else _state_alone(status)


def _state(status: KubeObject) -> KubeObject:
    state = status.get("state") or {}
    kept = {name: _picked(state[name] or {}, fields) for name, fields in _STATES.items() if name in state}
    if "message" in kept.get("terminated", {}):
        kept["terminated"]["message"] = state["terminated"]["message"][:POD_MESSAGE_BYTES]
    return kept


def _state_alone(status: KubeObject) -> KubeObject:
    """The container's name and the state that it is in, without what is known of that."""
    return {
        **_picked(status, ("name",)),
        "state": {name: {} for name in _STATES if name in (status.get("state") or {})},
    }


def _picked(source: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The fields that are there, texts cut; short ones, of which thousands are alike, are shared."""
    return {name: _shared(source[name], _LONG.get(name, _LONGEST)) for name in fields if name in source}


_MOST_ALIKE: Final = 4096
_known: dict[str, dict[str, Any]] = {}


def _alike(part: dict[str, Any]) -> dict[str, Any]:
    """The part, or an earlier one that is the same: most Jobs have the same owner, and pods the same containers. Nobody changes what
    a cache holds."""
    if len(_known) >= _MOST_ALIKE:
        _known.clear()
    return _known.setdefault(repr(part), part)


def _shared(value: object, longest: int) -> object:
    if not isinstance(value, str):
        return value
    return intern(value) if len(value) <= 64 else value[:longest]
