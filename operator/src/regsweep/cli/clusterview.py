"""The page of a sweep in a cluster: its stored results, and its learning curves as Prometheus saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import KubeApi, KubeObject
from regsweep.cli.cluster import connection_of, explained
from regsweep.cli.clusterepochs import seen_epochs
from regsweep.cli.results import get_sweep, results_in, status_of, stored_records, sweep_in
from regsweep.cli.viewing import courses_from, footer
from regsweep.core.results.epochs import SeenEpoch
from regsweep.core.results.records import Records
from regsweep.core.sweep import Sweep
from regsweep.errors import MetricsError
from regsweep.report.build import results_of
from regsweep.report.model import SweepReport
from regsweep.settings import load_prometheus_settings
from regsweep.view.courses import Course
from regsweep.view.html import page_html
from regsweep.view.sweep import LOSS, SweepView, sweep_page

NOT_NAMED: Final = (
    "No learning curves: the stored records hold each replicate's last and best epoch alone, and no Prometheus was named. "
    "With --prometheus URL the page has the curves that it saw."
)


@dataclass(frozen=True, slots=True)
class ClusterViewOptions:
    """The options of the command line."""

    name: str
    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None
    prometheus: str | None = None
    """None: no curves."""
    flags: tuple[str, ...] = ()


async def cluster_sweep_html(options: ClusterViewOptions) -> str:
    """The page. Raises RegsweepError; that Prometheus cannot be asked is a sentence on the page."""
    connection = await connection_of(options.kubeconfig, options.context)
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            view = await sweep_view(client, options.namespace or connection.namespace, options)
    finally:
        await client.close()
    return page_html(sweep_page(view))


async def sweep_view(api: KubeApi, namespace: str, options: ClusterViewOptions) -> SweepView:
    """What the page shows. Raises RegsweepError."""
    obj = await get_sweep(api, namespace, options.name)
    sweep = sweep_in(namespace, obj)
    records = await stored_records(api, namespace, sweep.uid) if sweep is not None else Records()
    report = await results_in(api, namespace, obj) if sweep is None else results_of(sweep, records, status_of(obj))
    courses, note = await _courses(options, namespace, obj, report, sweep, records)
    source = f"RegularizationSweep {namespace}/{options.name}"
    return SweepView(report, courses, note, (), options.flags, footer(source))


async def _courses(
    options: ClusterViewOptions,
    namespace: str,
    obj: KubeObject,
    report: SweepReport,
    sweep: Sweep | None,
    records: Records,
) -> tuple[dict[str, dict[str, Course]], str]:
    """(courses by combination, what to know of them)."""
    settings = load_prometheus_settings(options.prometheus)
    if not settings.prometheus_url or sweep is None:
        return {}, NOT_NAMED
    metrics = list(dict.fromkeys([LOSS, report.objective.metric.partition("_")[2]]))
    try:
        seen = await seen_epochs(settings, namespace, obj, sweep.name, records, metrics)
    except MetricsError as error:
        return {}, f"No learning curves: {error}. The stored records hold each replicate's last and best epoch alone."
    courses = by_combination(seen, sweep, records)
    if not courses:
        return {}, f"No learning curves: Prometheus at {settings.prometheus_url} has no series of this sweep any more."
    return courses, "Learning curves as Prometheus saw them: a value per scrape, train on a sample of its rows."


def by_combination(seen: Sequence[SeenEpoch], sweep: Sweep, records: Records) -> dict[str, dict[str, Course]]:
    """Learning curves by combination: a run is of the point that its records are of."""
    points = {record.run: record.point_key for record in records}
    combinations = {point.key: point.combination.id for point in sweep.points}
    by_id: dict[str, list[SeenEpoch]] = {}
    for epoch in seen:
        if (ident := combinations.get(points.get(epoch.run, ""))) is not None:
            by_id.setdefault(ident, []).append(epoch)
    return {ident: courses_from(epochs) for ident, epochs in by_id.items()}
