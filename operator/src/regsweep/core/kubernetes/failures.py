"""Why a pod or a whole run failed: a reason for programs, and a sentence with the remedy."""

from __future__ import annotations

from typing import Final

from regsweep.api import constants as names
from regsweep.api.conditions import Reason
from regsweep.core.results.messages import MalformedMessage, parse_message
from regsweep.core.runs import ObservedPod, ObservedRun

UNSCHEDULABLE: Final = "Unschedulable"
"""The scheduler's reason for a pod that no node takes."""
_DEADLINE: Final = "DeadlineExceeded"

_EVICTIONS: Final = {
    "Evicted": "evicted by the kubelet, usually because the node ran out of memory or disk",
    "Preempting": "preempted by a critical pod",
    "PreemptionByScheduler": "preempted by a pod of higher priority",
    "DeletionByTaintManager": "its node was tainted NoExecute",
    "EvictionByEvictionAPI": "evicted through the API, for instance by kubectl drain",
    "DeletionByPodGC": "its node no longer exists",
    "TerminationByKubelet": "terminated by the kubelet: node pressure or shutdown",
    "DisruptionTarget": "disrupted",
    "NodeLost": "its node does not respond",
    "NodeShutdown": "its node shut down",
    "Terminated": "its node shut down",
    "Shutdown": "its node shut down",
}
"""A pod's reasons, and those of its condition DisruptionTarget, for an end that is not the trainer's doing."""

_REJECTIONS: Final = {
    "UnexpectedAdmissionError": "it could not give the pod what it had promised, a GPU for instance",
    "NodeAffinity": "its labels no longer fit the pod",
    "TopologyAffinityError": "it could not give the pod CPUs and devices that are close to each other",
    "InvalidNodeInfo": "its kubelet did not know the node",
    "ContainerStatusUnknown": "it lost track of the container, for instance when the kubelet was started again",
    "Unknown": "its runtime lost the container, for instance when the machine was reset",
}
"""A pod's or container's reasons for an end that its node is to blame for."""
_NO_ROOM: Final = "OutOf"
"""Beginning of the kubelet's reasons for a pod that it has no room for: OutOfcpu, OutOfnvidia.com/gpu."""
_REJECTED: Final = "Pod was rejected: "
"""Beginning of the kubelet's words for a pod that it does not admit, for whatever reason."""
_OWN_LIMIT: Final = ("exceeds the limit", "exceeds the total limit", "exceeded its local ephemeral storage limit")
"""In the kubelet's words for a pod that it evicts because of what the pod itself has written."""

_START_ERRORS: Final = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
_DEVICE_WORDS: Final = ("nvidia-container-cli", "nvidia-container-runtime", "error running hook", "CDI device")
"""In the container runtime's words for a start that failed: the node's drivers did, not the command."""

WAITING_REASONS: Final = {
    "ErrImagePull": Reason.IMAGE_UNAVAILABLE,
    "ImagePullBackOff": Reason.IMAGE_UNAVAILABLE,
    "InvalidImageName": Reason.IMAGE_UNAVAILABLE,
    "ErrImageNeverPull": Reason.IMAGE_UNAVAILABLE,
    "ImageInspectError": Reason.IMAGE_UNAVAILABLE,
    "ImageVolumeMountFailed": Reason.IMAGE_UNAVAILABLE,
    "RegistryUnavailable": Reason.IMAGE_UNAVAILABLE,
    "SignatureValidationFailed": Reason.IMAGE_UNAVAILABLE,
    "CreateContainerConfigError": Reason.CONFIG_ERROR,
    "CreateContainerError": Reason.CONFIG_ERROR,
    "PreCreateHookError": Reason.CONFIG_ERROR,
    "PreStartHookError": Reason.CONFIG_ERROR,
    "RROUnsupported": Reason.CONFIG_ERROR,
    UNSCHEDULABLE: Reason.UNSCHEDULABLE,
}
"""The kubelet's and the scheduler's reasons for a container that waits, and ours."""

