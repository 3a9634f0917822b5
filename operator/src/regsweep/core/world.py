"""What is observed of the world, in the core's own types. Adapters build these from Jobs and pods, the local runner from processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from regsweep.api.status import FinalStatus
from regsweep.core.judge import Judged
from regsweep.core.records import Records


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
    """End of the container `trainer`."""
    exit_code: int | None = None
    message: str = ""
    """The termination message, as written."""
    reason: str = ""
    """The pod's or container's own reason: OOMKilled, Evicted, DeadlineExceeded ..."""
    waiting_reason: str = ""
    """Why the container does not start (ImagePullBackOff ...) or the pod is not scheduled (Unschedulable)."""
    waiting_message: str = ""
    image: str = ""
    """Digest of the image that its container runs, as the node names it; empty: not known."""
    memory_limit: str = ""
    """The container's memory limit, such as `2Gi`; empty: none."""
    deleting: bool = False
    """Somebody has deleted it, and it is on its way out."""
    gone: bool = False
    """The object was deleted; this is the last that was seen of it."""

    @property
    def ended(self) -> bool:
        """Whether its container has ended, whatever the Job controller has made of that yet."""
        return self.phase in (PodPhase.SUCCEEDED, PodPhase.FAILED)


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
    parallelism: int = 1
    """Pods that the Job controller may run at once."""
    suspended: bool = False
    queue_managed: bool = False
    """A queue (Kueue) admits it: its `suspend` is not ours."""
    succeeded: bool = False
    """The Job controller says Complete."""
    failed_reason: str | None = None
    """The Job controller says Failed, for this reason (PodFailurePolicy, DeadlineExceeded, BackoffLimitExceeded ...)."""
    failed_message: str = ""
    failed_indexes: frozenset[int] = frozenset()
    succeeded_indexes: frozenset[int] = frozenset()
    ended_at: datetime | None = None
    deleting: bool = False
    pods: tuple[ObservedPod, ...] = ()

    @property
    def completions(self) -> int:
        """How many indexes the Job has."""
        return -(-self.replicates // self.replicates_per_pod)

    def replicates_of(self, index: int) -> range:
        """The replicates that the pod of this index trains; the last index may have fewer."""
        first = self.first_replicate + index * self.replicates_per_pod
        return range(first, min(first + self.replicates_per_pod, self.first_replicate + self.replicates))


@dataclass(frozen=True, slots=True)
class Sample:
    """What Prometheus last scraped of one replicate in one pod."""

    complete: bool
    """`_complete` was 1: the values are final."""
    epoch: int
    epochs: int
    metrics: Mapping[str, float]
    """Split first; a NaN stays a NaN."""
    best_epoch: int | None = None
    best_train: float | None = None
    best_val: float | None = None


class MetricsState(StrEnum):
    """How the last question to Prometheus went."""

    NOT_CONFIGURED = "NotConfigured"
    NOT_ASKED = "NotAsked"
    ANSWERED = "Answered"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Prometheus' answer for a sweep: by (pod name, replicate)."""

    state: MetricsState = MetricsState.NOT_CONFIGURED
    samples: Mapping[tuple[str, int], Sample] = field(default_factory=dict)
    error: str = ""
    """What went wrong, for people; with FAILED."""
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision about a sweep may rest on."""

    records: Records
    runs: tuple[ObservedRun, ...] = ()
    scrapes: Scrapes = Scrapes()
    refusal: str | None = None
    """The API server's words when it refused a Job of ours; None once one was taken."""
    judged: Judged | None = None
    """The last analysis of the sweep's records, be they fewer; None: none was made."""
    final: FinalStatus | None = None
    """The frozen picks of the final evaluation; None: not frozen yet."""
    template_missing: str | None = None
    """Name of a templateRef that is not there."""
