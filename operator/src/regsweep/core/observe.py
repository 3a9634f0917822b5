"""Jobs and pods as the API server's JSON has them, read into what is observed of the world.

This is a hot path: after a restart it reads every Job and pod of the cluster's sweeps. So it takes the few fields that it
needs by hand instead of validating whole objects, and takes an absent field as the API's default. The objects come from
the API server, which has checked their structure; annotations alone may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from regsweep.api import constants as names
from regsweep.api.conditions import Reason
from regsweep.core.children import KubeObject, owner_uid
from regsweep.core.messages import MalformedMessage, parse_message
from regsweep.core.world import ObservedPod, ObservedRun, PodPhase

COMPLETION_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_ENDED_PHASES: Final = {"Succeeded": PodPhase.SUCCEEDED, "Failed": PodPhase.FAILED}


def observed_run(job: KubeObject, pods: Iterable[KubeObject | ObservedPod] = ()) -> ObservedRun | None:
    """The Job as a run, with those of the pods that it controls; None where its annotations do not say what it trains.

    pods: the API's JSON, or what `observed_pod` made of it (then the caller has seen to it that the Job controls them).
    Whether the Job is of a certain sweep is told by `children.owner_uid`, not by its labels: those are anybody's to write.
    """
    metadata, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    annotations = metadata.get("annotations") or {}
    first = _count(annotations.get(names.FIRST_REPLICATE_ANNOTATION))
    replicates = _count(annotations.get(names.REPLICATES_ANNOTATION))
    per_pod = _count(annotations.get(names.REPLICATES_PER_POD_ANNOTATION))
    attempt = _count(annotations.get(names.ATTEMPT_ANNOTATION, "0"))
    point_key = annotations.get(names.POINT_KEY_ANNOTATION)
    if not point_key or first is None or not replicates or not per_pod or attempt is None:
        return None
    uid = metadata["uid"]
    own = (
        pod if isinstance(pod, ObservedPod) else observed_pod(pod)
        for pod in pods
        if isinstance(pod, ObservedPod) or owner_uid(pod) == uid
    )
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    ended = status.get("completionTime") or (complete or failed or {}).get("lastTransitionTime")
    return ObservedRun(
        name=metadata["name"],
        uid=uid,
        point_key=point_key,
        first_replicate=first,
        replicates=replicates,
        replicates_per_pod=per_pod,
        attempt=attempt,
        created_at=_time(metadata["creationTimestamp"]),
        parallelism=spec.get("parallelism", 1),
        suspended=bool(spec.get("suspend")),
        queue_managed=_is_queue_managed(metadata),
        succeeded=complete is not None,
        failed_reason=failed.get("reason") or "Failed" if failed else None,
        failed_message=(failed or {}).get("message", ""),
        failed_indexes=_indexes(status.get("failedIndexes")),
        succeeded_indexes=_indexes(status.get("completedIndexes")),
        ended_at=_time(ended) if ended else None,
        deleting="deletionTimestamp" in metadata,
        pods=tuple(sorted(own, key=lambda pod: (pod.index, pod.created_at, pod.name))),
    )


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
    started = (terminated or running).get("startedAt")
    phase = _phase(status.get("phase"), terminated)
    ended = (terminated or {}).get("finishedAt") or _pod_end(status) if phase in _ENDED_PHASES.values() else None
    return ObservedPod(
        name=metadata["name"],
        uid=metadata["uid"],
        index=_index_of(metadata),
        phase=phase,
        created_at=_time(metadata["creationTimestamp"]),
        started_at=_time(started) if started else None,
        ended_at=_time(ended) if ended else None,
        exit_code=terminated.get("exitCode") if terminated else None,
        message=(terminated or {}).get("message", ""),
        reason=_reason(status, terminated),
        waiting_reason=waiting_reason,
        waiting_message=waiting_message,
        image=_digest_of(container.get("imageID") or ""),
        memory_limit=_memory_limit(pod),
        deleting="deletionTimestamp" in metadata,
        gone=gone,
    )


def _is_queue_managed(metadata: KubeObject) -> bool:
    """Whether Kueue admits the Job: it carries a queue's name, or belongs to an object that does (a Workload owns it)."""
    if names.QUEUE_NAME_LABEL in (metadata.get("labels") or {}):
        return True
    owners = metadata.get("ownerReferences") or ()
    return any(owner.get("apiVersion", "").startswith("kueue.x-k8s.io/") for owner in owners)


def _phase(phase: str | None, terminated: KubeObject | None) -> PodPhase:
    """The kubelet says of the pod only later what the container's end has already decided: it is never restarted."""
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
    for condition in status.get("conditions") or ():
        if condition["type"] == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("reason") or "DisruptionTarget")
    return str(own)


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


def _pod_end(status: KubeObject) -> str | None:
    """When a pod ended whose container never did: the last change of its conditions, else its start."""
    times = [c["lastTransitionTime"] for c in status.get("conditions") or () if c.get("lastTransitionTime")]
    return max(times, default=None) or status.get("startTime")


def _memory_limit(pod: KubeObject) -> str:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container["name"] == names.TRAINER_CONTAINER:
            return str(((container.get("resources") or {}).get("limits") or {}).get("memory", ""))
    return ""


def _index_of(metadata: KubeObject) -> int:
    for marks in (metadata.get("annotations") or {}, metadata.get("labels") or {}):
        index = _count(marks.get(COMPLETION_INDEX))
        if index is not None:
            return index
    return 0


