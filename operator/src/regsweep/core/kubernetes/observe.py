"""Jobs and pods as the API server's JSON has them, read into what is observed of the world.

This is a hot path: after a restart it reads every Job and pod of the cluster's sweeps. So it takes the few fields that it
needs by hand instead of validating whole objects, and takes an absent field as the API's default. The objects come from
the API server, which has checked their structure; annotations alone may hold anything (`identify`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from regsweep.api import constants as names
from regsweep.core.kubernetes.identify import identify
from regsweep.core.ownership import KubeObject, owner_uid
from regsweep.core.runs import MAX_AVOIDED, AlteredJob, ObservedPod, ObservedRun, PodPhase
from regsweep.core.timestamps import later, server_time

CONTAINERS: Final = "containers"
"""Field of a trimmed pod that keeps their number."""
_POD_NAME: Final = re.compile(r"-(\d{1,6})-[a-z0-9]+\Z", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9])?", re.ASCII)
_DIGITS: Final = 7
"""Of an index: the API server takes at most 100,000 completions."""
_MOST_BEHIND: Final = timedelta(days=1)
_LOST: Final = ("ContainerStatusUnknown", "Unknown")
"""Reasons of a container whose runtime, or whose kubelet, does not know any more how it ended."""
_ENDED_PHASES: Final = {"Succeeded": PodPhase.SUCCEEDED, "Failed": PodPhase.FAILED}


def observed_run(job: KubeObject, pods: Iterable[KubeObject | ObservedPod] = ()) -> ObservedRun | AlteredJob:
    """The Job as a run, with those of the pods that it controls; AlteredJob where its parts contradict each other.

    pods: the API's JSON, or what `observed_pod` made of it (then the caller has seen to it that the Job controls them). One
    whose name is not that of an index of the Job is not its pod: the Job controller named it in no case.
    Whether the Job belongs to a sweep is decided by `ownership.owner_uid`, not by its labels, which anyone can write.
    """
    metadata, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    uid = metadata["uid"]
    own = tuple(
        pod if isinstance(pod, ObservedPod) else observed_pod(pod)
        for pod in pods
        if isinstance(pod, ObservedPod) or owner_uid(pod) == uid
    )
    identity = identify(job)
    if isinstance(identity, AlteredJob):
        return replace(identity, pods_in_flight=sum(pod.holds_node for pod in own))
    completions = spec["completions"]
    conditions = _true_conditions(status)
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    return ObservedRun(
        name=metadata["name"],
        uid=uid,
        point_key=identity.point_key,
        first_replicate=identity.first_replicate,
        replicates=identity.replicates,
        replicates_per_pod=identity.replicates_per_pod,
        attempt=identity.attempt,
        created_at=server_time(metadata["creationTimestamp"]),
        lost=identity.lost,
        moved=identity.moved,
        avoids=_nodes((metadata.get("annotations") or {}).get(names.AVOIDED_NODES_ANNOTATION)),
        gpu_seconds=_spent((metadata.get("annotations") or {}).get(names.SPENT_ANNOTATION)),
        template=(metadata.get("annotations") or {}).get(names.TEMPLATE_ANNOTATION) or "",
        rule=identity.rule,
        parallelism=spec.get("parallelism", 1),
        suspended=bool(spec.get("suspend")),
        paused=_is_paused(job),
        queue_managed=_is_queue_managed(job),
        succeeded=complete is not None,
        failed_reason=failed.get("reason") or "Failed" if failed else None,
        failed_message=(failed or {}).get("message", ""),
        failed_indexes=_indexes(status.get("failedIndexes"), completions),
        succeeded_indexes=_indexes(status.get("completedIndexes"), completions),
        ended_at=_end(status, complete or failed),
        deleting="deletionTimestamp" in metadata,
        pods=_pods_of(metadata["name"], completions, own),
    )


def job_end(job: KubeObject) -> datetime | None:
    """When the Job has ended; None: it goes on."""
    status = job.get("status") or {}
    conditions = _true_conditions(status)
    return _end(status, conditions.get("Complete") or conditions.get("Failed"))


def _end(status: KubeObject, over: KubeObject | None) -> datetime | None:
    """over: the condition by which the Job has ended; None: it has none."""
    text = status.get("completionTime") or (over or {}).get("lastTransitionTime")
    return server_time(text) if text else None


def _true_conditions(status: KubeObject) -> dict[str, KubeObject]:
    """The conditions that hold, by their types."""
    return {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}


def _pods_of(job_name: str, completions: int, pods: Iterable[ObservedPod]) -> tuple[ObservedPod, ...]:
    """The pods of the Job's indexes by their names, sorted."""
    own = (pod for pod in pods if pod.index < completions and pod.name.startswith(f"{job_name}-{pod.index}-"))
    return tuple(sorted(own, key=lambda pod: (pod.index, pod.created_at, pod.name)))


