"""What passes over sweeps share, as far as it belongs together."""

from __future__ import annotations

from dataclasses import dataclass

from regsweep.adapters.object_cache import ObjectCache
from regsweep.controller.analysis_queue import AnalysisQueue
from regsweep.controller.job_writer import JobWriter
from regsweep.controller.prometheus_queue import PrometheusQueue
from regsweep.controller.run_cache import RunCache
from regsweep.controller.status_writer import StatusWriter
from regsweep.controller.template_cache import TemplateCache
from regsweep.controller.workqueue import WorkQueue


@dataclass(frozen=True, slots=True)
class Caches:
    """What is read without asking the API server."""

    sweeps: ObjectCache
    runs: RunCache
    templates: TemplateCache


@dataclass(frozen=True, slots=True)
class Queues:
    """What is asked for and not waited for."""

    sweeps: WorkQueue
    """UIDs of sweeps that are due for a pass."""
    prometheus: PrometheusQueue
    analyses: AnalysisQueue


@dataclass(frozen=True, slots=True)
class Writers:
    """What a pass writes with, records apart: they belong to one sweep."""

    jobs: JobWriter
    status: StatusWriter
