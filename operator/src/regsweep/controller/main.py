"""The operator's process: `regsweep operator`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import kopf
from prometheus_client import disable_created_metrics

from regsweep.adapters.kube import KubeClient, load_configuration
from regsweep.controller.handlers import quiet_settings, registry_of
from regsweep.controller.health import HealthServer
from regsweep.controller.logs import set_up_logging
from regsweep.controller.operator import VERSION, Operator, prometheus_of
from regsweep.metrics import API_REQUESTS, Metrics
from regsweep.settings import Settings, load_settings

logger = logging.getLogger(__name__)


def run() -> None:
    """Runs the operator by its settings until SIGTERM or SIGINT; returns when its lease is released.

    Raises RegsweepError where a setting is wrong or no API server is configured, and what ended a task by an error of the
    program.
    """
    settings = load_settings()
    set_up_logging(settings.log_level, settings.log_format)
    # Else there is a second series beside every counter, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
    asyncio.run(operate(settings))


async def operate(settings: Settings, kubeconfig: Path | None = None) -> None:
    """The operator within an event loop, until kopf meets SIGTERM or SIGINT, or this is cancelled.

    kubeconfig: None: the pod's service account, else the user's own.
    """
    configuration = await load_configuration(kubeconfig, settings.kube_context or None)
    metrics = Metrics()
    client = KubeClient(
        configuration,
        qps=settings.api_qps,
        burst=settings.api_burst,
        request_timeout_seconds=settings.api_timeout_seconds,
        user_agent=f"regsweep-operator/{VERSION}",
        observer=lambda verb, resource, status: metrics.count(
            API_REQUESTS, verb=verb, resource=resource, code=str(status)
        ),
    )
    prometheus = prometheus_of(settings)
    operator = Operator(client, settings, metrics, prometheus=prometheus)
    server = HealthServer(operator.health, metrics, settings.http_host, settings.http_port)
    logger.info("regsweep %s at %s, identity %s", VERSION, configuration.host, operator.lease.identity)
    registry = registry_of(configuration, operator.queue.add)

    async def stop(**_: object) -> None:
        # Before kopf looks for tasks that hang: ours end here, and so at once.
        await server.stop()
        await operator.stop()

    kopf.on.cleanup(registry=registry)(stop)
    await server.start()
    operator.start()
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
        await client.close()
        if prometheus is not None:
            await prometheus.close()
    for task in ended:
        task.result()
    logger.info("stopped")
