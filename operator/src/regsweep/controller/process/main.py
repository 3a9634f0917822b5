"""The operator's process: `regsweep operator`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import Final

from prometheus_client import disable_created_metrics

from regsweep.adapters.access import Access
from regsweep.adapters.connection import load_connection
from regsweep.adapters.fieldmask import FieldMask
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import JOBS, PODS
from regsweep.adapters.prometheus import prometheus_of
from regsweep.controller.caches.trimming import JOB_FIELDS, POD_FIELDS
from regsweep.controller.process.assembly import VERSION
from regsweep.controller.process.guard import guard_of
from regsweep.controller.process.handlers import registry_of
from regsweep.controller.process.health import HealthServer
from regsweep.controller.process.listener import kopf_listener
from regsweep.controller.process.logs import set_up_logging
from regsweep.controller.process.operator import Operator
from regsweep.metrics import API_REQUESTS, Metrics
from regsweep.settings import Settings, load_settings

logger = logging.getLogger(__name__)

RECURSION_LIMIT: Final = 25_000
"""The API server stores objects of up to 10,000 levels where a field may hold any value. By Python's own limit one such sweep
would make every list of sweeps unreadable; its spec is refused once it is read (`api.size_rules`)."""
COLLECTOR_THRESHOLDS: Final = (50_000, 20, 20)
"""Ten thousand Jobs are half a million objects, and next to none of them is in a cycle: by default the garbage collector would take
a third of the time of listing them."""


def run() -> None:
    """Runs the operator by its settings until SIGTERM or SIGINT; returns when its lease is released.

    Raises RegsweepError where a setting is wrong or no API server is configured, and what ended a task by an error of the
    program.
    """
    settings = load_settings()
    sys.setrecursionlimit(RECURSION_LIMIT)
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    gc.freeze()  # what was imported stays
    set_up_logging(settings.log_level, settings.log_format)
    # By default the library adds a second series to every counter, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
    asyncio.run(operate(settings))


async def operate(settings: Settings, kubeconfig: Path | None = None) -> None:
    """The operator within an event loop, until SIGTERM or SIGINT, or until this is cancelled.

    kubeconfig: None: the pod's service account, else the user's own.
    """
    access = (await load_connection(kubeconfig, settings.kube_context or None)).access
    metrics = Metrics()
    client = _client_of(access, settings, metrics)
    prometheus = prometheus_of(settings)
    operator = Operator(client, settings, metrics, prometheus=prometheus)
    server = HealthServer(operator.health, metrics, settings.http_host, settings.http_port, guard_of(settings))
    logger.info("regsweep %s at %s, identity %s", VERSION, access.host, operator.lease.identity)
    loop = asyncio.get_running_loop()

    def note(uid: str) -> None:
        loop.call_soon_threadsafe(operator.note_sweep, uid)

    listener = kopf_listener(registry_of(access, note), settings, operator.lease.identity)
    await server.start()
    operator.start()
    listener.start()
    try:
        await _wait_for_end(operator, loop)
    finally:
        await server.stop()
        await operator.stop()
        await listener.stop()
        await client.close()
        if prometheus is not None:
            await prometheus.close()
    logger.info("stopped")


def _client_of(access: Access, settings: Settings, metrics: Metrics) -> KubeClient:
    return KubeClient(
        access,
        qps=settings.api_qps,
        burst=settings.api_burst,
        request_timeout_seconds=settings.api_timeout_seconds,
        user_agent=f"regsweep-operator/{VERSION}",
        observer=lambda verb, resource, status: metrics.count(
            API_REQUESTS, verb=verb, resource=resource, code=str(status)
        ),
        masks={JOBS: FieldMask(JOB_FIELDS), PODS: FieldMask(POD_FIELDS)},
    )


async def _wait_for_end(operator: Operator, loop: asyncio.AbstractEventLoop) -> None:
    """Waits for SIGTERM or SIGINT. Raises the error of a task of the operator that ends before."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    asked = asyncio.create_task(stopping.wait(), name="signals")
    failing = asyncio.create_task(operator.wait_failed(), name="operator")
    try:
        await asyncio.wait([asked, failing], return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        asked.cancel()
        failing.cancel()
        await asyncio.gather(asked, failing, return_exceptions=True)
