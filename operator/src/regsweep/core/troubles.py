"""What keeps pods from starting, or from ending, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.api.wording import plural
from regsweep.core.collect import STUCK_REASONS
from regsweep.core.kubernetes.failures import UNSCHEDULABLE, node_fault_of
from regsweep.core.moves import MAX_MOVES, is_at_rest, pods_of
from regsweep.core.runs import ObservedPod, ObservedRun
from regsweep.core.timestamps import timestamp

LOST_AFTER: Final = timedelta(seconds=60)
"""How long after its grace period a deleted pod may still be there, before its node is taken for lost."""
MAX_NODES: Final = 3
"""Nodes that a sentence names."""
_GATED: Final = "the pod's scheduling gates are still there. Whoever has set them removes them"
_CRASHES: Final = (
    "a container that starts before training ends again and again. Its log says why: `kubectl logs {pod} -c CONTAINER`"
)
_CREATING: Final = (
    "the node pulls the image, or waits for a volume or the network. `kubectl describe pod {pod}` says which"
)
_WAITS: Final = {
    "SchedulingGated": (timedelta(seconds=60), _GATED),
    "SchedulerError": (timedelta(seconds=60), "the scheduler fails. Its administrator finds the cause in its log"),
    "CrashLoopBackOff": (timedelta(seconds=60), _CRASHES),
    "ContainerCreating": (timedelta(minutes=5), _CREATING),
}
"""What a pod may wait for without end and without an error that fails its run: how long it is taken for usual, and what to do."""

Trouble = tuple[Reason, str]


def trouble_of(runs: Iterable[ObservedRun], now: datetime) -> Trouble | None:
    """The trouble to tell of first; None: there is none."""
    runs = [run for run in runs if not run.deleting]
    pods = [pod for run in runs for pod in run.pods if pod.holds_node]
    return (
        _cannot_start([pod for pod in pods if pod.waiting_reason in STUCK_REASONS])
        or _does_not_end([pod for pod in pods if is_lost(pod, now)])
        or _unscheduled(runs)
        or _waits([pod for pod in pods if (at := _long_at(pod)) is not None and now >= at])
        or _ended_by_nodes(list(_faults(runs)))
    )


def is_lost(pod: ObservedPod, now: datetime) -> bool:
    """Whether the pod should be gone and is not: its node does not answer."""
    return pod.holds_node and pod.deletion_due is not None and now >= pod.deletion_due + LOST_AFTER


def told_at(runs: Iterable[ObservedRun], now: datetime) -> Iterator[datetime]:
    """When pods that are being deleted, or that wait, will have taken too long."""
    for run in runs:
        for pod in run.pods:
            if pod.deletion_due is not None and pod.holds_node and pod.deletion_due + LOST_AFTER > now:
                yield pod.deletion_due + LOST_AFTER
            if (at := _long_at(pod)) is not None and at > now:
                yield at


def _long_at(pod: ObservedPod) -> datetime | None:
    """When it will have waited for longer than is usual; None: it does not, or for nothing that is known."""
    if pod.waiting_reason not in _WAITS or not pod.in_flight:
        return None
    return pod.waits_since + _WAITS[pod.waiting_reason][0]


def _cannot_start(stuck: Sequence[ObservedPod]) -> Trouble | None:
    if not stuck:
        return None
    first, remedy = stuck[0], "Fix what the pod refers to"
    if STUCK_REASONS[first.waiting_reason] is Reason.IMAGE_UNAVAILABLE:
        remedy = "Check the image's name and its pull secret"
    words = f"{first.waiting_reason}: {first.waiting_message}".rstrip(".: ")
    text = f"{plural(len(stuck), 'run')} cannot start: {words}. {remedy}. A run fails after five minutes of this."
    return STUCK_REASONS[first.waiting_reason], text


def _does_not_end(lost: Sequence[ObservedPod]) -> Trouble | None:
    if not lost:
        return None
    first = min(lost, key=lambda pod: pod.deletion_due or pod.created_at)
    since = timestamp(first.deletion_due or first.created_at)
    node = first.node or "NODE"
    return Reason.NODE_LOST, (
        f"{plural(len(lost), 'pod')} should have ended and did not; pod {first.name} on node {node} since {since}. The node probably does "
        "not answer, and its pods may still train: their runs keep their slots. If the node comes back, nothing is to be done. If it "
        f"is gone for good, run `kubectl delete node {node}`, or `kubectl taint node {node} "
        "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`; the runs are then made again."
    )


def _unscheduled(runs: Iterable[ObservedRun]) -> Trouble | None:
    waiting = [(run, pod) for run in runs for pod in run.pods if pod.in_flight and pod.waiting_reason == UNSCHEDULABLE]
    if not waiting:
        return None
    words = waiting[0][1].waiting_message.rstrip(". ") or "nothing"
    wait = "waits" if len(waiting) == 1 else "wait"
    text = f"{plural(len(waiting), 'run')} {wait} for a node. The scheduler says: {words}. Lower spec.parallelism, or wait."
    if avoided := sorted({node for run, _ in waiting for node in run.avoids}):
        names = ", ".join(avoided[:MAX_NODES]) + (" and others" if len(avoided) > MAX_NODES else "")
        text += (
            f" Kept away from {names}, which ended runs: to have these nodes tried again, delete the Jobs that wait."
        )
    return Reason.UNSCHEDULABLE, text


def _waits(waiting: Sequence[ObservedPod]) -> Trouble | None:
    if not waiting:
        return None
    first = min(waiting, key=lambda pod: (pod.waits_since, pod.name))
    words = f"{first.waiting_reason}: {first.waiting_message}".rstrip(".: ")
    remedy = _WAITS[first.waiting_reason][1].format(pod=first.name)
    since = timestamp(first.waits_since)
    does = "does" if len(waiting) == 1 else "do"
    return Reason.PODS_WAITING, (
        f"{plural(len(waiting), 'pod')} {does} not start; pod {first.name} waits since {since} ({words}): {remedy}. It keeps its slot."
    )


def _faults(runs: Iterable[ObservedRun]) -> Iterator[tuple[ObservedRun, ObservedPod]]:
    """Runs that wait to be made again, each with the pod that its node ended."""
    for run in runs:
        if not is_at_rest(run) or run.succeeded or run.moved >= MAX_MOVES:
            continue
        ends = [pods[-1] for number in range(run.completions) if (pods := pods_of(run, number))]
        fault = next((pod for pod in ends if node_fault_of(pod) is not None), None)
        if fault is not None:
            yield run, fault


def _ended_by_nodes(faults: Sequence[tuple[ObservedRun, ObservedPod]]) -> Trouble | None:
    if not faults:
        return None
    run, pod = faults[0]
    waits = "waits" if len(faults) == 1 else "wait"
    return Reason.NODE_FAILED, (
        f"{plural(len(faults), 'run')} {waits} to be made again elsewhere. Node {pod.node or 'unknown'} ended run {run.name}: "
        f"{node_fault_of(pod)}. This is not charged to the run ({run.moved + 1} of at most {MAX_MOVES} times). If it goes on, drain "
        "and repair that node."
    )