_EXIT_CODES: Final = {
    126: "the command cannot be executed",
    127: "the command was not found in the image",
    134: "it aborted (SIGABRT)",
    137: "it was killed (SIGKILL) because its grace period ended or the node ran out of memory",
    139: "it crashed (SIGSEGV)",
    143: "it received SIGTERM while training",
}


_REFUSALS: Final = {
    reason.value: reason
    for reason in (
        Reason.INVALID_FLAGS,
        Reason.INVALID_CONTRACT,
        Reason.BAD_DATA,
        Reason.DATA_CHANGED,
        Reason.NOTHING_REPORTED,
    )
}
"""Reasons that a trainer may give for exit code 64."""


def failure_of(run: ObservedRun, pod: ObservedPod | None) -> tuple[Reason, str]:
    """Why the pod, or without one the whole run, failed: a reason for programs, and a sentence with the remedy.

    pod: the one whose end decided; None where none was seen.
    """
    if pod is not None and pod.exit_code == names.EXIT_INVALID_FLAGS:
        return _refusal(pod), _words(pod) or f"The trainer refused to train (exit code 64). {_log(pod)}"
    if pod is not None and pod.exit_code == names.EXIT_INDEX_FINAL:
        return Reason.INDEX_FINAL, _words(pod) or f"The trainer declared this index failed (exit code 65). {_log(pod)}"
    if run.failed_reason == _DEADLINE or (pod is not None and pod.reason == _DEADLINE):
        limit = "its time limit (spec.runTimeoutSeconds). Raise the limit, or train fewer epochs."
        return Reason.TIMEOUT, f"Run {run.name} was stopped at {limit}"
    if pod is None:
        cause = ": ".join(part for part in (run.failed_reason, run.failed_message) if part)
        return (
            Reason.TRAINER_FAILED,
            f"Run {run.name} failed, and none of its pods was observed ({cause or 'no reason given'}).",
        )
    return _infrastructure(pod) or _ended(pod)


def _refusal(pod: ObservedPod) -> Reason:
    """The reason that the trainer gives for exit code 64; InvalidFlags where it gives none that is known."""
    message = parse_message(pod.message)
    error = message.error if not isinstance(message, MalformedMessage) else None
    return _REFUSALS.get(error.reason, Reason.INVALID_FLAGS) if error is not None else Reason.INVALID_FLAGS


def node_fault_of(pod: ObservedPod) -> str | None:
    """What its node did to a pod that has ended, in the node's words; None where training, a person or Kubernetes ended it.

    A disruption that Kubernetes means (preemption, drain, a node that is taken away) is none: the Job replaces the pod by itself
    and does not count that. A kubelet that evicts for want of memory or disk is one: it may do so again.
    """
    if not pod.ended or pod.exit_code in (0, names.EXIT_INVALID_FLAGS, names.EXIT_INDEX_FINAL):
        return None
    evicted = pod.reason in _EVICTIONS and (pod.reason == "Evicted" or not pod.disrupted) and not _used_too_much(pod)
    if not (evicted or _is_rejection(pod) or _lacks_memory(pod) or _lacks_device(pod)):
        return None
    words = _cut(pod.status_message or (pod.message if pod.reason in _START_ERRORS else "")).rstrip(". ")
    return f"{pod.reason}: {words}" if words else pod.reason


def was_deleted(pod: ObservedPod) -> bool:
    """Whether somebody deleted the pod while it trained, and Kubernetes counts that against it: a scheduler that preempts so, or a person.

    Whoever preempts through Kubernetes marks the pod, and its Job does not count it. A pod that failed first and was cleaned up is none,
    as far as its node's clock tells.
    """
    if not pod.ended or pod.deleted_at is None or pod.disrupted:
        return False
    by_itself = pod.exit_code in (0, names.EXIT_INVALID_FLAGS, names.EXIT_INDEX_FINAL) or pod.reason == "OOMKilled"
    return not by_itself and (pod.ended_at is None or pod.ended_at >= pod.deleted_at)


