"""The operator at work: caches that feed the queue, and workers that make passes while the lease is held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from regsweep.adapters.kubeapi import KubeApi, name_of, namespace_of
from regsweep.adapters.prometheus import Prometheus
from regsweep.adapters.throttle import asking_for
from regsweep.controller.clocks import SYSTEM_CLOCKS, Clocks
from regsweep.controller.process.assembly import (
    build_caches,
    build_claims,
    build_informers,
    build_lease,
    build_queues,
    build_reconciler,
)
from regsweep.controller.process.fence import FencedApi
from regsweep.controller.process.health import Health
from regsweep.controller.process.sweep_gauges import register_sweep_gauges
from regsweep.controller.process.tasks import EndlessTasks
from regsweep.controller.process.triggers import Triggers
from regsweep.controller.queues.analysis_process import AnalysisProcess
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult
from regsweep.errors import ApiError, Conflict, RegsweepError
from regsweep.metrics import RECONCILE_SECONDS, RECONCILE_TOTAL, Metrics
from regsweep.settings import Settings

logger = logging.getLogger(__name__)

UNFOLLOWED_SECONDS: Final = 5.0
"""After how long a sweep is looked at again whose Jobs and pods cannot be seen."""


class Operator:
    """Everything but the process around it. `start` it, `stop` it."""

    def __init__(
        self,
        api: KubeApi,
        settings: Settings,
        metrics: Metrics,
        *,
        prometheus: Prometheus | None = None,
        analyse: Callable[[AnalysisRequest], Awaitable[AnalysisResult]] | None = None,
        clocks: Clocks = SYSTEM_CLOCKS,
    ) -> None:
        """analyse: answers questions of analysis; None: a process of its own does."""
        self._settings = settings
        self._metrics = metrics
        self._clocks = clocks
        self.lease = build_lease(api, settings, clocks)
        fenced = FencedApi(api, lambda: self.lease.held, lambda: self.lease.seconds_left)
        self.caches = build_caches(api, clocks)
        self._analyses = AnalysisProcess()
        self.queues = build_queues(settings, prometheus, analyse or self._analyses.ask, metrics, clocks)
        claims = build_claims(api, settings, clocks)
        self.reconciler = build_reconciler(
            fenced, settings, self.caches, self.queues, claims, self.lease.identity, metrics, clocks
        )
        self._informers = build_informers(api, settings, self.caches, clocks)
        self.health = Health(
            self._informers, self.queues.sweeps, self.lease, live_after_seconds=settings.live_after_seconds
        )
        self._triggers = Triggers(
            self.queues.sweeps, self.caches, on_pod_ended=self.reconciler.note_pod_end, clocks=clocks
        )
        self._tasks = EndlessTasks()
        self._term = 0
        self.health.register(metrics)
        register_sweep_gauges(metrics, self.caches.sweeps, claims.shows)

    def start(self) -> None:
        """Starts all tasks; returns at once."""
        for informer in self._informers:
            self._tasks.start(informer.run(), f"informer {informer.resource.plural}")
        self._tasks.start(self.lease.run(), "lease")
        self._tasks.start(self._lead(), "leadership")
        self._tasks.start(self._triggers.resync(self._settings.resync_seconds), "resync")
        self._tasks.start(self.health.watch_loop(), "loop lag")
        for number in range(self._settings.workers):
            self._tasks.start(self._work(), f"worker {number}")

    def note_sweep(self, uid: str) -> None:
        """Takes it that there is news of the sweep, or that it is merely there."""
        self._triggers.add_reported(uid)

    async def wait_failed(self) -> None:
        """Waits until one of its tasks ends by an error of the program, and raises that error."""
        await self._tasks.wait_failed()

    async def stop(self) -> None:
        """Ends all tasks, then gives the lease to another."""
        await self._tasks.stop()
        self.reconciler.give_up()
        await self.queues.prometheus.close()
        await self.queues.removals.close()
        await self.queues.analyses.close()
        await self._analyses.close()
        await self.lease.release()

    async def _lead(self) -> None:
        """Enters each new term of leadership, once the caches are complete."""
        await self._wait_synced()
        while True:
            self._enter(await self.lease.wait_held(after=self._term))

    async def _work(self) -> None:
        """Makes passes over sweeps that are due, one after the other."""
        queue = self.queues.sweeps
        await self._wait_synced()
        while True:
            await self.lease.wait_held()
            uid = await queue.take()
            try:
                # A sweep that comes when the lease was lost is dropped: the next term looks at every one anyway.
                if self.lease.held:
                    self._enter(self.lease.terms)
                    if self._is_followed(uid):
                        await self._pass(uid)
                    else:
                        queue.add(uid, UNFOLLOWED_SECONDS)
            finally:
                queue.done(uid)

    def _is_followed(self, uid: str) -> bool:
        """Whether the caches are complete for the sweep's namespace: this operator may have no rights in one of them."""
        sweep = self.caches.sweeps.get(uid)
        return sweep is None or all(informer.follows(namespace_of(sweep)) for informer in self._informers)

    async def _wait_synced(self) -> None:
        for informer in self._informers:
            await informer.wait_synced()

    def _enter(self, term: int) -> None:
        """On a new term: nothing of an earlier one counts, and every sweep is looked at.

        What has waited while another led has not been late: a new leader would count as not live for it.
        """
        if term == self._term:
            return
        self._term = term
        self.queues.sweeps.drop_waiting()
        self.reconciler.give_up()
        self._triggers.add_all()

    async def _pass(self, uid: str) -> None:
        """One pass; what fails is tried again later. An error of the program in one sweep must not stop the others."""
        began = self._clocks.monotonic()
        with asking_for(uid):
            task = asyncio.ensure_future(self.reconciler.reconcile(uid))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        self._metrics.observe(RECONCILE_SECONDS, self._clocks.monotonic() - began)
        if not task.cancelled():
            self._conclude(uid, task.exception())

    def _conclude(self, uid: str, error: BaseException | None) -> None:
        """Counts a pass, and calls for another one where it failed."""
        queue = self.queues.sweeps
        if error is None:
            queue.succeeded(uid)
            self._metrics.count(RECONCILE_TOTAL, result="ok")
        elif isinstance(error, Conflict):
            queue.retry(uid)
            self._metrics.count(RECONCILE_TOTAL, result="conflict")
        elif isinstance(error, ApiError) and error.retry_after_seconds:
            delay = queue.retry(uid, error.retry_after_seconds)
            self._metrics.count(RECONCILE_TOTAL, result="delayed")
            logger.info("sweep %s: the API server asks to wait: %s; again in %.1f s", self._label(uid), error, delay)
        else:
            delay = queue.retry(uid)
            self._metrics.count(RECONCILE_TOTAL, result="error")
            trace = None if isinstance(error, RegsweepError) else error
            logger.error("sweep %s: %s; again in %.1f s", self._label(uid), error, delay, exc_info=trace)

    def _label(self, uid: str) -> str:
        """How the log names the sweep."""
        sweep = self.caches.sweeps.get(uid)
        return f"{namespace_of(sweep)}/{name_of(sweep)}" if sweep else uid
