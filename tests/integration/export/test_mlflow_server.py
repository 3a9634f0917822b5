"""What a real MLflow server has of a sweep, asked over its HTTP API. The server is fetched into an environment of its own."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cluster import paths
from cluster.ports import free_port
from regsweep.cli.main import app
from regsweep.export.mlflowruns import log_sweep
from regsweep.export.mlflowserver import MLflow, MLflowError, credentials
from regsweep.export.trainings import Exported
from support.exports import model, sweep, training
from support.servers import served
from unit.local.test_revisit import keep_sweep

VERSION = "3.17.2"
runner = CliRunner()


def environment() -> Path:
    """Python of the environment that has MLflow; it is made where it is not there."""
    folder = paths.cache() / "mlflow" / VERSION
    with paths.lock("mlflow"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            uv = os.environ["UV"]
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
            install = [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                str(folder / "bin" / "python"),
                f"mlflow=={VERSION}",
            ]
            subprocess.run(install, check=True)
            (folder / "done").touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [
        str(environment()),
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    with served(command, port, folder / "server.log") as found:
        yield found


def ask(url: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/2.0/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def runs_of(url: str, experiment: str) -> dict[str, dict[str, Any]]:
    """The experiment's runs by name, the deleted ones not among them."""
    ident = ask(url, f"mlflow/experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
    found = ask(url, "mlflow/runs/search", {"experiment_ids": [ident], "max_results": 1000}).get("runs", [])
    assert len({run["info"]["run_name"] for run in found}) == len(found), "nothing twice"
    return {run["info"]["run_name"]: run for run in found}


def tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def history(url: str, run: dict[str, Any], metric: str) -> list[tuple[int, int, float]]:
    """(step, milliseconds, value)"""
    query = f"mlflow/metrics/get-history?run_id={run['info']['run_id']}&metric_key={metric}"
    return [(each.get("step", 0), each["timestamp"], float(each["value"])) for each in ask(url, query)["metrics"]]


async def log(url: str, of: Exported, experiment: str) -> dict[str, int]:
    server = MLflow(url, {})
    try:
        logged = await log_sweep(server, of, experiment)
    finally:
        await server.close()
    return {name: getattr(logged, name) for name in ("made", "replaced", "retagged", "same", "open")}


def test_a_sweep_of_the_laptop_is_a_parent_and_a_run_for_each_training(url: str, tmp_path: Path) -> None:
    keep_sweep(tmp_path)
    arguments = ["mlflow", "mine", "--uri", url, "--experiment", "laptop", "--runs-dir", str(tmp_path)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    assert "mine: 7 runs logged" in done.stdout
    runs = runs_of(url, "laptop")
    parent = runs.pop("mine")
    assert "the best is l2=0.1" in tags(parent)["mlflow.note.content"]
    assert sorted(runs) == [f"l2={value} #{k}" for value in ("0", "0.1") for k in range(3)]
    best = runs["l2=0.1 #1"]
    assert {param["key"]: param["value"] for param in best["data"]["params"]} == {"dataset": "iris", "l2": "0.1"}
    metrics = {metric["key"]: metric["value"] for metric in best["data"]["metrics"]}
    assert metrics["val_average_loss"] == pytest.approx(0.3)
    found = tags(best)
    assert found["mlflow.parentRunId"] == parent["info"]["run_id"]
    wanted = {"sweep": "mine", "combination": "l2=0.1", "replicate": "1", "rank": "1", "outcome": "Ok", "role": "grid"}
    assert {name: found[f"regsweep.{name}"] for name in wanted} == wanted
    assert (best["info"]["status"], found["regsweep.picks"]) == ("FINISHED", "Best,OneStandardError")

    again = runner.invoke(app, arguments)
    assert "mine: nothing new, 7 runs as before" in again.stdout
    assert len(runs_of(url, "laptop")) == 7


async def test_each_epoch_is_logged_once_and_the_last_one_as_it_counts(url: str) -> None:
    of = sweep(training(model({"l2": 0.1})))
    await log(url, of, "epochs")
    await log(url, of, "epochs")
    run = runs_of(url, "epochs")["l2=0.1 #0"]
    course = history(url, run, "train_average_loss")
    assert [(step, round(value, 4)) for step, _, value in course] == [(1, 0.4), (2, 0.3), (3, 0.21)]
    assert course[0][1] == run["info"]["start_time"] + 1000
    assert {tags(run)[f"regsweep.{name}"] for name in ("data_digest", "image_digest", "trainer")} == {
        "9a3e",
        "sha256:1f",
        "process:x",
    }


async def test_a_diverged_training_has_failed_and_its_metrics_are_no_numbers(url: str) -> None:
    await log(url, sweep(training(model({"l2": 0.1}), diverged=True)), "diverged")
    run = runs_of(url, "diverged")["l2=0.1 #0"]
    assert run["info"]["status"] == "FAILED"
    assert math.isnan(history(url, run, "val_average_loss")[-1][2])


async def test_a_model_is_among_the_runs_artifacts(url: str, tmp_path: Path) -> None:
    (tmp_path / "replicate-0.keras").write_bytes(b"the model")
    found = training(model({"l2": 0.1}))
    of = sweep(type(found)(found.model, 0, found.record, found.epochs, tmp_path / "replicate-0.keras"))
    await log(url, of, "models")
    run = runs_of(url, "models")["l2=0.1 #0"]
    listed = ask(url, f"mlflow/artifacts/list?run_id={run['info']['run_id']}&path=model")
    assert [(file["path"], int(file["file_size"])) for file in listed["files"]] == [("model/replicate-0.keras", 9)]


async def test_what_has_changed_is_brought_up_to_date_and_nothing_else(url: str) -> None:
    first, second = model({"l2": 0.1}), model({"l2": 0}, rank=2)
    assert (await log(url, sweep(training(first)), "growing"))["made"] == 2
    grown = sweep(training(first), training(second), training(second, 1, ended=False))
    assert await log(url, grown, "growing") == {"made": 1, "replaced": 0, "retagged": 0, "same": 2, "open": 1}
    overtaken = sweep(training(model({"l2": 0.1}, rank=2)), training(model({"l2": 0})))
    assert (await log(url, overtaken, "growing"))["retagged"] == 2
    assert tags(runs_of(url, "growing")["l2=0 #0"])["regsweep.rank"] == "1"
    other = sweep(training(model({"l2": 0.1}, rank=2), loss=0.2), training(model({"l2": 0})))
    assert (await log(url, other, "growing"))["replaced"] == 1
    metrics = {m["key"]: m["value"] for m in runs_of(url, "growing")["l2=0.1 #0"]["data"]["metrics"]}
    assert metrics["val_average_loss"] == pytest.approx(0.2)


async def test_a_run_that_was_logged_by_half_is_made_anew(url: str) -> None:
    of = sweep(training(model({"l2": 0.1})))
    await log(url, of, "half")
    run = runs_of(url, "half")["l2=0.1 #0"]
    ask(url, "mlflow/runs/delete-tag", {"run_id": run["info"]["run_id"], "key": "regsweep.digest"})
    assert (await log(url, of, "half"))["replaced"] == 1
    assert runs_of(url, "half")["l2=0.1 #0"]["info"]["run_id"] != run["info"]["run_id"]


async def test_two_sweeps_may_share_an_experiment(url: str) -> None:
    await log(url, sweep(training(model({"l2": 0.1}))), "shared")
    other = sweep(training(model({"l2": 0.2})), name="other")
    assert (await log(url, other, "shared"))["made"] == 2
    assert sorted(runs_of(url, "shared")) == ["l2=0.1 #0", "l2=0.2 #0", "mine", "other"]


async def test_what_mlflow_refuses_is_told_in_its_words(url: str) -> None:
    await log(url, sweep(training(model({"l2": 0.1}))), "gone")
    ident = ask(url, "mlflow/experiments/get-by-name?experiment_name=gone")["experiment"]["experiment_id"]
    ask(url, "mlflow/experiments/delete", {"experiment_id": ident})
    with pytest.raises(MLflowError, match=r"experiment gone is deleted\. Restore it"):
        await log(url, sweep(training(model({"l2": 0.1}))), "gone")
    with pytest.raises(MLflowError, match=r"refuses \(HTTP 400\)"):
        await log(url, sweep(training(model({"l2": 0.1}))), "x" * 600)


async def test_names_that_mlflow_does_not_take_are_changed(url: str) -> None:
    await log(url, sweep(training(model({"l2": 0.1})), parameters={"a,b|c": 1, "long": "x" * 9000}), "names")
    params = {param["key"]: param["value"] for param in runs_of(url, "names")["l2=0.1 #0"]["data"]["params"]}
    assert (params["a_b_c"], len(params["long"])) == ("1", 500)


async def test_another_program_on_the_port_is_told_from_mlflow(url: str) -> None:
    server = MLflow(f"{url}/#/", credentials({"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "x"}))
    try:
        with pytest.raises(MLflowError, match=r"does not answer as MLflow does: it begins .<!doctype html"):
            await server.experiment("mine")
    finally:
        await server.close()
