"""What passes over sweeps share, as far as it belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regsweep.adapters.kubeapi import namespace_of, uid_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.template_cache import TemplateCache
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.controller.queues.prometheus_queue import PrometheusQueue
from regsweep.controller.queues.removal_queue import RemovalQueue
from regsweep.controller.queues.room_requests import RoomRequests
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.controller.writers.job_writer import JobWriter
from regsweep.controller.writers.script_writer import ScriptWriter
from regsweep.controller.writers.status_writer import StatusWriter
from regsweep.controller.writers.sweep_writer import SweepWriter


@dataclass(frozen=True, slots=True)
class Caches:
    """What is read without asking the API server."""

    sweeps: ObjectCache
    runs: RunCache
    templates: TemplateCache
    scripts: TemplateCache
    """ConfigMaps."""

    def sweeps_with_jobs(self, namespace: str) -> Iterator[str]:
        """UIDs of the namespace's sweeps that have Jobs."""
        for entry in self.sweeps.group(""):
            uid = uid_of(entry.object)
            if namespace_of(entry.object) == namespace and any(True for _ in self.runs.jobs.group(uid)):
                yield uid


@dataclass(frozen=True, slots=True)
class Queues:
    """What is asked for and not waited for."""

    sweeps: WorkQueue
    """UIDs of sweeps that are due for a pass."""
    prometheus: PrometheusQueue
    analyses: AnalysisQueue
    removals: RemovalQueue
    """Jobs that are being deleted."""
    room: RoomRequests

    def forget(self, sweep_uid: str) -> None:
        """Gives up what is asked for a sweep, and drops what is known of it."""
        self.prometheus.forget(sweep_uid)
        self.analyses.forget(sweep_uid)
        self.removals.forget(sweep_uid)
        self.room.forget(sweep_uid)


@dataclass(frozen=True, slots=True)
class Writers:
    """What a pass writes with, records apart: they belong to one sweep."""

    jobs: JobWriter
    status: StatusWriter
    scripts: ScriptWriter
    sweeps: SweepWriter
