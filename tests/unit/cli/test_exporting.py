"""A sweep's trainings, the same from a laptop's folders and from a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from regsweep.adapters.kubeapi import SWEEPS
from regsweep.adapters.memory import MemoryApi
from regsweep.api.analysis import PickRole
from regsweep.cli.exits import UsageError
from regsweep.cli.exporting import SweepSource, cluster_sweep, read_sweep
from support.kept_runs import keep_run
from unit.adapters.test_prometheus import Serve, serve
from unit.cli.test_cluster_view import api
from unit.cli.test_results import NAMESPACE, manifest
from unit.local.test_revisit import keep_sweep

__all__ = ["api", "serve"]


def test_a_laptops_sweep_has_each_replicate_with_its_course_and_its_rank(tmp_path: Path) -> None:
    keep_sweep(tmp_path)
    found = read_sweep(SweepSource("mine", tmp_path))
    assert [(each.model.label, each.replicate) for each in found.trainings] == [
        (label, k) for label in ("l2=0", "l2=0.1") for k in range(3)
    ]
    best = found.trainings[3]
    assert (best.model.rank, best.model.tied) == (1, True)
    assert best.model.picks == (PickRole.BEST, PickRole.ONE_STANDARD_ERROR)
    assert [epoch.epoch for epoch in best.epochs] == [1, 2, 3]
    assert best.record is not None
    assert best.record.metrics["val_average_loss"] == 0.2
    assert (found.objective, found.flag_names, found.parameters) == ("val_average_loss", ("l2",), {"dataset": "iris"})


def test_without_a_name_it_is_the_sweep_of_the_latest_run(tmp_path: Path) -> None:
    keep_sweep(tmp_path)
    keep_run(tmp_path, {"x": 1}, (0.1, 0.2, 0.9, 0.9), sweep="older", started="2020-01-01T00:00:00Z")
    assert read_sweep(SweepSource(None, tmp_path)).name == "mine"


def test_a_sweep_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    keep_sweep(tmp_path)
    with pytest.raises(UsageError, match=r"nobody: no sweep of this name in .*, which has mine\."):
        read_sweep(SweepSource("nobody", tmp_path))
    with pytest.raises(UsageError, match=r"No runs in"):
        read_sweep(SweepSource(None, tmp_path / "none"))


async def test_a_clusters_sweep_has_its_stored_results(api: MemoryApi) -> None:
    found = await cluster_sweep(api, NAMESPACE, "mine", None)
    assert len(found.trainings) == 30
    first = found.trainings[0]
    assert (first.model.label, first.model.rank, first.epochs) == ("l2=0", 1, ())
    assert (found.source, found.image) == (f"RegularizationSweep {NAMESPACE}/mine", "trainer:1")


async def test_its_epochs_are_those_that_prometheus_saw(api: MemoryApi, serve: Serve) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        asked.append(query)
        who = {"run": "run-1", "replicate": "0"}
        metric = {"__name__": "regsweep_trainer_metric", "metric": "average_loss", "split": "val", **who}
        result = [
            {
                "metric": {"__name__": "regsweep_trainer_epoch", **who},
                "values": [[15.0, "1"], [30.0, "1"], [45.0, "2"]],
            },
            {"metric": metric, "values": [[15.0, "0.5"], [30.0, "0.5"], [45.0, "0.25"]]},
        ]
        shown = result if '"mine"' in query else []
        return web.Response(text=json.dumps({"status": "success", "data": {"resultType": "matrix", "result": shown}}))

    found = await cluster_sweep(api, NAMESPACE, "mine", await serve(handler))
    (second,) = [each for each in found.trainings if each.epochs]
    assert second.model.label == "l2=1"
    assert [(epoch.epoch, epoch.values["val_average_loss"], epoch.at) for epoch in second.epochs] == [
        (1, 0.5, 15.0),
        (2, 0.25, 45.0),
    ]
    assert any('sweep="mine/final"' in query for query in asked), "those of the final evaluation, too"


async def test_its_histograms_are_those_of_files_named_after_its_runs(api: MemoryApi, tmp_path: Path) -> None:
    noted = json.dumps({"replicate": 0, "epoch": 1, "at": 15.0, "weights": {"dense/kernel": [-1, 1, [2, 3]]}})
    for name in ("run-1.jsonl", "run-of-another-sweep.jsonl", "run-0.txt"):
        (tmp_path / name).write_text(f"{noted}\n")
    (tmp_path / "run-2.jsonl").write_text("no JSON\n")
    found = await cluster_sweep(api, NAMESPACE, "mine", None, tmp_path)
    ((training, weights),) = [(each, each.weights) for each in found.trainings if each.weights is not None]
    assert (training.model.label, training.replicate) == ("l2=1", 0)
    assert [(each.epoch, each.histograms) for each in weights.snapshots] == [(1, {"dense/kernel": (-1, 1, [2, 3])})]


def test_a_folder_of_histograms_that_is_not_there_or_is_not_looked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--histograms: .*gone: no such folder"):
        read_sweep(SweepSource("mine", tmp_path, context="there", histograms=tmp_path / "gone"))
    with pytest.raises(UsageError, match="--histograms is for a sweep in a cluster"):
        read_sweep(SweepSource(None, tmp_path, histograms=tmp_path))


async def test_a_sweep_that_was_not_accepted_has_nothing_to_show() -> None:
    empty = MemoryApi()
    await empty.create(SWEEPS, manifest())
    with pytest.raises(UsageError, match="has not been accepted yet"):
        await cluster_sweep(empty, NAMESPACE, "mine", None)


def test_a_models_file_is_known_where_a_run_has_saved_one(tmp_path: Path) -> None:
    folder = next(path for path in keep_sweep(tmp_path).iterdir() if path.name.startswith("mine-")) / "model"
    folder.mkdir()
    for name in ("replicate-1.keras", "replicate-1.json", "replicate-x.keras", ".half-replicate-2.keras"):
        (folder / name).write_text("")
    saved = [each.saved for each in read_sweep(SweepSource("mine", tmp_path)).trainings if each.saved is not None]
    assert saved == [folder / "replicate-1.keras"]
