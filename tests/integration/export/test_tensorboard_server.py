"""What a real TensorBoard answers of a sweep that `regsweep run` has kept."""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest
from typer.testing import CliRunner

from cluster.ports import free_port
from regsweep.cli.main import app
from regsweep.export.events import event_files
from regsweep.export.tensorboard import write_log
from regsweep.export.trainings import Snapshot, Weights
from support.exports import BEGAN, model, sweep, training
from support.servers import served
from unit.local.test_revisit import keep_sweep

SEEN_SECONDS = 60
ALL = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


class Board:
    """A TensorBoard."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/data/{path}?{urllib.parse.urlencode(query)}") as answer:
            return json.load(answer)

    def text(self, path: str, **query: str) -> str:
        with urllib.request.urlopen(f"{self._url}/data/{path}?{urllib.parse.urlencode(query)}") as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/data/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def runs(self, wanted: int) -> list[str]:
        """The runs, once there are so many."""
        until = time.monotonic() + SEEN_SECONDS
        while len(found := self.get("runs")) < wanted and time.monotonic() < until:
            time.sleep(0.2)  # polled to a deadline
        return list(found)

    def session_groups(self) -> list[dict[str, Any]]:
        body = {"experimentName": "", "allowedStatuses": ALL, "colParams": [], "startIndex": 0, "sliceSize": 100}
        return list(self.post("plugin/hparams/session_groups", body)["sessionGroups"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory: of a sweep that was kept, one that has a diverged training, flags of several kinds and a reference."""
    path = tmp_path_factory.mktemp("board")
    keep_sweep(path / "runs")
    done = CliRunner().invoke(app, ["tensorboard", "mine", "--runs-dir", str(path / "runs")])
    assert done.exit_code == 0, done.stderr
    assert "tensorboard --logdir" in done.stdout
    inputs = keras.Input((4,), name="rows")
    graph = keras.Model(
        inputs, keras.layers.Dense(1, name="out")(keras.layers.Dense(8, name="hidden")(inputs)), name="functional"
    ).to_json()
    snapshots = tuple(Snapshot(epoch, BEGAN + epoch, {"hidden/kernel": (-1.0, 1.0, [1, 3])}) for epoch in (1, 6))
    mixed = sweep(
        replace(training(model({"l2": 0.1, "units": [8, 8]})), weights=Weights(snapshots, graph)),
        training(model({"l2": 0.1, "units": [8, 8]}), 1, diverged=True),
        training(model({"l2": None, "units": "wide"}, rank=2)),
        training(model({"l2": 1}, rank=None)),
    )
    write_log(path / "mixed", "mine", event_files(mixed))
    return path


@pytest.fixture(scope="module", params=["true", "false"], ids=["its Rust reader", "its Python reader"])
def boards(request: pytest.FixtureRequest, folder: Path) -> Iterator[dict[str, Board]]:
    """TensorBoards of the two directories."""
    program = str(Path(sys.executable).with_name("tensorboard"))
    ports = {"kept": free_port(), "mixed": free_port()}
    logs = {"kept": folder / "runs" / "mine" / "tensorboard", "mixed": folder / "mixed"}

    def command(name: str) -> list[str]:
        at = ["--host", "127.0.0.1", "--port", str(ports[name]), "--reload_interval", "1"]
        return [program, "--logdir", str(logs[name]), f"--load_fast={request.param}", *at]

    with (
        served(command("kept"), ports["kept"], folder / "kept.log") as kept,
        served(command("mixed"), ports["mixed"], folder / "mixed.log") as mixed,
    ):
        yield {"kept": Board(kept), "mixed": Board(mixed)}


def test_curves_of_train_and_validation_are_runs_beside_each_other(boards: dict[str, Board]) -> None:
    board = boards["kept"]
    runs = board.runs(1 + 6 * 3)
    assert runs[0] == "."
    assert {"l2=0.1/replicate-0/train", "l2=0.1/replicate-0/val"} < set(runs)
    points = board.get("plugin/scalars/scalars", run="l2=0.1/replicate-1/val", tag="average_loss")
    assert [(step, round(value, 4)) for _, step, value in points] == [(1, 0.3), (2, 0.3), (3, 0.3)]


def test_the_hparams_dashboard_has_the_whole_sweep(boards: dict[str, Board]) -> None:
    board = boards["kept"]
    board.runs(1 + 6 * 3)
    experiment = board.post("plugin/hparams/experiment", {"experimentName": ""})
    assert "the best is l2=0.1" in experiment["description"]
    assert [(info["name"], info["domainDiscrete"]) for info in experiment["hparamInfos"]] == [("l2", [0.0, 0.1])]
    assert "result/val_average_loss" in [info["name"]["tag"] for info in experiment["metricInfos"]]
    groups = {group["name"]: group for group in board.session_groups()}
    assert {name: group["hparams"] for name, group in groups.items()} == {"l2=0.1": {"l2": 0.1}, "l2=0": {"l2": 0.0}}
    means = {name: metric(group, "result/val_average_loss") for name, group in groups.items()}
    assert means == pytest.approx({"l2=0.1": 0.3, "l2=0": 0.6}), "of the three replicates"
    assert [len(group["sessions"]) for group in groups.values()] == [3, 3]


def test_histograms_and_the_graph_of_keras_are_shown(boards: dict[str, Board]) -> None:
    board = boards["mixed"]
    (run,) = [each for each in board.runs(1 + 5) if each.endswith("/weights")]
    found = board.get("plugin/histograms/histograms", run=run, tag="hidden/kernel")
    assert [(step, buckets) for _, step, buckets in found] == [(step, [[-1, 0, 1], [0, 1, 3]]) for step in (1, 6)]
    assert board.get("plugin/graphs/info")[run]["tags"]["keras"]["conceptual_graph"]
    drawn = board.text("plugin/graphs/graph", run=run, tag="keras", conceptual="true")
    assert all(f"functional/{layer}" in drawn for layer in ("rows", "hidden", "out"))


def test_nothing_is_hidden_of_flags_of_several_kinds_and_trainings_that_diverged(boards: dict[str, Board]) -> None:
    board = boards["mixed"]
    board.runs(1 + 4)
    groups = {group["name"]: group for group in board.session_groups()}
    texts = {name: group["hparams"] for name, group in groups.items()}
    assert sorted(texts.values(), key=lambda flags: str(flags["l2"])) == [
        {"l2": "0.1", "units": "[8, 8]"},
        {"l2": "1"},
        {"l2": "null", "units": "wide"},
    ]
    pair = next(group for group in groups.values() if len(group["sessions"]) == 2)
    assert [session["status"] for session in pair["sessions"]] == ["STATUS_SUCCESS", "STATUS_FAILURE"]
    assert metric(pair, "result/val_average_loss") == "NaN", "no mean over what is left"


def metric(group: dict[str, Any], tag: str) -> Any:
    return next(value["value"] for value in group["metricValues"] if value["name"]["tag"] == tag)
