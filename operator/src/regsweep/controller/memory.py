"""What the operator remembers of a sweep between two passes. All of it can be lost: a pass makes it anew from the API server."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.spec import SweepSpec
from regsweep.controller.store import RecordStore
from regsweep.core.plan import Notice
from regsweep.core.sweep import Sweep
from regsweep.errors import Problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Job that the API server would not take, or a template that cannot be merged."""

    words: str
    fingerprint: str
    """Of what the Job was made from: a change of it is a reason to try again at once."""
    at: float
    """By the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A spec that keeps the rules, with what is pinned."""

    sweep: Sweep
    edits: Sequence[Problem]


@dataclass(slots=True)
class SweepMemory:
    """Memory of one sweep within one term of leadership."""

    store: RecordStore
    confirmed: bool = False
    """A live GET in this term has shown that the sweep is there."""
    spec_of: tuple[int, SweepSpec] | None = None
    """Generation, and the spec read from it."""
    accepted_of: tuple[tuple[object, ...], Accepted] | None = None
    """What the acceptance rested on, and its outcome."""
    taken_fingerprint: str | None = None
    """What the last Job that the API server took was made from."""
    refusal: Refusal | None = None
    unstored_since: float | None = None
    """Since when records wait to be stored; None: none does."""
    status_at: float | None = None
    """When the status was last computed; None: never in this term."""
    status_of: tuple[object, ...] = ()
    """What the last status said that must not wait: generation, refusal, missing template."""
    notices: list[Notice] = field(default_factory=list)
    """Events to be written once the status has landed."""
    told: set[Notice] = field(default_factory=set)
    """Notices that are in `notices` or were written."""
    freed_at: deque[float] = field(default_factory=deque)
    """When pods ended whose slots are not filled yet."""
    namespace_is_going: bool = False
    """The API server takes nothing new in its namespace: it is being deleted."""
    pods_asked_about: set[str] = field(default_factory=set)
    """UIDs of pods that somebody took away, and about which it was asked whether their namespace is going."""
    looked_for_pods: set[tuple[str, str]] = field(default_factory=set)
    """(UID, resourceVersion) of ended Jobs whose pods were asked for live."""

    def notice(self, notice: Notice) -> None:
        """Keeps a notice for the next status write, once."""
        if notice not in self.told:
            self.told.add(notice)
            self.notices.append(notice)


@dataclass(frozen=True, slots=True)
class View:
    """One sweep as a pass sees it."""

    object: KubeObject
    accepted: Accepted
    template: KubeObject | None
    """The PodTemplate of `spec.templateRef`; None where there is no reference, or nothing behind it."""
    template_missing: str | None
    fingerprint: str
    now: datetime
