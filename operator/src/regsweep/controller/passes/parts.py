"""What passes over sweeps share, as far as it belongs together."""

from __future__ import annotations

from dataclasses import dataclass

from regsweep.adapters.object_cache import ObjectCache
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.template_cache import TemplateCache
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.controller.queues.prometheus_queue import PrometheusQueue
from regsweep.controller.queues.removal_queue import RemovalQueue
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


@dataclass(frozen=True, slots=True)
class Queues:
    """What is asked for and not waited for."""

    sweeps: WorkQueue
    """UIDs of sweeps that are due for a pass."""
    prometheus: PrometheusQueue
    analyses: AnalysisQueue
    removals: RemovalQueue
    """Jobs that are being deleted."""

    def forget(self, sweep_uid: str) -> None:
        """Gives up what is asked for a sweep, and drops what is known of it."""
        self.prometheus.forget(sweep_uid)
        self.analyses.forget(sweep_uid)
        self.removals.forget(sweep_uid)


@dataclass(frozen=True, slots=True)
class Writers:
    """What a pass writes with, records apart: they belong to one sweep."""

    jobs: JobWriter
    status: StatusWriter
    scripts: ScriptWriter
    sweeps: SweepWriter