def _nodes(text: str | None) -> tuple[str, ...]:
    """Names of nodes with commas between them: as many as a Job may avoid, of what can be a name. Whoever edits them changes only
    where a run is not tried again."""
    given = (text or "").split(",", MAX_AVOIDED)[:MAX_AVOIDED]
    return tuple(name for name in given if 0 < len(name) <= names.MAX_NAME_LENGTH)


def _spent(text: str | None) -> float:
    """GPU-seconds as we write them; 0 for what is none. Whoever edits them changes what is charged, and nothing that is trained."""
    return float(text) if text is not None and _SECONDS.fullmatch(text) else 0.0


def observed_pod(pod: KubeObject, gone: bool = False) -> ObservedPod:
    """The pod as training sees it: by its container `trainer`.

    It has ended with that container, or with the pod itself where the container never ran (evicted, an init container
    that failed). gone: the object was deleted and this is the last of it.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    container = _container(status, names.TRAINER_CONTAINER)
    state = container.get("state") or {}
    terminated = state.get("terminated")
    running = state.get("running") or {}
    waiting_reason, waiting_message = _waiting(status, state)
    created_at = server_time(metadata["creationTimestamp"])
    phase = _phase(status.get("phase"), terminated)
    ended_at = None
    if phase in _ENDED_PHASES.values():
        ended_at = _container_time((terminated or {}).get("finishedAt"), created_at) or _pod_end(status)
    return ObservedPod(
        name=metadata["name"],
        uid=metadata["uid"],
        index=_index_of(metadata["name"]),
        phase=phase,
        created_at=created_at,
        started_at=_container_time((terminated or running).get("startedAt"), created_at)
        or _lost_start(terminated, status),
        ended_at=ended_at,
        exit_code=terminated.get("exitCode") if terminated else None,
        message=(terminated or {}).get("message", ""),
        reason=_reason(status, terminated),
        waiting_reason=waiting_reason,
        waiting_message=waiting_message,
        node=(pod.get("spec") or {}).get("nodeName") or "",
        status_message=status.get("message") or "",
        disrupted=_disruption(status) is not None,
        others=() if status.get("phase") in _ENDED_PHASES else _others(pod, status),
        image=_digest_of(container.get("imageID") or ""),
        containers=containers_of(pod),
        memory_limit=_memory_limit(pod),
        deleting="deletionTimestamp" in metadata,
        deletion_due=server_time(metadata["deletionTimestamp"]) if "deletionTimestamp" in metadata else None,
        deleted_at=_deleted_at(metadata),
        gone=gone,
    )


def _deleted_at(metadata: KubeObject) -> datetime | None:
    """When the object was deleted: its time stamp is when it should be gone, the grace period later."""
    if "deletionTimestamp" not in metadata:
        return None
    return later(server_time(metadata["deletionTimestamp"]), -(metadata.get("deletionGracePeriodSeconds") or 0))


def is_sidecar(init_container: KubeObject) -> bool:
    """Whether an init container runs beside the others: a sidecar as Kubernetes means it, which ends with them."""
    return init_container.get("restartPolicy") == "Always"


def _others(pod: KubeObject, status: KubeObject) -> tuple[str, ...]:
    """Names of the containers beside the trainer that have not ended."""
    spec = pod.get("spec") or {}
    statuses = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    ended = {each["name"] for each in statuses if "terminated" in (each.get("state") or {})}
    running = {each["name"] for each in statuses if "running" in (each.get("state") or {})}
    beside = [c["name"] for c in spec.get("containers") or () if c["name"] != names.TRAINER_CONTAINER]
    sidecars = [c["name"] for c in spec.get("initContainers") or () if is_sidecar(c)]
    return tuple(name for name in beside if name not in ended) + tuple(name for name in sidecars if name in running)


def _is_queue_managed(job: KubeObject) -> bool:
    """Whether Kueue admits the Job: it carries a queue's name, or has been admitted without one (manageJobsWithoutQueueName)."""
    template = (job.get("spec") or {}).get("template") or {}
    admitted = names.QUEUE_POD_SET_LABEL in ((template.get("metadata") or {}).get("labels") or {})
    return admitted or names.QUEUE_NAME_LABEL in (job["metadata"].get("labels") or {})


def _is_paused(job: KubeObject) -> bool:
    """Whether the operator has suspended the Job. Of one without the mark, which an older version made, that is believed."""
    mark = (job["metadata"].get("annotations") or {}).get(names.SUSPENDED_ANNOTATION)
    if mark is not None:
        return bool(mark == "true")
    return bool((job.get("spec") or {}).get("suspend")) and not _is_queue_managed(job)


