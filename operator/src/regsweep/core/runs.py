"""A run as decisions see it: the request to create it, and the observed Job (or local process).

What follows from a pod or a run alone is worked out when it is made: a pass over a sweep asks for it hundreds of times.

A pod takes a slot of `spec.parallelism` for as long as it may hold a GPU: until all of its containers have ended, not only the
trainer. A run that a queue or a person has suspended keeps its slots: these may let it go on at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from regsweep.api.constants import CONTAINER_MESSAGE_BYTES, EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.api.objective import EpochRule
from regsweep.core.sweep import Point

MAX_AVOIDED: Final = 10
"""Nodes that a run keeps away from: the latest that ended it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run to be created. Its name is a hash of what it trains, so that creating it twice is a no-op."""

    name: str
    point: Point
    first_replicate: int
    replicates: int
    replicates_per_pod: int
    attempt: int
    linger_seconds: int
    parallelism: int = 1
    lost: int = 0
    """How often these replicates were trained before without a record that could be read."""
    moved: int = 0
    """How often these replicates were taken from another run before."""
    avoids: tuple[str, ...] = ()
    """Nodes that its pods keep away from: they ended the runs before."""
    gpu_seconds: float = 0.0
    """That the runs before have spent on these replicates without bringing a record of them."""
    message_bytes: int = CONTAINER_MESSAGE_BYTES
    """Most bytes of its termination message that pods were seen to have room for."""
    data_digest: str = ""
    """Digest of the data that the sweep's results rest on: the run must not train on other data. Empty: none is known."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """An existing run, with the UID that every write to it takes as its precondition."""

    name: str
    uid: str


