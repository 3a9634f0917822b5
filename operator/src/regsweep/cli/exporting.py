"""A sweep with all its trainings, from the folders that `regsweep run` has kept or from a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import KubeApi
from regsweep.cli.cluster import connection_of, explained
from regsweep.cli.clusterepochs import seen_epochs
from regsweep.cli.exits import UsageError
from regsweep.cli.results import get_sweep, status_of, stored_records, sweep_in
from regsweep.cli.runs import NONE_FOUND, kept_runs
from regsweep.core.kubernetes.podtemplate import FINAL_SUFFIX
from regsweep.core.results.epochs import SeenEpoch
from regsweep.export.trainings import Beside, Epoch, Exported, Snapshot, Weights, exported
from regsweep.local.directory import RunsDirectory
from regsweep.local.history import read_history
from regsweep.local.inventory import KeptRun, saved_models
from regsweep.local.revisit import revisit
from regsweep.local.weights import Noted, read_weights, weights_in
from regsweep.report.build import results_of
from regsweep.settings import load_prometheus_settings

HISTOGRAMS: Final = "*.jsonl"


@dataclass(frozen=True, slots=True)
class SweepSource:
    """Where a sweep is looked for."""

    name: str | None
    """None: the sweep of the latest run, on a laptop."""
    runs_dir: Path
    context: str | None = None
    namespace: str | None = None
    kubeconfig: Path | None = None
    prometheus: str | None = None
    """Of the cluster, for the metrics of each epoch; None: those are left out."""
    histograms: Path | None = None
    """Folder with the files that a cluster's runs have noted histograms in, each named after its run; None: they are left out."""

    @property
    def in_cluster(self) -> bool:
        """Whether the sweep is in a cluster."""
        return any(each is not None for each in (self.context, self.namespace, self.kubeconfig))


def read_sweep(source: SweepSource) -> Exported:
    """The sweep. Raises RegsweepError."""
    if source.histograms is not None and not source.histograms.is_dir():
        raise UsageError(f"--histograms: {source.histograms}: no such folder.")
    if source.in_cluster:
        return asyncio.run(_cluster_sweep(source))
    if source.histograms is not None:
        raise UsageError(
            "--histograms is for a sweep in a cluster. `regsweep run --histograms N` keeps them with its runs."
        )
    return _local_sweep(source)


def sweep_folder(source: SweepSource) -> tuple[Path, list[KeptRun]]:
    """(folder, runs) of a sweep that `regsweep run` has kept. Raises UsageError where there is none."""
    runs = kept_runs(source.runs_dir)
    if not runs:
        raise UsageError(NONE_FOUND.format(source.runs_dir))
    name = source.name if source.name is not None else runs[-1].path.parent.name
    of_sweep = [run for run in runs if run.path.parent.name == name]
    if not of_sweep:
        known = ", ".join(sorted({run.path.parent.name for run in runs}))
        raise UsageError(f"{name}: no sweep of this name in {source.runs_dir}, which has {known}.")
    return source.runs_dir / name, of_sweep


def _local_sweep(source: SweepSource) -> Exported:
    folder, runs = sweep_folder(source)
    revisited = revisit(folder, runs)
    epochs: dict[tuple[str, int], list[Epoch]] = {}
    for run in runs:
        for each in read_history(run.path, run.facts).epochs:
            epochs.setdefault((run.facts.point_key, each.replicate), []).append(Epoch(each.epoch, each.values, each.at))
    saved = {
        (run.facts.point_key, replicate): file
        for run in runs
        for replicate, file in saved_models(run).items()
        if file.is_file()
    }
    weights = {
        (run.facts.point_key, replicate): _weights(noted)
        for run in runs
        for replicate, noted in read_weights(run.path, run.facts).items()
    }
    beside = Beside(str(folder.absolute()), epochs, saved, weights)
    return exported(revisited.sweep, revisited.report, RunsDirectory(folder).records(), beside)


async def _cluster_sweep(source: SweepSource) -> Exported:
    if source.name is None:
        raise UsageError("a sweep in a cluster needs its name.")
    connection = await connection_of(source.kubeconfig, source.context)
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            namespace = source.namespace or connection.namespace
            return await cluster_sweep(client, namespace, source.name, source.prometheus, source.histograms)
    finally:
        await client.close()


async def cluster_sweep(
    api: KubeApi, namespace: str, name: str, prometheus: str | None, histograms: Path | None = None
) -> Exported:
    """The sweep from its stored results, its epochs as Prometheus saw them, and its histograms. Raises RegsweepError."""
    obj = await get_sweep(api, namespace, name)
    sweep = sweep_in(namespace, obj)
    if sweep is None:
        raise UsageError(f"RegularizationSweep {namespace}/{name} has not been accepted yet: there is nothing to show.")
    records = await stored_records(api, namespace, sweep.uid)
    settings = load_prometheus_settings(prometheus)
    metrics = sorted({column.partition("_")[2] for record in records for column in record.metrics})
    seen: list[SeenEpoch] = []
    for suffix in ("", FINAL_SUFFIX):
        seen += await seen_epochs(settings, namespace, obj, sweep.name + suffix, records, metrics)
    report = results_of(sweep, records, status_of(obj))
    points = {record.run: record.point_key for record in records}
    beside = Beside(
        f"RegularizationSweep {namespace}/{name}",
        _by_training(seen, points),
        weights=_weights_by_training(histograms, points),
    )
    return exported(sweep, report, records, beside)


def _weights_by_training(folder: Path | None, points: Mapping[str, str]) -> dict[tuple[str, int], Weights]:
    """points: the point's key of each run, by its name, which is a file's name, too. Files of other runs are left alone."""
    if folder is None:
        return {}
    return {
        (points[file.stem], replicate): _weights(noted)
        for file in sorted(folder.glob(HISTOGRAMS))
        if file.stem in points
        for replicate, noted in weights_in([file]).items()
    }


def _weights(noted: Noted) -> Weights:
    return Weights(tuple(Snapshot(each.epoch, each.at, each.weights) for each in noted.snapshots), noted.graph)


def _by_training(seen: Iterable[SeenEpoch], points: Mapping[str, str]) -> dict[tuple[str, int], list[Epoch]]:
    """Epochs by the point's key and the replicate: a run is of the point that its records are of."""
    epochs: dict[tuple[str, int], list[Epoch]] = {}
    for each in seen:
        if (key := points.get(each.run)) is not None:
            epochs.setdefault((key, each.replicate), []).append(Epoch(each.epoch, each.values, each.at))
    return epochs
