"""/livez, /readyz and /metrics on one port.

Live means that a restart would not help: due sweeps are taken up, and the event loop turns. That the API server is away is no reason
to restart. Ready means that the caches are complete; a standby is ready too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from regsweep.adapters.informer import Informer
from regsweep.adapters.lease import Lease
from regsweep.controller.process.guard import Guard
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.metrics import INFORMER_AGE, INFORMER_OBJECTS, LEADER, LOOP_LAG, QUEUE_AGE, QUEUE_DEPTH, Metrics

logger = logging.getLogger(__name__)

LAG_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `reason` says what does not, None: it does."""

    name: str
    reason: Callable[[], str | None]


class Health:
    """The checks of an operator."""

    def __init__(
        self, informers: Sequence[Informer], queue: WorkQueue, lease: Lease, *, live_after_seconds: float
    ) -> None:
        self._informers = informers
        self._queue = queue
        self._lease = lease
        self._live_after = live_after_seconds
        self.loop_lag_seconds = 0.0
        self.live = (Check("workqueue", self._queue_stalls), Check("event loop", self._loop_lags))
        self.ready = (Check("informers", self._informers_unsynced),)

    def register(self, metrics: Metrics) -> None:
        """Lets the operator's gauges read from here."""
        metrics.read_gauge(QUEUE_DEPTH, lambda: [({}, float(self._queue.depth))])
        metrics.read_gauge(QUEUE_AGE, lambda: [({}, self._queue.head_age_seconds)])
        metrics.read_gauge(LEADER, lambda: [({}, float(self._lease.held))])
        metrics.read_gauge(LOOP_LAG, lambda: [({}, self.loop_lag_seconds)])
        metrics.read_gauge(INFORMER_AGE, lambda: list(self._ages()))
        metrics.read_gauge(
            INFORMER_OBJECTS, lambda: [({"resource": i.resource.plural}, float(len(i.cache))) for i in self._informers]
        )

    async def watch_loop(self) -> None:
        """Measures how late the event loop is, until cancelled."""
        while True:
            due_at = monotonic() + LAG_INTERVAL_SECONDS
            await asyncio.sleep(LAG_INTERVAL_SECONDS)
            self.loop_lag_seconds = max(0.0, monotonic() - due_at)

    def _ages(self) -> Iterable[tuple[Mapping[str, str], float]]:
        for informer in self._informers:
            age = informer.age_seconds
            if age is not None:
                yield {"resource": informer.resource.plural}, age

    def _informers_unsynced(self) -> str | None:
        missing = [informer.resource.plural for informer in self._informers if not informer.synced]
        return f"not yet listed: {', '.join(missing)}" if missing else None

    def _queue_stalls(self) -> str | None:
        age = self._queue.head_age_seconds
        if self._lease.held and age > self._live_after:
            return f"a sweep has been due for {age:.0f} s"
        return None

    def _loop_lags(self) -> str | None:
        if self.loop_lag_seconds > self._live_after:
            return f"the event loop was {self.loop_lag_seconds:.0f} s late"
        return None


class HealthServer:
    """Serves the checks and the metrics over HTTP."""

    def __init__(self, health: Health, metrics: Metrics, host: str, port: int, guard: Guard) -> None:
        self._health = health
        self._metrics = metrics
        self._host = host or None
        self._port = port
        self._guard = guard
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Begins to serve; returns the port. Raises SecretFileError where its certificate cannot be used."""
        tls = self._guard.listening()
        app = web.Application()
        app.router.add_get("/livez", self._answer(self._health.live))
        app.router.add_get("/readyz", self._answer(self._health.ready))
        app.router.add_get("/metrics", self._expose)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=tls)
        await site.start()
        address = self._runner.addresses[0]
        logger.info("serving /livez, /readyz and /metrics on port %d%s", address[1], " by TLS" if tls else "")
        return int(address[1])

    async def stop(self) -> None:
        """Stops serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @staticmethod
    def _answer(checks: Sequence[Check]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(_: web.Request) -> web.StreamResponse:
            failed = [f"{check.name}: {reason}" for check in checks if (reason := check.reason()) is not None]
            return web.Response(status=503 if failed else 200, text="\n".join(failed or ["ok"]) + "\n")

        return handle

    async def _expose(self, request: web.Request) -> web.Response:
        if (refusal := await self._guard.refusal(request)) is not None:
            return refusal
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
