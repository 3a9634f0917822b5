"""The operator put together: informers that feed the queue, workers that reconcile while the lease is held, health, kopf."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import uniform
from time import monotonic
from typing import Any
from uuid import uuid4

from regsweep.adapters.informer import Entry, Informer
from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    SWEEPS,
    KubeApi,
    controller_uid_of,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
)
from regsweep.adapters.lease import Lease, LeaseTimes
from regsweep.adapters.prometheus import Prometheus
from regsweep.api.constants import SWEEP_UID_LABEL
from regsweep.controller.acting import Actor
from regsweep.controller.analysis_process import ask_process
from regsweep.controller.analysis_queue import AnalysisQueue
from regsweep.controller.fence import FencedApi
from regsweep.controller.health import Health
from regsweep.controller.observing import Observing
from regsweep.controller.publishing import Events
from regsweep.controller.reconcile import Pace, Reconciler
from regsweep.controller.run_cache import RunCache, sweep_uid_of, trim_job, trim_pod
from regsweep.controller.scraping import Scraping
from regsweep.controller.templates import Templates
from regsweep.controller.workqueue import WorkQueue
from regsweep.core.accept import Defaults
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.results.queries import TargetLabels
from regsweep.errors import ApiError, Conflict, RegsweepError
from regsweep.metrics import RECONCILE_SECONDS, RECONCILE_TOTAL, RUNS, SWEEP_STATE, Metrics
from regsweep.metrics import SWEEPS as SWEEPS_GAUGE
from regsweep.settings import Settings

logger = logging.getLogger(__name__)

VERSION = version("regsweep")
QUIET_CHANGE_SECONDS = 0.3
"""How long news that free no slot (scheduled, pulled, started) wait for more of their kind."""
_RUN_STATES = ("pending", "running", "succeeded", "failed")
_SWEEP_STATES = ("Pending", "Running", "Suspended", "Complete", "Failed", "Invalid")


class Operator:
    """Everything but the process around it. `start` it, `stop` it."""

    def __init__(
        self,
        api: KubeApi,
        settings: Settings,
        metrics: Metrics,
        *,
        prometheus: Prometheus | None = None,
        analyse: Callable[[AnalysisRequest], Awaitable[AnalysisResult]] = ask_process,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        namespaces: tuple[str | None, ...] = tuple(settings.namespaces) or (None,)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self.queue = WorkQueue(clock=clock)
        self.sweeps = Informer(api, SWEEPS, group_by=lambda _: "", namespaces=namespaces, clock=clock)
        self.jobs = _children_informer(api, settings, "jobs", clock)
        self.pods = _children_informer(api, settings, "pods", clock)
        self.lease = Lease(
            api,
            settings.lease_namespace or settings.pod_namespace or "default",
            settings.lease_name,
            identity_of(settings),
            times=LeaseTimes(
                settings.lease_duration_seconds, settings.lease_renew_deadline_seconds, settings.lease_retry_seconds
            ),
            clock=clock,
            now=now,
        )
        informers = (self.sweeps, self.jobs, self.pods)
        self.health = Health(informers, self.queue, self.lease, live_after_seconds=settings.live_after_seconds)
        fenced = FencedApi(api, lambda: self.lease.held)
        children = RunCache(self.jobs, self.pods)
        self._scraping = Scraping(
            prometheus,
            TargetLabels(settings.prometheus_namespace_label, settings.prometheus_pod_label),
            on_answer=self.queue.add,
            now=now,
            metrics=metrics,
            clock=clock,
        )
        self._analysing = AnalysisQueue(analyse, on_answer=self.queue.add, metrics=metrics, clock=clock)
        self.reconciler = Reconciler(
            fenced,
            self.sweeps,
            children,
            self.queue,
            self._scraping,
            self._analysing,
            Observing(
                fenced,
                children,
                Templates(fenced, clock=clock),
                Defaults(settings.trainer_image, settings.gpu_resource, VERSION),
                max_combinations=settings.max_combinations,
                now=now,
            ),
            Actor(fenced, children, JobDefaults(settings.trainer_env, settings.trainer_template), metrics),
            Events(fenced, instance=self.lease.identity, now=now),
            metrics,
            pace=Pace(
                status=settings.status_interval_seconds,
                store=settings.store_interval_seconds,
                collect=settings.collect_interval_seconds,
                live=settings.live_interval_seconds,
                refusal_retry=settings.refusal_retry_seconds,
            ),
            now=now,
            clock=clock,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] | None = None
        self._term = 0
        self.sweeps.add_listener(self._on_sweep)
        self.jobs.add_listener(self._on_job)
        self.pods.add_listener(self._on_pod)
        self.health.register(metrics)
        metrics.read_gauge(SWEEPS_GAUGE, self._sweeps_by_state)
        metrics.read_gauge(SWEEP_STATE, self._state_of_sweeps)
        metrics.read_gauge(RUNS, self._runs_by_state)

    def start(self) -> None:
        """Starts all tasks; returns at once."""
        self._failed = asyncio.get_running_loop().create_future()
        for informer in (self.sweeps, self.jobs, self.pods):
            self._spawn(informer.run(), f"informer {informer.resource.plural}")
        self._spawn(self.lease.run(), "lease")
        self._spawn(self._lead(), "leadership")
        self._spawn(self._resync(), "resync")
        self._spawn(self.health.watch_loop(), "loop lag")
        for number in range(self._settings.workers):
            self._spawn(self._work(), f"worker {number}")

    async def wait_failed(self) -> None:
        """Waits until one of its tasks ends by an error of the program, and raises that error."""
        assert self._failed is not None, "start it first"
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Ends all tasks, then gives the lease to another."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._scraping.close()
        await self._analysing.close()
        await self.lease.release()

    # Who is told what

    def _on_sweep(self, entry: Entry) -> None:
        self.queue.add(uid_of(entry.object))

    def _on_job(self, entry: Entry) -> None:
        conditions = entry.object["status"]["conditions"]
        ended = entry.gone or any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
        self.queue.add(sweep_uid_of(entry.object), 0.0 if ended else QUIET_CHANGE_SECONDS)

    def _on_pod(self, entry: Entry) -> None:
        uid = sweep_uid_of(entry.object)
        if entry.gone:
            orphan = self.jobs.get(controller_uid_of(entry.object)) is None
            self.queue.add(uid, QUIET_CHANGE_SECONDS if orphan else 0.0)
        elif _has_ended(entry):
            self.reconciler.pod_ended(uid)
            self.queue.add(uid)
        else:
            self.queue.add(uid, QUIET_CHANGE_SECONDS)

    async def _resync(self) -> None:
        """Looks at every sweep that is not over now and then, in case something was missed."""
        while True:
            await asyncio.sleep(self._settings.resync_seconds * uniform(0.75, 1.25))
            for entry in self.sweeps.group(""):
                if not _is_at_rest(entry):
                    self.queue.add(uid_of(entry.object), uniform(0, min(10.0, self._settings.resync_seconds)))

    # Working

    async def _lead(self) -> None:
        """Enters each new term of leadership, once the caches are complete."""
        await self._wait_synced()
        while True:
            self._enter(await self.lease.wait_held(after=self._term))

    async def _work(self) -> None:
        await self._wait_synced()
        while True:
            await self.lease.wait_held()
            key = await self.queue.take()
            try:
                # A key that comes when the lease was lost is dropped: the next term looks at every sweep anyway.
                if self.lease.held:
                    self._enter(self.lease.terms)
                    await self._pass(key)
            finally:
                self.queue.done(key)

    async def _wait_synced(self) -> None:
        for informer in (self.sweeps, self.jobs, self.pods):
            await informer.wait_synced()

    def _enter(self, term: int) -> None:
        """On a new term: nothing of an earlier one counts, and every sweep is looked at, those with work to do first."""
        if term == self._term:
            return
        self._term = term
        self.reconciler.begin_term()
        for entry in sorted(self.sweeps.group(""), key=_is_at_rest):
            self.queue.add(uid_of(entry.object))

    async def _pass(self, key: str) -> None:
        """One pass; what fails is tried again later. An error of the program in one sweep must not stop the others."""
        began = self._clock()
        task = asyncio.ensure_future(self.reconciler.reconcile(key))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        self._metrics.observe(RECONCILE_SECONDS, self._clock() - began)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self.queue.succeeded(key)
            self._metrics.count(RECONCILE_TOTAL, result="ok")
        elif isinstance(error, Conflict):
            self._metrics.count(RECONCILE_TOTAL, result="conflict")
            self.queue.retry(key)
        else:
            self._metrics.count(RECONCILE_TOTAL, result="error")
            wait = error.retry_after_seconds if isinstance(error, ApiError) else None
            delay = self.queue.retry(key, wait or 0.0)
            trace = None if isinstance(error, RegsweepError) else error
            logger.error("sweep %s: %s; again in %.1f s", self._shown(key), error, delay, exc_info=trace)

    def _shown(self, uid: str) -> str:
        sweep = self.sweeps.get(uid)
        return f"{namespace_of(sweep)}/{name_of(sweep)}" if sweep else uid

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failed is None or self._failed.done():
            return
        error = task.exception() or RuntimeError(f"task {task.get_name()} ended")
        self._failed.set_exception(error)

    # What the gauges read

    def _sweeps_by_state(self) -> Iterator[tuple[Mapping[str, str], float]]:
        states = Counter(_status(entry).get("state", "Pending") for entry in self.sweeps.group(""))
        for state in _SWEEP_STATES:
            yield {"state": state}, float(states[state])

    def _state_of_sweeps(self) -> Iterator[tuple[Mapping[str, str], float]]:
        for entry in self.sweeps.group(""):
            labels = {"namespace": namespace_of(entry.object), "sweep": name_of(entry.object)}
            yield {**labels, "state": _status(entry).get("state", "Pending")}, 1.0

    def _runs_by_state(self) -> Iterator[tuple[Mapping[str, str], float]]:
        for entry in self.sweeps.group(""):
            labels = {"namespace": namespace_of(entry.object), "sweep": name_of(entry.object)}
            counts = _status(entry).get("runs") or {}
            for state in _RUN_STATES:
                yield {**labels, "state": state}, float(counts.get(state, 0))


def identity_of(settings: Settings) -> str:
    """Who this operator is to the others: the same again only after a restart of its own container."""
    return settings.identity or settings.pod_name or f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def prometheus_of(settings: Settings) -> Prometheus | None:
    """The Prometheus of the settings; None where there is none."""
    if not settings.prometheus_url:
        return None
    token_file = Path(settings.prometheus_token_file) if settings.prometheus_token_file else None
    return Prometheus(
        settings.prometheus_url, timeout_seconds=settings.prometheus_timeout_seconds, token_file=token_file
    )


def _children_informer(api: KubeApi, settings: Settings, plural: str, clock: Callable[[], float]) -> Informer:
    return Informer(
        api,
        JOBS if plural == "jobs" else PODS,
        group_by=sweep_uid_of,
        label_selector=SWEEP_UID_LABEL,
        namespaces=tuple(settings.namespaces) or (None,),
        trim=trim_job if plural == "jobs" else trim_pod,
        keep_tombstones=True,
        clock=clock,
    )


def _has_ended(entry: Entry) -> bool:
    status = entry.object["status"]
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    return any("terminated" in (container.get("state") or {}) for container in status["containerStatuses"])


def _status(entry: Entry) -> dict[str, Any]:
    status: dict[str, Any] = entry.object.get("status") or {}
    return status


def _is_at_rest(entry: Entry) -> bool:
    """Whether the sweep is over and its spec has not changed since, or it is being deleted."""
    status = _status(entry)
    seen = status.get("observedGeneration") == entry.object["metadata"].get("generation")
    return is_deleting(entry.object) or (seen and status.get("state") in ("Complete", "Failed"))
