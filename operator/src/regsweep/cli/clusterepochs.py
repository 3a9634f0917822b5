"""The epochs of a cluster's sweep, as its Prometheus saw them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from regsweep.adapters.kubeapi import KubeObject
from regsweep.adapters.prometheus import prometheus_of
from regsweep.core.results.epochs import SeenEpoch, epochs_query, parse_epochs, step_seconds
from regsweep.core.results.queries import TargetLabels
from regsweep.core.results.records import Records
from regsweep.core.timestamps import parse_timestamp
from regsweep.settings import PrometheusSettings

MARGIN: Final = timedelta(minutes=2)
"""Around the times of the records: the last scrape comes after the end."""
MOST_BYTES: Final = 64 * 1024**2
"""Of Prometheus' answer."""


async def seen_epochs(
    settings: PrometheusSettings, namespace: str, obj: KubeObject, name: str, records: Records, metrics: Sequence[str]
) -> list[SeenEpoch]:
    """The epochs that the Prometheus of the settings saw of the sweep's runs; none where they name none.

    name: the sweep's in its series. Raises MetricsError.
    """
    prometheus = prometheus_of(settings)
    if prometheus is None:
        return []
    start, end = _period(obj, records)
    labels = TargetLabels(
        settings.prometheus_namespace_label, settings.prometheus_pod_label, settings.prometheus_enforced_namespace
    )
    query = epochs_query(namespace, name, metrics, labels)
    try:
        return parse_epochs(await prometheus.query_range(query, start, end, step_seconds(start, end), MOST_BYTES))
    finally:
        await prometheus.close()


def _period(obj: KubeObject, records: Records) -> tuple[datetime, datetime]:
    """When the sweep was trained, as far as its records say; else since it was created."""
    starts = [record.started_at for record in records if record.started_at is not None]
    ends = [record.ended_at for record in records if record.ended_at is not None]
    created = parse_timestamp(str(obj["metadata"]["creationTimestamp"]))
    return min([*starts, created]) - MARGIN, (max(ends) if ends else datetime.now(UTC)) + MARGIN
