"""The operator's parts, made from its settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final
from uuid import uuid4

from regsweep.adapters.informer import Informer, Scope
from regsweep.adapters.kubeapi import CONFIG_MAPS, JOBS, PODS, SWEEPS, KubeApi, workloads
from regsweep.adapters.lease import Lease, LeaseTimes
from regsweep.adapters.object_cache import ObjectCache
from regsweep.adapters.prometheus import Prometheus
from regsweep.api.constants import SWEEP_UID_LABEL
from regsweep.api.status import ManagedBy
from regsweep.controller.caches.claimed_leases import ClaimedLeases
from regsweep.controller.caches.kept_sweeps import trim_sweep
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.template_cache import TemplateCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job, trim_pod
from regsweep.controller.clocks import Clocks
from regsweep.controller.passes.acceptance import Rules
from regsweep.controller.passes.claiming import Claims
from regsweep.controller.passes.parts import Caches, Queues, Writers
from regsweep.controller.passes.reconcile import Reconciler
from regsweep.controller.passes.schedule import Intervals
from regsweep.controller.passes.sweep_reader import SweepReader
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.controller.queues.prometheus_queue import PrometheusQueue
from regsweep.controller.queues.removal_queue import RemovalQueue
from regsweep.controller.queues.room_requests import RoomRequests
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.controller.writers.events import EventWriter
from regsweep.controller.writers.job_writer import JobWriter
from regsweep.controller.writers.script_writer import ScriptWriter
from regsweep.controller.writers.status_writer import StatusWriter
from regsweep.controller.writers.sweep_writer import SweepWriter
from regsweep.core.accept import Defaults
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.results.queries import TargetLabels
from regsweep.metrics import Metrics
from regsweep.settings import Settings

VERSION: Final = version("regsweep")


def identity_of(settings: Settings) -> str:
    """Who this operator is to the others: the same again only after a restart of its own container."""
    return settings.identity or settings.pod_name or f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def lease_place(settings: Settings) -> tuple[str, str]:
    """Namespace and name of the Lease that this operator leads by."""
    return settings.lease_namespace or settings.pod_namespace or "default", settings.lease_name


def build_claims(api: KubeApi, settings: Settings, clocks: Clocks) -> Claims:
    """The operator's claims of sweeps. Others' Leases are left alone for as long as a standby of theirs would need."""
    own = ManagedBy(name=settings.managed_by, lease="/".join(lease_place(settings)))
    leases = ClaimedLeases(api, interval_seconds=settings.lease_duration_seconds, clock=clocks.monotonic)
    return Claims(own, leases)


def build_lease(api: KubeApi, settings: Settings, clocks: Clocks) -> Lease:
    """The lease that operators contend for."""
    return Lease(
        api,
        *lease_place(settings),
        identity_of(settings),
        times=LeaseTimes(
            settings.lease_duration_seconds, settings.lease_renew_deadline_seconds, settings.lease_retry_seconds
        ),
        clock=clocks.monotonic,
        now=clocks.now,
    )


def build_caches(api: KubeApi, clocks: Clocks) -> Caches:
    """The caches, still empty. All sweeps are one group; Jobs and pods are grouped by their sweep."""
    jobs = ObjectCache(group_by=sweep_uid_of, trim=trim_job, keep_tombstones=True)
    pods = ObjectCache(group_by=sweep_uid_of, trim=trim_pod, keep_tombstones=True)
    sweeps = ObjectCache(group_by=lambda _: "", trim=trim_sweep)
    scripts = TemplateCache(api, CONFIG_MAPS, clock=clocks.monotonic)
    runs = RunCache(jobs, pods, now=clocks.now)
    return Caches(sweeps, runs, TemplateCache(api, clock=clocks.monotonic), scripts)


def build_informers(api: KubeApi, settings: Settings, caches: Caches, clocks: Clocks) -> tuple[Informer, ...]:
    """What keeps the caches of sweeps, Jobs and pods in step with the API server."""
    namespaces = tuple(settings.namespaces) or (None,)
    scopes = (  # sweeps are few, and nothing else tells of a person's edit of one
        (Scope(SWEEPS, namespaces=namespaces), caches.sweeps, settings.resync_seconds),
        (Scope(JOBS, SWEEP_UID_LABEL, namespaces), caches.runs.jobs, settings.relist_seconds),
        (Scope(PODS, SWEEP_UID_LABEL, namespaces), caches.runs.pods, settings.relist_seconds),
    )
    return tuple(
        Informer(api, scope, cache, relist_seconds=seconds, clock=clocks.monotonic) for scope, cache, seconds in scopes
    )


def build_queues(
    settings: Settings,
    prometheus: Prometheus | None,
    analyse: Callable[[AnalysisRequest], Awaitable[AnalysisResult]],
    metrics: Metrics,
    clocks: Clocks,
) -> Queues:
    """The queues; an answer makes its sweep due."""
    sweeps = WorkQueue(clock=clocks.monotonic)
    labels = TargetLabels(
        settings.prometheus_namespace_label, settings.prometheus_pod_label, settings.prometheus_enforced_namespace
    )
    return Queues(
        sweeps,
        PrometheusQueue(prometheus, labels, on_answer=sweeps.add, metrics=metrics, clocks=clocks),
        AnalysisQueue(analyse, on_answer=sweeps.add, metrics=metrics, clock=clocks.monotonic),
        RemovalQueue(on_end=sweeps.add, clock=clocks.monotonic),
        RoomRequests(on_request=sweeps.add, clock=clocks.monotonic),
    )


def build_reconciler(
    api: KubeApi,
    settings: Settings,
    caches: Caches,
    queues: Queues,
    claims: Claims,
    identity: str,
    metrics: Metrics,
    clocks: Clocks,
) -> Reconciler:
    """The reconciler. api: what it writes to; identity: who its events are by."""
    jobs = JobDefaults(settings.trainer_env, settings.trainer_template, settings.gpu_resources)
    rules = Rules(Defaults(settings.trainer_image, settings.gpu_resource, VERSION), settings.max_combinations, jobs)
    kueue = workloads(settings.kueue_version) if settings.kueue_version else None
    events = EventWriter(api, instance=identity, now=clocks.now)
    writers = Writers(
        JobWriter(api, caches.runs, jobs, metrics, workloads=kueue),
        StatusWriter(api, caches.sweeps, events),
        ScriptWriter(api),
        SweepWriter(api),
    )
    intervals = Intervals(
        status=settings.status_interval_seconds,
        store=settings.store_interval_seconds,
        collect=settings.collect_interval_seconds,
        live=settings.live_interval_seconds,
        refusal_retry=settings.refusal_retry_seconds,
    )
    reader = SweepReader(
        api,
        caches,
        queues,
        rules,
        claims,
        clocks,
        workloads=kueue,
    )
    return Reconciler(api, caches, queues, reader, claims, writers, metrics, intervals, clocks)
