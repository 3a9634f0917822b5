"""`regsweep plan --like`: a folder of `regsweep run`, or a sweep in a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject
from regsweep.adapters.memory import MemoryApi
from regsweep.api.constants import API_VERSION, SWEEP_KIND
from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.cli.exits import UsageError
from regsweep.cli.like import trained_sweep
from regsweep.cli.main import app
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.results.records import Outcome, Record
from regsweep.core.results.segments import append
from regsweep.local.directory import RunsDirectory
from regsweep.local.facts import RunFacts, message_file
from regsweep.local.provenance import Keepsakes

runner = CliRunner()
MANIFEST = """
apiVersion: regsweep.dev/v1alpha1
kind: RegularizationSweep
metadata: {name: mine}
spec:
  flags: [{name: l2, values: [0, 0.01, 0.1, 1]}]
  replicates: 4
"""
NOISE = (0.0, 0.011, -0.007, 0.004, -0.003)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MANIFEST)
    return path


def add_run(folder: Path, place: int, units: int = 8, replicates: int = 4, final: bool = False) -> None:
    """A finished run: 2 seconds for each replicate, after 3 to start."""
    name = f"mine-{units}-{place}"
    facts = RunFacts.model_validate(
        {
            "sweep": "mine",
            "run": name,
            "flags": {"l2": place},
            "parameters": {"units": units},
            "seed": 0,
            "trainer": "process:x",
            "point_key": f"{name}-key",
            "first_replicate": 0,
            "replicates": replicates,
            "replicates_per_pod": replicates,
            "attempt": 0,
            "final": final,
            "command": ["x"],
            "processes": [
                {
                    "index": 0,
                    "started_at": "2026-11-25T10:00:00Z",
                    "ended_at": f"2026-11-25T10:00:{3 + 2 * replicates:02}Z",
                    "exit_code": 0,
                }
            ],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = RunsDirectory(folder).begin(facts, Keepsakes())
    records = [[k, "Ok", 3, [0.3 + 0.1 * k + NOISE[(k + 2 * place) % 5]], None] for k in range(replicates)]
    times = {"start": 1795600000, "replicates": [[3 + 2 * k, 5 + 2 * k] for k in range(replicates)]}
    text = {"version": 1, "columns": ["val_average_loss"], "records": records, "times": times}
    (path / message_file(0)).write_text(json.dumps(text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "mine"
    for place in range(4):
        add_run(path, place)
    return path


def planned(manifest: Path, *options: str) -> dict[str, object]:
    done = runner.invoke(app, ["plan", str(manifest), "-o", "json", *options])
    assert done.exit_code == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_a_folder_gives_times_and_spread(manifest: Path, folder: Path) -> None:
    forecast = planned(manifest, "--like", str(folder))["forecast"]
    assert isinstance(forecast, dict)
    assert (forecast["combinations"], forecast["trainings"], forecast["training"]["seconds"]) == (4, 16, 2)
    assert forecast["whole"]["seconds"] == 16 * 2 + 4 * 3 and forecast["startIncluded"] is True
    assert 0.005 < forecast["planning"]["detectable"] < 0.2


def test_of_a_folder_the_setup_with_the_most_results_counts(manifest: Path, folder: Path) -> None:
    add_run(folder, 7, units=512)
    add_run(folder, 1, units=64, final=True)
    forecast = planned(manifest, "--like", str(folder))["forecast"]
    assert isinstance(forecast, dict) and (forecast["combinations"], forecast["trainings"]) == (4, 16)


def test_a_difference_of_ones_own_is_planned_for(manifest: Path, folder: Path) -> None:
    done = runner.invoke(app, ["plan", str(manifest), "--like", str(folder), "--difference", "0.01"])
    text = " ".join(done.stdout.split())
    assert done.exit_code == 0 and "To show a difference of 0.01 takes about" in text
    assert text.startswith("mine: 4 runs x 4 replicates = 16 trainings As in ") and text.endswith("4 l2=1")


def test_without_like_there_are_counts_alone(manifest: Path) -> None:
    assert "forecast" not in planned(manifest)


def test_in_csv_each_line_is_a_combination_and_the_forecast_is_said_aside(manifest: Path, folder: Path) -> None:
    done = runner.invoke(app, ["plan", str(manifest), "-o", "csv", "--like", str(folder)])
    assert done.stdout.splitlines() == ["flag_l2", "0", "0.01", "0.1", "1"] and "As in " in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--difference", "0.01"], "--difference needs --like", id="a difference without a spread"),
        pytest.param(["--like", "runs/none"], "is neither a folder nor the name of a sweep", id="no folder"),
        pytest.param(["--like", ""], "it is empty", id="a variable that is not set"),
        pytest.param(["--like", "x", "--difference", "0"], "must be a number above 0", id="a difference of nothing"),
        pytest.param(["--like", "x", "--difference", "nan"], "must be a number above 0", id="no number"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(manifest: Path, options: list[str], words: str) -> None:
    done = runner.invoke(app, ["plan", str(manifest), *options])
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_a_folder_of_sweeps_names_them(manifest: Path, folder: Path) -> None:
    done = runner.invoke(app, ["plan", str(manifest), "--like", str(folder.parent)])
    assert done.exit_code == 2 and "Name the folder of one sweep: " in " ".join(done.stderr.split())


def sweep() -> KubeObject:
    return {
        "apiVersion": API_VERSION,
        "kind": SWEEP_KIND,
        "metadata": {"name": "other", "namespace": "team"},
        "spec": {"flags": [{"name": "l2", "values": [0, 1, 2]}], "trainer": {"parameters": {"units": 8}}},
    }


async def test_a_sweep_in_the_cluster_gives_its_stored_records() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, sweep())
    identity = Identity("other", "team", obj["metadata"]["uid"], 1)
    accepted = accept(identity, parse_sweep(obj), Defaults("trainer:1", "nvidia.com/gpu", "0.1.0"))[0]
    status = SweepStatus(resolved=accepted.resolved, observed_generation=1).to_json()
    await api.replace(SWEEPS, {**obj, "status": status}, subresource="status")
    with pytest.raises(UsageError, match="has no results yet"):
        await trained_sweep(api, "team", "other")
    records = [
        Record(p.key, k, Outcome.OK, "r", metrics={"val_average_loss": 0.1}) for p in accepted.points for k in (0, 1)
    ]
    for write in append([], records, {p.key: p.combination.flags for p in accepted.points}, accepted):
        await api.create(RESULTS, write.manifest)
    found = await trained_sweep(api, "team", "other")
    assert (found.name, len(found.records), found.parameters) == ("other", 6, {"units": 8})
    assert [each.flags for each in found.combinations] == [{"l2": 0}, {"l2": 1}, {"l2": 2}]


async def test_a_sweep_that_was_not_accepted_has_no_results() -> None:
    api = MemoryApi()
    await api.create(SWEEPS, sweep())
    with pytest.raises(UsageError, match="has no results yet"):
        await trained_sweep(api, "team", "other")
