"""All that a decision about a sweep may rest on. The operator observes it from caches, the local runner from processes and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from regsweep.api.status import FinalStatus
from regsweep.core.judging.analysis import AnalysisResult
from regsweep.core.refusals import Refusal
from regsweep.core.results.records import Records
from regsweep.core.results.scrapes import Scrapes
from regsweep.core.runs import AlteredJob, ObservedRun, Workloads

MOST_MESSAGE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Usage:
    """What a sweep has used, as far as neither records nor runs say so."""

    start_time: datetime | None = None
    """When the sweep was first accepted; in a local run, when it was started. None: only now."""
    pod_gpus: int | None = None
    """GPUs of each pod; None: nobody but the trainer knows, as in a local run."""
    gpu_seconds: float = 0.0
    """GPU-seconds that it is known to have used before; more than its records say where pods left none."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision about a sweep may rest on."""

    records: Records
    runs: tuple[ObservedRun, ...] = ()
    altered: tuple[AlteredJob, ...] = ()
    """Jobs of the sweep that are none of its runs."""
    workloads: Workloads | None = None
    """What Kueue knows of runs that are stopped; None: it is not read."""
    scrapes: Scrapes = field(default_factory=Scrapes)
    refusal: Refusal | None = None
    """Why the API server took no Job of the sweep; None once it took one, or where it is time to try again."""
    others_wait: bool = False
    """Another sweep of the namespace waits for a quota that ended Jobs use up too."""
    orphaned_pods: int = 0
    """Pods whose Jobs are gone, and that still hold what they were given: they take slots until they have ended."""
    refused_pods: Mapping[str, Refusal] = field(default_factory=dict)
    """Names of runs that lack a pod, and why the API server refuses it."""
    room: int = 0
    """How many of these pods there may be room for, since others have ended."""
    asked: Mapping[str, bool] = field(default_factory=dict)
    """Names of runs whose pods were asked for since, and whether in vain."""
    cautious: bool = False
    """Pods were refused not long ago: few Jobs at a time are created, until all have theirs."""
    template: str = ""
    """Digest of what pod templates are made from now, beside the run."""
    analysis_result: AnalysisResult | None = None
    """The last analysis of the sweep's records, be they fewer; None: none was made."""
    final: FinalStatus | None = None
    """The frozen picks of the final evaluation; None: not frozen yet."""
    usage: Usage = Usage()
    """What it has used, apart from its records and runs."""
    message_bytes: int = MOST_MESSAGE_BYTES
    """Room for a termination message by the templates; that of a local run's file is no limit."""
    template_missing: str | None = None
    """Name of a templateRef that is not there."""