def _indexes(text: str | None) -> frozenset[int]:
    """Indexes as the Job's status lists them, such as `0,2-5`."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first:
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _count(text: str | None) -> int | None:
    """A number of our own annotations; None where somebody wrote something else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return int(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def failure_of(run: ObservedRun, pod: ObservedPod | None) -> tuple[Reason, str]:
    """Why the pod, or without one the whole run, failed: a reason for machines, and a sentence that says what helps.

    pod: the one whose end decided; None where none was seen.
    """
    if pod is not None and pod.exit_code == names.EXIT_INVALID_FLAGS:
        return Reason.INVALID_FLAGS, _words(pod) or f"The trainer refused its flags (exit code 64). {_log(pod)}"
    if pod is not None and pod.exit_code == names.EXIT_INDEX_FINAL:
        return Reason.INDEX_FINAL, _words(pod) or f"The trainer gave this index up (exit code 65). {_log(pod)}"
    if run.failed_reason == _DEADLINE or (pod is not None and pod.reason == _DEADLINE):
        limit = "its time limit (spec.runTimeoutSeconds). Raise the limit, or train fewer epochs."
        return Reason.TIMEOUT, f"Run {run.name} was stopped at {limit}"
    if pod is None:
        said = ": ".join(part for part in (run.failed_reason, run.failed_message) if part)
        return Reason.TRAINER_FAILED, f"Run {run.name} failed, and no pod of it was seen ({said or 'no reason given'})."
    return _infrastructure(pod) or _ended(pod)


def _infrastructure(pod: ObservedPod) -> tuple[Reason, str] | None:
    """What was done to the pod from outside; None where its container ended by itself."""
    if pod.reason == "OOMKilled":
        limit = f" of {pod.memory_limit}" if pod.memory_limit else ""
        return Reason.OUT_OF_MEMORY, (
            f"Pod {pod.name} was killed because it needed more memory than its limit{limit}. Raise resources.limits.memory "
            "of container trainer in spec.template, or lower batch_size or units."
        )
    if pod.reason in _EVICTIONS:
        return Reason.EVICTED, f"Pod {pod.name} was taken off its node before it had ended ({_EVICTIONS[pod.reason]})."
    if pod.reason in _START_ERRORS:
        text = f"Container trainer of pod {pod.name} could not be started: {_cut(pod.message) or pod.reason}."
        return Reason.CONFIG_ERROR, f"{text} Mend command or image of container trainer."
    if not pod.ended and pod.waiting_reason in WAITING_REASONS:
        words = f": {_cut(pod.waiting_message)}" if pod.waiting_message else ""
        return WAITING_REASONS[pod.waiting_reason], f"Pod {pod.name} cannot start, {pod.waiting_reason}{words}"
    return None


def _ended(pod: ObservedPod) -> tuple[Reason, str]:
    code = pod.exit_code
    if code is None:
        why = pod.reason or "no reason given"
        return Reason.TRAINER_FAILED, f"Pod {pod.name} failed before container trainer ran ({why}). {_log(pod)}"
    if code == 0:
        message = parse_message(pod.message)
        if isinstance(message, MalformedMessage):
            return Reason.NO_RECORD if message.empty else Reason.INVALID_RECORD, message.reason
        return Reason.NO_RECORD, f"The termination message of pod {pod.name} lacks a record of this replicate."
    words = _words(pod)
    meaning = f", {_EXIT_CODES[code]}" if code in _EXIT_CODES else ""
    text = f"Container trainer of pod {pod.name} ended with exit code {code}{meaning}."
    return Reason.TRAINER_FAILED, f"{text} It says: {words}" if words else f"{text} {_log(pod)}"


def _words(pod: ObservedPod) -> str:
    """What the trainer says of its failure: its message's error, or the message itself where it is no contract's."""
    message = parse_message(pod.message)
    if isinstance(message, MalformedMessage):
        return _cut(pod.message)
    return _cut(message.error.message) if message.error else ""


def _cut(text: str) -> str:
    """The text on one line of at most 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 500 else line[:497] + "..."


def _log(pod: ObservedPod) -> str:
    return f"The log of {pod.name} says more."


_DEADLINE: Final = "DeadlineExceeded"

_EVICTIONS: Final = {
    "Evicted": "evicted by the kubelet, mostly since the node ran out of memory or disk",
    "Preempting": "preempted by a critical pod",
    "PreemptionByScheduler": "preempted by a pod of higher priority",
    "DeletionByTaintManager": "its node was tainted NoExecute",
    "EvictionByEvictionAPI": "evicted through the API, as by kubectl drain",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "terminated by the kubelet: node pressure or shutdown",
    "DisruptionTarget": "disrupted",
    "NodeLost": "its node does not answer",
    "NodeShutdown": "its node shut down",
    "Terminated": "its node shut down",
    "Shutdown": "its node shut down",
}
"""A pod's reasons, and those of its condition DisruptionTarget, for an end that is not the trainer's doing."""

_START_ERRORS: Final = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})

WAITING_REASONS: Final = {
    "ErrImagePull": Reason.IMAGE_UNAVAILABLE,
    "ImagePullBackOff": Reason.IMAGE_UNAVAILABLE,
    "InvalidImageName": Reason.IMAGE_UNAVAILABLE,
    "ErrImageNeverPull": Reason.IMAGE_UNAVAILABLE,
    "CreateContainerConfigError": Reason.CONFIG_ERROR,
    "CreateContainerError": Reason.CONFIG_ERROR,
    "Unschedulable": Reason.UNSCHEDULABLE,
}
"""The kubelet's and the scheduler's reasons for a container that waits, and ours."""

_EXIT_CODES: Final = {
    126: "the command cannot be executed",
    127: "the command was not found in the image",
    134: "it aborted (SIGABRT)",
    137: "it was killed (SIGKILL): not ended in its grace period, or out of memory on the node",
    139: "it crashed (SIGSEGV)",
    143: "it was told to stop (SIGTERM) while training",
}
