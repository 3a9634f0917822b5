"""Runs that go on in another Job: away from the node that ended them, or only for the replicates that are missing.

A Job's environment and node affinity cannot be changed. So a run that has to move is put at rest (parallelism 0: its Job
controller starts nothing more), and once it is, what it has not brought home is given to a new Job. Until then it covers all of it,
so that no replicate is ever trained by two Jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from regsweep.api.constants import EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.core.kubernetes.failures import UNSCHEDULABLE, device_fault_of, node_fault_of, was_deleted
from regsweep.core.runs import MAX_AVOIDED, ObservedPod, ObservedRun, replicates_of

MAX_MOVES: Final = 5
"""How often a node's fault moves a run; after that it fails."""
FIRST_DELAY_SECONDS: Final = 10.0
LONGEST_DELAY_SECONDS: Final = 360.0
"""Between a node's fault and the next Job, at the last of the moves: a node that is started again has come back by then."""
SECLUDED_AFTER: Final = timedelta(seconds=60)
"""How long a run that avoids nodes may find no other one, before it is given to any node."""
DEVICELESS_AFTER: Final = timedelta(seconds=60)
"""How long a pod waits for a device that its node cannot give: a driver that is started late gets its chance."""
SIDECAR_GRACE: Final = timedelta(seconds=45)
"""How long other containers of a pod may go on after its training has ended, as they do to send their last logs: longer than
Kubernetes gives sidecars that end with the others (a grace period of 30 s)."""
_LACKS_ROOM: Final = ("Insufficient", "Too many pods", "cannot allocate all claims")
"""In the scheduler's words: nodes are allowed that have no room now. These are worth to be waited for."""
_FAILED_INDEXES: Final = "FailedIndexes"
"""Kubernetes' reason for a Job all of whose indexes have ended, some without success."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run goes on."""

    at: datetime
    """When the next Job is due."""
    moved: int
    """How often its replicates have been moved then."""
    avoids: tuple[str, ...]
    fault: str
    """What a node did, in its words; empty: it is moved for another reason."""
    node: str
    """The node that is to blame; empty: none."""
    replaces: frozenset[int]
    """Indexes whose pods in flight are not worth to be waited for."""
    deleted: str = ""
    """The pod that was deleted, of an index that its Job has given up for that; empty: none."""
    failed: str = ""
    """The pod in which training failed and that had to be stopped, so that its Job does not count it; empty: none."""


def move_of(run: ObservedRun, stored: Collection[int], left: Collection[int], now: datetime) -> Move | None:
    """Where the run goes on; None: where it is.

    stored: the replicates whose records are stored. left: those that a pod has left a result of.
    """
    home = {*stored, *left}
    missing = [k for k in replicates_of(run) if k not in home]
    if run.succeeded or not missing:
        return None
    why = _causes(run, stored, home, now)
    if not (why.ended or why.secluded or why.in_vain or why.held_up):
        return None
    # The name of a Job is made from its first replicate, too: with another one it is new in any case.
    moved = run.moved + (bool(why.ended or why.secluded) or missing[0] == run.first_replicate)
    replaces = frozenset(why.secluded | why.in_vain | {pod.index for pod in why.faults if pod.in_flight})
    if not why.ended:
        return Move(now, moved, () if why.secluded else run.avoids, "", "", replaces)
    last = max(why.ended, key=lambda pod: (pod.created_at, pod.name))
    at = (last.end_seen_at or last.ended_at or device_deadline(run, last) or now) + delay_of(run.moved)
    if why.deleted and not why.faults:
        return Move(at, moved, run.avoids, "", "", replaces, deleted=last.name)
    if not why.faults:
        return Move(at, moved, run.avoids, "", "", replaces, failed=last.name)
    fault = node_fault_of(last) or device_fault_of(last) or ""
    return Move(at, moved, _with_nodes(run.avoids, why.faults), fault, last.node, replaces)


@dataclass(slots=True)
class _Causes:
    """Why a run is to go on in another Job."""

    faults: list[ObservedPod] = field(default_factory=list)
    """Last pods of indexes that their nodes have ended, or cannot start."""
    deleted: list[ObservedPod] = field(default_factory=list)
    """Last pods of indexes that their Job has given up because somebody deleted them."""
    uncounted: list[ObservedPod] = field(default_factory=list)
    """Last pods of indexes in which training failed, and that only their being stopped ends."""
    secluded: set[int] = field(default_factory=set)
    """Indexes that find no other node."""
    in_vain: set[int] = field(default_factory=set)
    """Indexes that train again what has been brought home."""
    held_up: bool = False

    @property
    def ended(self) -> list[ObservedPod]:
        """Those whose ends decide when the next Job is due."""
        return self.faults or self.deleted or self.uncounted


def _causes(run: ObservedRun, stored: Collection[int], home: Collection[int], now: datetime) -> _Causes:
    found = _Causes()
    for number in range(run.completions):
        pods = pods_of(run, number)
        if number in run.succeeded_indexes:
            continue
        if pods and _is_faulty(run, pods[-1], now):
            found.faults.append(pods[-1])
        elif pods and _is_given_up_for_deletion(run, pods[-1]):
            found.deleted.append(pods[-1])
        elif pods and _is_secluded(run, pods[-1], now):
            found.secluded.add(number)
        elif _trains_again(run, number, pods, home):
            found.in_vain.add(number)
        elif pods and (failed_uncounted(run, pods[-1]) or _fails_to_end(pods[-1], now)):
            found.uncounted.append(pods[-1])
        elif all(k in stored for k in run.replicates_of(number)):
            # At rest, such a pod has been stopped for it, and its Job may count it as failed.
            stopped = run.parallelism == 0 or any(outlives_training(pod, now) for pod in pods)
            found.held_up = found.held_up or stopped
    return found


