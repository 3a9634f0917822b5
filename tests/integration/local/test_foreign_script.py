"""A script that knows nothing of regsweep, under `regsweep run`: flags as its arguments, metrics from its log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import regsweep
from integration.local.sweeps import DEADLINE_SECONDS, Workplace

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--l2", type=float)
parser.add_argument("--seed", type=int)
given = parser.parse_args()
with open("log.csv", "w") as log:
    print("epoch,loss,val_loss", file=log)
    for epoch in range(3):
        print(f"{epoch},{given.l2},{given.l2 + 1 / (1 + epoch) + given.seed % 7 / 1000}", file=log)
"""
REPORT = {
    "format": "CSVLogger",
    "path": "log.csv",
    "metrics": {"train_average_loss": "loss", "val_average_loss": "val_loss"},
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    (tmp_path / "train.py").write_text(SCRIPT)
    trainer = {"gpus": 0, "args": ["--l2=$(REGSWEEP_ARG_L2)", "--seed=$(REGSWEEP_SEED)"], "report": REPORT}
    return Workplace(
        tmp_path,
        {"flags": [{"name": "l2", "values": [0.5, 0.1]}], "replicates": 3, "parallelism": 2, "trainer": trainer},
    )


def run(
    place: Workplace, trainer: tuple[str, ...] | None = (sys.executable, "train.py")
) -> subprocess.CompletedProcess[str]:
    command = place.command("--output", "json", trainer=trainer)
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=place.path)


def test_it_is_ranked_by_what_it_logs(place: Workplace) -> None:
    done = run(place)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [row["flags"]["l2"] for row in results] == [0.1, 0.5]
    assert not (place.path / "log.csv").exists(), "runs at a time do not write into one log"
    before = place.started_at()
    assert run(place).returncode == 0
    assert place.started_at() == before


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"args": ["--l3=$(REGSWEEP_ARG_L2)"]}, "InvalidFlags", "unrecognized arguments: --l3=0.5"),
        (
            {"args": ["--l2=$(REGSWEEP_ARG_L3)", "--seed=1"]},
            "InvalidFlags",
            "invalid float value: '$(REGSWEEP_ARG_L3)'",
        ),
        ({"report": {**REPORT, "path": "other.csv"}}, "NothingReported", "without an epoch in other.csv"),
    ],
)
def test_what_is_wrong_is_said(place: Workplace, change: dict[str, Any], reason: str, message: str) -> None:
    place.spec["trainer"] = {**place.spec["trainer"], **change}  # type: ignore[dict-item]
    done = run(place)
    assert done.returncode == 1
    assert reason in done.stdout
    assert message in done.stdout


def test_without_a_script_there_is_nothing_to_report(place: Workplace) -> None:
    done = run(place, None)
    assert done.returncode == 2
    assert "no script is given. Give it with --trainer-command" in done.stderr


def test_data_that_change_while_it_trains_are_told_of(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It names its data to nobody: the manifest's parameter does, and regsweep looks again at the end."""
    (place.path / "table.csv").write_text("a")
    (place.path / "train.py").write_text(SCRIPT + f"open({str(place.path / 'table.csv')!r}, 'a').write('b')")
    place.spec["trainer"] = {**place.spec["trainer"], "parameters": {"data": "table.csv"}}  # type: ignore[dict-item]
    words = "note: table.csv changed during training"
    assert words in run(place).stderr.replace("\n", " ")
    monkeypatch.chdir(place.path)
    manifest = {"metadata": {"name": "notebook"}, "spec": place.spec}
    regsweep.tuning_run(manifest, trainer_command=f"{sys.executable} train.py")
    assert words in capfd.readouterr().err.replace("\n", " ")