def device_fault_of(pod: ObservedPod) -> str | None:
    """What its node lacks for a pod that waits for a device, in the node's words; None: it does not wait for one.

    With CDI and DRA the runtime looks for devices when it makes the container, and the kubelet tries for ever.
    """
    waits = pod.waiting_reason == "CreateContainerError" and any(
        words in pod.waiting_message for words in _DEVICE_WORDS
    )
    return f"{pod.waiting_reason}: {_cut(pod.waiting_message)}" if waits else None


def _is_rejection(pod: ObservedPod) -> bool:
    named = pod.reason in _REJECTIONS or pod.reason.startswith(_NO_ROOM)
    return named or pod.status_message.startswith(_REJECTED)


def _used_too_much(pod: ObservedPod) -> bool:
    """Whether the pod was evicted for what it wrote itself: another node would evict it too."""
    return pod.reason == "Evicted" and any(words in pod.status_message for words in _OWN_LIMIT)


def _lacks_memory(pod: ObservedPod) -> bool:
    """Whether the node ran out of memory: the container has no limit that it could have exceeded."""
    return pod.reason == "OOMKilled" and not pod.memory_limit


def _lacks_device(pod: ObservedPod) -> bool:
    return pod.reason in _START_ERRORS and any(words in pod.message for words in _DEVICE_WORDS)


def _infrastructure(pod: ObservedPod) -> tuple[Reason, str] | None:
    """What was done to the pod from outside; None where its container ended by itself."""
    if pod.reason == "OOMKilled":
        return Reason.OUT_OF_MEMORY, f"Pod {pod.name} was killed because {_memory(pod)}"
    if _used_too_much(pod):
        words = _cut(pod.status_message).rstrip(". ")
        remedy = "Raise resources.limits.ephemeral-storage or the volume's sizeLimit in spec.template, or write less."
        return Reason.EVICTED, f"Pod {pod.name} was evicted because of what it wrote: {words}. {remedy}"
    if pod.reason in _EVICTIONS:
        return Reason.EVICTED, f"Pod {pod.name} was removed from its node before it ended ({_EVICTIONS[pod.reason]})."
    if _is_rejection(pod) or _lacks_device(pod):
        words = _cut(pod.status_message or pod.message).rstrip(". ")
        cause = _REJECTIONS.get(pod.reason, "it had no room or no working device for the pod")
        said = f" It says: {words}." if words else ""
        return Reason.NODE_FAILED, f"Node {pod.node or 'unknown'} ended pod {pod.name} ({pod.reason}): {cause}.{said}"
    if pod.reason in _START_ERRORS:
        text = f"Container trainer of pod {pod.name} could not be started: {_cut(pod.message) or pod.reason}."
        return Reason.CONFIG_ERROR, f"{text} Fix the command or the image of container trainer."
    if was_deleted(pod):
        return Reason.EVICTED, f"Pod {pod.name} was deleted while it trained, by another scheduler or a person."
    if not pod.ended and pod.waiting_reason in WAITING_REASONS:
        words = f": {_cut(pod.waiting_message)}" if pod.waiting_message else ""
        return WAITING_REASONS[pod.waiting_reason], f"Pod {pod.name} cannot start, {pod.waiting_reason}{words}"
    return None


def _memory(pod: ObservedPod) -> str:
    if _lacks_memory(pod):
        return (
            "its node ran out of memory: container trainer has no memory limit. Set resources.requests.memory and "
            "resources.limits.memory of container trainer in spec.template."
        )
    return (
        f"it needed more memory than its limit of {pod.memory_limit}. Raise resources.limits.memory "
        "of container trainer in spec.template, or lower batch_size or units."
    )


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
    return Reason.TRAINER_FAILED, f"{text} Its message: {words}" if words else f"{text} {_log(pod)}"


def _words(pod: ObservedPod) -> str:
    """The trainer's own message: the error of its termination message, or the whole message if that is malformed."""
    message = parse_message(pod.message)
    if isinstance(message, MalformedMessage):
        return _cut(pod.message)
    return _cut(message.error.message) if message.error else ""


def _cut(text: str) -> str:
    """The text on one line of at most 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 500 else line[:497] + "..."


def _log(pod: ObservedPod) -> str:
    return f"See the log of {pod.name}."