def delay_of(moved: int) -> timedelta:
    """Between a node's fault and the next Job: 10 s after the first one, rising to 6 min after the fifth."""
    rise = LONGEST_DELAY_SECONDS / FIRST_DELAY_SECONDS
    return timedelta(seconds=FIRST_DELAY_SECONDS * rise ** (min(moved, MAX_MOVES - 1) / (MAX_MOVES - 1)))


def is_at_rest(run: ObservedRun) -> bool:
    """Whether its Job has no pod in flight and starts none, though it has not ended."""
    return run.parallelism == 0 and not any(pod.in_flight for pod in run.pods)


def outlives_training(pod: ObservedPod, now: datetime) -> bool:
    """Whether the pod has held its GPU for too long since its training ended: another container goes on."""
    deadline = outlives_at(pod)
    return deadline is not None and now >= deadline


def outlives_at(pod: ObservedPod) -> datetime | None:
    """When a pod whose training has ended, and whose other containers have not, will have held its GPU for too long."""
    if not (pod.ended and pod.holds_node):
        return None
    ended_at = pod.end_seen_at or pod.ended_at
    return ended_at + SIDECAR_GRACE if ended_at is not None else None


def was_ended_by_others(run: ObservedRun, pod: ObservedPod) -> bool:
    """Whether the pod's end, the last of its index, is not the run's doing: its node's, or that of who deleted it."""
    return node_fault_of(pod) is not None or _is_given_up_for_deletion(run, pod)


def failed_uncounted(run: ObservedRun, pod: ObservedPod) -> bool:
    """Whether training had failed in the pod before its Job was put at rest: a Job does not count a pod that it stops itself."""
    return run.parallelism == 0 and _has_failed(pod) and not is_given_up(run, pod.index)


def is_given_up(run: ObservedRun, number: int) -> bool:
    """Whether the Job has given the index up for what became of its pods, and not failed as a whole."""
    return run.failed_reason in (None, _FAILED_INDEXES) and number in run.failed_indexes


def pods_of(run: ObservedRun, number: int) -> tuple[ObservedPod, ...]:
    """The pods of an index, the first created first."""
    return tuple(sorted((pod for pod in run.pods if pod.index == number), key=lambda pod: pod.created_at))


def unschedulable_deadline(run: ObservedRun, pod: ObservedPod) -> datetime | None:
    """When a pod that finds no other node than those that it avoids will have waited for too long; None: it does not.

    One that is gone by then, because its Job was put at rest for that, still counts.
    """
    if not run.avoids or pod.waiting_reason != UNSCHEDULABLE:
        return None
    if any(words in pod.waiting_message for words in _LACKS_ROOM):
        return None
    return pod.waits_since + SECLUDED_AFTER


def device_deadline(run: ObservedRun, pod: ObservedPod) -> datetime | None:
    """When a pod will have waited for too long for a device that its node cannot give; None: it waits for none, or was moved too often.

    One that is gone by then, because its Job was put at rest for that, still counts.
    """
    if run.moved >= MAX_MOVES or device_fault_of(pod) is None:
        return None
    return pod.waits_since + DEVICELESS_AFTER


def _is_faulty(run: ObservedRun, pod: ObservedPod, now: datetime) -> bool:
    """Whether its node has ended the pod, or cannot start it."""
    deadline = device_deadline(run, pod)
    return node_fault_of(pod) is not None or (deadline is not None and now >= deadline)


def _is_given_up_for_deletion(run: ObservedRun, pod: ObservedPod) -> bool:
    """Whether the Job has given the pod's index up, and the pod, the last of it, was deleted: Kubernetes counts that against the run.

    A Job that has failed as a whole deletes its pods itself.
    """
    return is_given_up(run, pod.index) and was_deleted(pod)


def _fails_to_end(pod: ObservedPod, now: datetime) -> bool:
    """Whether training has failed in the pod, and another container goes on for too long: its Job waits for it to end."""
    return _has_failed(pod) and outlives_training(pod, now)


def _has_failed(pod: ObservedPod) -> bool:
    """Whether training failed in the pod by itself, and another pod may do better."""
    by_itself = pod.ended and pod.exit_code is not None and not (pod.disrupted or was_deleted(pod))
    return by_itself and pod.exit_code not in (0, EXIT_INVALID_FLAGS, EXIT_INDEX_FINAL)


def _is_secluded(run: ObservedRun, pod: ObservedPod, now: datetime) -> bool:
    deadline = unschedulable_deadline(run, pod)
    return deadline is not None and now >= deadline


def _trains_again(run: ObservedRun, number: int, pods: Sequence[ObservedPod], home: Collection[int]) -> bool:
    """Whether a pod of the index, one in flight or the next one, trains again what has been brought home."""
    if run.failed_reason is not None or number in run.failed_indexes:
        return False
    own = [k in home for k in run.replicates_of(number)]
    if all(own):
        return any(pod.in_flight for pod in pods)
    return any(own) and not any(pod.trained for pod in pods)


def _with_nodes(avoided: tuple[str, ...], faults: Sequence[ObservedPod]) -> tuple[str, ...]:
    """The latest nodes that ended the run, each once."""
    names = dict.fromkeys(reversed([*avoided, *(pod.node for pod in faults if pod.node)]))
    return tuple(reversed(list(names)[:MAX_AVOIDED]))