class PodPhase(StrEnum):
    """The phases of a pod that matter here."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """A training pod, or a local process."""

    name: str
    uid: str
    index: int
    """Its completion index within the Job."""
    phase: PodPhase
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """End of the container `trainer`, by its node's clock."""
    end_seen_at: datetime | None = None
    """When its end was first seen, by the operator's clock; None: not noted, and `ended_at` stands in."""
    exit_code: int | None = None
    message: str = ""
    """The termination message, as written."""
    reason: str = ""
    """The pod's or container's own reason: OOMKilled, Evicted, DeadlineExceeded ..."""
    waiting_reason: str = ""
    """Why the container does not start (ImagePullBackOff ...) or the pod is not scheduled (Unschedulable)."""
    waiting_message: str = ""
    waiting_since: datetime | None = None
    """Since when this has been seen; None: not noted, and its creation stands in."""
    node: str = ""
    """The node that it was given to; empty: none."""
    status_message: str = ""
    """What was said with the pod's own reason."""
    disrupted: bool = False
    """Kubernetes ended it on purpose (condition DisruptionTarget): its Job replaces it and does not count that."""
    others: tuple[str, ...] = ()
    """Containers beside the trainer that have not ended: a pod holds its GPU until all have."""
    image: str = ""
    """Digest of the image that its container runs, as the node names it; empty: not known."""
    containers: int = 1
    """How many containers the pod has, init containers and ephemeral ones among them."""
    memory_limit: str = ""
    """The container's memory limit, such as `2Gi`; empty: none."""
    deleting: bool = False
    """Somebody has deleted it, and it is on its way out."""
    deletion_due: datetime | None = None
    """When it should be gone; None: nobody has deleted it."""
    deleted_at: datetime | None = None
    """When it was deleted; None: nobody has."""
    gone: bool = False
    """The object was deleted; this is the last that was seen of it."""

    ended: bool = field(init=False, compare=False, repr=False)
    """Whether its container has ended, even if the Job controller has not processed that yet."""
    trained: bool = field(init=False, compare=False, repr=False)
    """Whether its training ended well, whatever became of the pod: another container may have failed since."""
    in_flight: bool = field(init=False, compare=False, repr=False)
    """Whether its container has not ended, as far as is known."""
    holds_node: bool = field(init=False, compare=False, repr=False)
    """Whether it holds what it was given of its node, a GPU for instance: some container has not ended."""

    def __post_init__(self) -> None:
        ended = self.phase is PodPhase.SUCCEEDED or self.phase is PodPhase.FAILED
        object.__setattr__(self, "ended", ended)
        object.__setattr__(self, "trained", self.phase is PodPhase.SUCCEEDED or (ended and self.exit_code == 0))
        object.__setattr__(self, "in_flight", not (ended or self.gone))
        object.__setattr__(self, "holds_node", not self.gone and (not ended or bool(self.others)))

    @property
    def waits_since(self) -> datetime:
        """Since when it waits for what it waits for, as far as is known."""
        return self.waiting_since or self.created_at


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A Job of the sweep, or a local run. Its replicates are first_replicate ... first_replicate + replicates - 1."""

    name: str
    uid: str
    point_key: str
    first_replicate: int
    replicates: int
    replicates_per_pod: int
    attempt: int
    created_at: datetime
    lost: int = 0
    """How often these replicates were trained before without a record that could be read."""
    moved: int = 0
    """How often these replicates were taken from another run before."""
    avoids: tuple[str, ...] = ()
    """Nodes that its pods keep away from."""
    gpu_seconds: float = 0.0
    """GPU-seconds that the runs before have spent on these replicates without bringing a record of them."""
    template: str = ""
    """Digest of what its pod template was made from, beside the run; empty: not known."""
    rule: EpochRule | None = None
    """The rule that it chooses best epochs by; None: it was created by a version that did not note it."""
    parallelism: int = 1
    """Pods that the Job controller may run at once."""
    suspended: bool = False
    paused: bool = False
    """The operator has suspended it for `spec.suspend`, and has not taken that back; somebody may have resumed it since."""
    queue_managed: bool = False
    """A queue (Kueue) admits it: its `suspend` is not ours."""
    succeeded: bool = False
    """The Job has the condition Complete."""
    failed_reason: str | None = None
    """The Job has the condition Failed, for this reason (PodFailurePolicy, DeadlineExceeded, BackoffLimitExceeded ...)."""
    failed_message: str = ""
    failed_indexes: frozenset[int] = frozenset()
    succeeded_indexes: frozenset[int] = frozenset()
    ended_at: datetime | None = None
    deleting: bool = False
    pods: tuple[ObservedPod, ...] = ()
    is_over: bool = field(init=False, compare=False, repr=False)
    """Whether no pod of it comes any more, by the Job controller's word."""
    open_indexes: int = field(init=False, compare=False, repr=False)
    """How many indexes have a pod in flight or will need one, those in back-off included."""
    slots: int = field(init=False, compare=False, repr=False)
    """Pods that hold a GPU, and those that it may start at any moment."""
    needs_no_pod: bool = field(init=False, compare=False, repr=False)
    """Whether no pod of it will train any more. It does not wait for the Job controller's word."""
    wants_pod: bool = field(init=False, compare=False, repr=False)
    """Whether it should have more pods than it has, now or after a back-off."""

    def __post_init__(self) -> None:
        is_over = self.succeeded or self.failed_reason is not None
        open_indexes, holding = _open_indexes(self), sum(pod.holds_node for pod in self.pods)
        wanted = min(self.parallelism, open_indexes)
        starts_none = (self.suspended and self.paused) or self.deleting or is_over
        object.__setattr__(self, "is_over", is_over)
        object.__setattr__(self, "open_indexes", open_indexes)
        object.__setattr__(self, "slots", holding if starts_none else max(wanted, holding))
        object.__setattr__(self, "needs_no_pod", is_over or open_indexes == 0)
        ends = self.suspended or self.deleting or is_over
        object.__setattr__(self, "wants_pod", not ends and wanted > holding)

    @property
    def lacks_pod(self) -> bool:
        """Whether it should have a pod by now, and never had one."""
        return self.wants_pod and not (self.pods or self.succeeded_indexes or self.failed_indexes)

    @property
    def held(self) -> bool:
        """Whether somebody else has suspended it: a queue, or a person. It goes on when they let it, not when we do."""
        return self.suspended and not self.paused

    @property
    def completions(self) -> int:
        """How many indexes the Job has."""
        return -(-self.replicates // self.replicates_per_pod)

    def replicates_of(self, index: int) -> range:
        """The replicates that the pod of this index trains; the last index may have fewer."""
        first = self.first_replicate + index * self.replicates_per_pod
        return range(first, min(first + self.replicates_per_pod, self.first_replicate + self.replicates))


@dataclass(frozen=True, slots=True)
class Workload:
    """What Kueue knows a Job by."""

    name: str
    uid: str
    version: str
    """Its resourceVersion: what has changed since is left alone, and looked at again."""
    queue: str
    """Name of the LocalQueue; empty: none is named."""
    active: bool = True
    """Kueue admits it when there is quota; False: it stops it, and does not admit it."""
    paused: bool = False
    """The operator has deactivated it for `spec.suspend`, and has not taken that back; somebody may have activated it since."""
    evicted: str = ""
    """Why it was put back after it had been admitted, in one word of Kueue's; empty: it was not, or is admitted again."""
    given_up: bool = False
    """Kueue takes it for finished, and does not admit it again."""
    words: str = ""
    """Kueue's words on why it is not admitted; empty: none yet, or it is."""


Workloads = Mapping[str, Workload]
"""By the UID of the run."""


@dataclass(frozen=True, slots=True)
class AlteredJob:
    """A Job that the sweep controls and that is none of its runs: somebody changed or forged it. Nothing is taken from it."""

    name: str
    uid: str
    problem: str
    """What contradicts itself, in words; it quotes nothing that a person wrote."""
    pods_in_flight: int = 0
    """Slots that it takes all the same: its pods may hold GPUs."""


def replicates_of(run: ObservedRun) -> range:
    """The replicates that the run was created for."""
    return range(run.first_replicate, run.first_replicate + run.replicates)


def ref_of(run: ObservedRun) -> RunRef:
    """The reference that writes to the run take."""
    return RunRef(run.name, run.uid)


def _open_indexes(run: ObservedRun) -> int:
    if any(pod.exit_code == EXIT_INVALID_FLAGS for pod in run.pods):
        return sum(pod.in_flight for pod in run.pods)
    done = {pod.index for pod in run.pods if pod.ended and pod.exit_code in (0, EXIT_INDEX_FINAL)}
    return run.completions - len(done | run.succeeded_indexes | run.failed_indexes)