def _phase(phase: str | None, terminated: KubeObject | None) -> PodPhase:
    """The kubelet reports the pod's end later than the container's, which decides: it is never restarted."""
    if phase in _ENDED_PHASES:
        return _ENDED_PHASES[phase]
    if terminated is not None:
        return PodPhase.SUCCEEDED if terminated.get("exitCode") == 0 else PodPhase.FAILED
    # Unknown (the node is silent) counts as running: its GPU is not free until the pod is known to have ended.
    return PodPhase.PENDING if phase in (None, "Pending") else PodPhase.RUNNING


def _reason(status: KubeObject, terminated: KubeObject | None) -> str:
    """The pod's own reason (Evicted), else who disrupted it, else the container's (OOMKilled, Error, Completed)."""
    if status.get("reason"):
        return str(status["reason"])
    own = (terminated or {}).get("reason", "")
    if own == "OOMKilled":
        return "OOMKilled"
    return _disruption(status) or str(own)


def _disruption(status: KubeObject) -> str | None:
    """Who disrupted the pod; None: nobody."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("reason") or "DisruptionTarget")
    return None


def _waiting(status: KubeObject, state: KubeObject) -> tuple[str, str]:
    """Why training does not begin: the container's reason, an init container's, or the scheduler's; empty where it has."""
    if "running" in state or "terminated" in state:
        return "", ""
    for container in status.get("initContainerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "PodInitializing") != "PodInitializing":
            return waiting["reason"], waiting.get("message", "")
    waiting = state.get("waiting") or {}
    if waiting.get("reason"):
        return waiting["reason"], waiting.get("message", "")
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("status") == "False":
            return condition.get("reason", ""), condition.get("message", "")
    return "", ""


def _container(status: KubeObject, name: str) -> KubeObject:
    for container in status.get("containerStatuses") or ():
        if container["name"] == name:
            return container  # type: ignore[no-any-return]  # the API's own shape
    return {}


def _digest_of(image_id: str) -> str:
    """The digest alone: nodes name an image `repository@sha256:...`, or `sha256:...` where it was loaded into them."""
    return image_id.rpartition("@")[2].rpartition("//")[2]


def _container_time(text: str | None, created_at: datetime) -> datetime | None:
    """A container's time; None where it has none: of a container that never started a kubelet says 1970.

    A node's clock may be behind the API server's, but not by more than a day: by then no certificate is valid.
    """
    time = server_time(text) if text else None
    return time if time is not None and created_at - time < _MOST_BEHIND else None


def _lost_start(terminated: KubeObject | None, status: KubeObject) -> datetime | None:
    """The start of the pod, for a container that ran and whose start is lost."""
    time = status.get("startTime") if (terminated or {}).get("reason") in _LOST else None
    return server_time(time) if time else None


def _pod_end(status: KubeObject) -> datetime | None:
    """When a pod ended whose container never did: the last change of its conditions, else its start."""
    times = [c["lastTransitionTime"] for c in status.get("conditions") or () if c.get("lastTransitionTime")]
    time = max(times, default=None) or status.get("startTime")
    return server_time(time) if time else None


def containers_of(pod: KubeObject) -> int:
    """How many containers share the room for termination messages. The pod: as the API server has it, or trimmed (CONTAINERS)."""
    if CONTAINERS in pod:
        return int(pod[CONTAINERS])
    spec = pod.get("spec") or {}
    return sum(len(spec.get(kind) or ()) for kind in ("containers", "initContainers", "ephemeralContainers"))


def _memory_limit(pod: KubeObject) -> str:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container["name"] == names.TRAINER_CONTAINER:
            of_pod = (pod.get("spec") or {}).get("resources")
            limits = [(resources or {}).get("limits") or {} for resources in (container.get("resources"), of_pod)]
            return next((str(each["memory"]) for each in limits if "memory" in each), "")
    return ""


def _index_of(pod_name: str) -> int:
    """The completion index that the pod's name ends with, before the Job controller's random part; -1: with none.

    Annotation and label of the index say the same, and anyone who may edit pods can change them.
    """
    found = _POD_NAME.search(pod_name)
    return int(found[1]) if found else -1


def _indexes(text: str | None, completions: int) -> frozenset[int]:
    """Indexes as the Job's status lists them, such as `0,2-5`; none that the Job does not have."""
    found: set[int] = set()
    for part in (text or "").split(",")[:completions]:
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first[:_DIGITS]), min(int((last or first)[:_DIGITS]) + 1, completions)))
    return frozenset(found)
