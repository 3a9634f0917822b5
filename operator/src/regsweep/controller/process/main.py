"""The operator's process: `regsweep operator`."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from prometheus_client import disable_created_metrics

from regsweep.adapters.access import Access
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.prometheus import prometheus_of
from regsweep.controller.process.assembly import VERSION
from regsweep.controller.process.guard import guard_of
from regsweep.controller.process.handlers import quiet_settings, registry_of
from regsweep.controller.process.health import HealthServer
from regsweep.controller.process.leankopf import kopf
from regsweep.controller.process.logs import set_up_logging
from regsweep.controller.process.operator import Operator
from regsweep.metrics import API_REQUESTS, Metrics
from regsweep.settings import Settings, load_settings

logger = logging.getLogger(__name__)

RECURSION_LIMIT: Final = 25_000
"""The API server stores objects of up to 10,000 levels where a field may hold any value. By Python's own limit one such sweep
would make every list of sweeps unreadable, to kopf and to us; its spec is refused once it is read (`api.size_rules`)."""
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
    """The operator within an event loop, until kopf meets SIGTERM or SIGINT, or this is cancelled.

    kubeconfig: None: the pod's service account, else the user's own.
    """
    access = (await load_connection(kubeconfig, settings.kube_context or None)).access
    metrics = Metrics()
    client = _client_of(access, settings, metrics)
    prometheus = prometheus_of(settings)
    operator = Operator(client, settings, metrics, prometheus=prometheus)
    server = HealthServer(operator.health, metrics, settings.http_host, settings.http_port, guard_of(settings))
    logger.info("regsweep %s at %s, identity %s", VERSION, access.host, operator.lease.identity)
    registry = registry_of(access, operator.note_sweep)

    async def stop(**_: object) -> None:
        # Before kopf looks for tasks that hang: ours end here, and so at once.
        await server.stop()
        await operator.stop()

    kopf.on.cleanup(registry=registry)(stop)
    await server.start()
    operator.start()
    try:
        await _run_until_one_ends(operator, registry, settings, stop)
    finally:
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
    )


async def _run_until_one_ends(
    operator: Operator, registry: kopf.OperatorRegistry, settings: Settings, stop: Callable[[], Awaitable[None]]
) -> None:
    """Runs kopf beside the operator until either ends or this is cancelled; then calls `stop`.

    Raises what ended it.
    """
    listening = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=quiet_settings(),
            standalone=True,
            # kopf would ask for the user's name, which an image without an entry in /etc/passwd has not.
            identity=operator.lease.identity,  # type: ignore[arg-type]  # a NewType of str that is not public
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
        ),
        name="kopf",
    )
    failing = asyncio.create_task(operator.wait_failed(), name="operator")
    try:
        await asyncio.wait([listening, failing], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in (listening, failing) if task.done()]
        listening.cancel()
        failing.cancel()
        await asyncio.gather(listening, failing, return_exceptions=True)
        await stop()  # again, harmlessly: kopf may have ended before it came to that
    for task in ended:
        task.result()
