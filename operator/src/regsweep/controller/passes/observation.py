"""What a pass has seen of a sweep: either of four values, and all that the pass decides on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from regsweep.adapters.kubeapi import KubeObject, uid_of
from regsweep.api.status import ManagedBy, SweepStatus
from regsweep.core.runs import RunRef
from regsweep.core.sweep import Sweep
from regsweep.core.world import Observed
from regsweep.errors import Problem


@dataclass(frozen=True, slots=True)
class TerminatingNamespace:
    """The sweep's namespace is being deleted."""

    jobs: tuple[RunRef, ...]
    """Those that stand in the way."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Another operator runs the sweep, or is to run it; or nobody, while it is being imported."""

    claim: ManagedBy | None
    """That of another operator of our name; None: nothing is to be said."""


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """The sweep's spec breaks rules."""

    prior: SweepStatus
    problems: Sequence[Problem]
    look_again: bool = False
    """What is missing may come without an edit of the sweep."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A spec that keeps the rules, with what is pinned."""

    sweep: Sweep
    edits: Sequence[Problem]
    """Changes of what is pinned, which are not followed."""


@dataclass(frozen=True, slots=True)
class Template:
    """What the sweep's Jobs are made from."""

    object: KubeObject | None
    """The PodTemplate of `spec.templateRef`; None where the spec names none, or one that does not exist."""
    missing: str | None
    """The name of one that does not exist."""
    script: KubeObject | None
    """The ConfigMap of `spec.trainer.script`; None where the spec names none, or one that does not exist."""
    message_bytes: int
    """Room for the trainer's termination message in its pods."""
    fingerprint: str
    """Of it and of all of the spec that a Job is made from: another one is a reason to try again what was refused."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A sweep that is accepted."""

    object: KubeObject
    """The sweep as the cache has it."""
    prior: SweepStatus
    """Its status, with our claim."""
    claimed: bool
    """Whether our claim is stored."""
    accepted: Accepted
    template: Template
    observed: Observed
    """What `plan` decides on."""
    now: datetime

    @property
    def uid(self) -> str:
        """The sweep's UID."""
        return uid_of(self.object)

    @property
    def sweep(self) -> Sweep:
        """The sweep as decisions see it."""
        return self.accepted.sweep

    @property
    def started(self) -> bool:
        """Whether a Job or a record of it exists."""
        return bool(self.observed.runs) or len(self.observed.records) > 0

    @property
    def pinned(self) -> bool:
        """Whether the status holds what is pinned."""
        return self.prior.resolved == self.sweep.resolved
