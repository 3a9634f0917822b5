"""What the operator remembers of a sweep between two passes. All of it can be lost: a pass makes it anew from the API server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.status import SweepStatus
from regsweep.controller.passes.acceptance import Acceptance
from regsweep.controller.passes.admission import Admission
from regsweep.controller.passes.asking import Asking
from regsweep.controller.passes.beside import Beside
from regsweep.controller.passes.freed_slots import FreedSlots
from regsweep.controller.passes.namespaces import NamespaceMemory
from regsweep.controller.passes.observation import Accepted, Template
from regsweep.controller.passes.pod_refusals import PodRefusals
from regsweep.controller.passes.status_pace import LastStatus
from regsweep.controller.passes.workloads import WorkloadMemory
from regsweep.controller.writers.events import Notices
from regsweep.controller.writers.record_store import RecordStore
from regsweep.core.kept import Kept
from regsweep.core.refusals import Refusal
from regsweep.core.results.records import Record
from regsweep.errors import ApiError

TemplateBasis = tuple[Accepted, KubeObject | None, KubeObject | None]
"""The accepted sweep, its PodTemplate, and the ConfigMap of its script."""


@dataclass(frozen=True, slots=True)
class OwnersRefused:
    """Stored results that could not be given the owner that the spec asks for."""

    failure: ApiError
    retry_at: float
    """By the monotonic clock: what is stored is read anew for each try."""


@dataclass(slots=True)
class SweepMemory:
    """Memory of one sweep within one term of leadership. Each field belongs to one step of a pass."""

    records: RecordStore
    prior: tuple[KubeObject, SweepStatus] | None = None
    """The sweep as it was seen last, and its status."""
    acceptance: Acceptance = field(default_factory=Acceptance)
    template: tuple[TemplateBasis, Template] | None = None
    """What the sweep's Jobs were last to be made from, and what that was read from."""
    namespace: NamespaceMemory = field(default_factory=NamespaceMemory)
    searched_jobs: set[tuple[str, str]] = field(default_factory=set)
    """(UID, resourceVersion) of ended Jobs whose pods were asked for live."""
    script_copied: bool = False
    """In this term the sweep's copy of its script was seen."""
    confirmed: bool = False
    """A live GET in this term has shown that the sweep is there."""
    admission: Admission | None = None
    """None: no Job was tried in this term."""
    pod_refusals: PodRefusals = field(default_factory=PodRefusals)
    asking: Asking = field(default_factory=Asking)
    workloads: WorkloadMemory = field(default_factory=WorkloadMemory)
    owners_refused: OwnersRefused | None = None
    """None: nothing of the kind was refused."""
    unstored_since: float | None = None
    """Since when records wait to be stored; None: none does."""
    storing: Beside[tuple[Record, ...]] = field(default_factory=Beside)
    storing_took: float = 0.0
    """Seconds that it took the last time."""
    reporting: Beside[bool] = field(default_factory=Beside)
    """The status that is being written; whether the sweep is over by it."""
    slot_freed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a slot becomes free in mid-pass."""
    last_status: LastStatus | None = None
    """None: none was computed in this term."""
    kept: Kept = field(default_factory=Kept)
    notices: Notices = field(default_factory=Notices)
    freed_slots: FreedSlots = field(default_factory=FreedSlots)

    @property
    def refusal(self) -> Refusal | None:
        """Why the API server took none of the sweep's Jobs when one was last tried; None: it took it."""
        return self.admission.refusal if self.admission is not None else None

    def give_up(self) -> None:
        """Gives up what is written beside the passes: what has become of it is seen when it is read again."""
        self.storing.cancel()
        self.reporting.cancel()
