"""`regsweep run --script`: a script is swept without a manifest."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS

SCRIPT = """
import regsweep_kit as kit
flags = kit.flags(l2=0.1, activation="relu", units=[8], epochs=1)
for replicate in kit.replicates():
    loss = flags.l2 + (flags.activation == "tanh") + len(flags.units)
    replicate.report(flags.epochs, train={"average_loss": loss, "loss": loss}, val={"average_loss": loss, "loss": -loss})
"""


def run(folder: Path, *options: str, text: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(text)
    command = [sys.executable, "-m", "regsweep.cli", "run", *options, "--output", "json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS)


def test_flags_are_swept_or_fixed_and_the_metric_chosen(tmp_path: Path) -> None:
    swept = ["--flag", "l2=[0, 1e-1]", "--flag", "activation=[relu, tanh]", "--flag", "units=[[8], [8, 8]]"]
    done = run(
        tmp_path, "--script", "train.py", *swept, "--flag", "epochs=3", "--replicates", "1", "--metric", "val_loss"
    )
    assert done.returncode == 0, done.stderr
    assert "train: 8 runs x 1 replicate = 8 trainings" in done.stderr
    results = json.loads(done.stdout)["results"]
    assert results[0]["flags"] == {"l2": 0.1, "activation": "tanh", "units": [8, 8]}
    assert sorted(path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()) == ["train"]


def test_a_metric_of_ones_own_is_ranked_by_with_its_goal(tmp_path: Path) -> None:
    """The whole way on a laptop: reported, ranked, listed, filtered and ordered under its own name."""
    own = SCRIPT.replace('"loss"', '"My-Score"')
    options = ["--script", "train.py", "--flag", "l2=[0, 0.5]", "--replicates", "1", "--metric", "val_My-Score"]
    done = run(tmp_path, *options, "--goal", "Minimize", text=own)
    assert done.returncode == 0, done.stderr
    assert [row["flags"]["l2"] for row in json.loads(done.stdout)["results"]] == [0.5, 0]
    listing = [sys.executable, "-m", "regsweep.cli", "ls", "--order", "eval_My-Score", "--output", "csv"]
    listed = subprocess.run(
        [*listing, "--filter", "eval_My-Score < -1.2"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    (row,) = csv.DictReader(listed.stdout.splitlines())
    assert (row["flag_l2"], row["eval_My-Score"]) == ("0.5", "-1.5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give a manifest, or a training script with --script"),
        (["--flag", "l2=[1]"], "belong to --script"),
        (["--replicates", "2"], "belong to --script"),
        (["--script", "train.py", "sweep.yaml"], "either a script or a manifest"),
        (["--script", "train.py", "--trainer-command", "python x.py"], "either a script or a manifest"),
        (["--script", "train.py"], "no flag has several values"),
        (["--script", "train.py", "--flag", "l2"], "must be NAME=VALUE, such as 'dropout=[0, 0.5]', got 'l2'"),
        (["--script", "train.py", "--flag", "=1"], "must be NAME=VALUE"),
        (["--script", "train.py", "--flag", "l2=[1,"], "--flag l2: line "),
        (["--script", "train.py", "--flag", "l2=1\n---\n2"], "--flag l2: has several documents"),
        (["--script", "train.py", "--flag", "l2=[1]", "--flag", "l2=[2]"], "l2 is given twice"),
        (["--script", "train.py", "--flag", "l2=[]"], "spec.flags[0]"),
        (["--script", "train.py", "--flag", "l2=[1, 2]", "--metric", "loss"], "spec.objective.metric"),
        (["--script", "train.py", "--flag", "l2=[1, 2]", "--metric", "val_Own"], "spec.objective.goal: is required"),
        (["--script", "train.py", "--flag", "l2=[1, 2]", "--goal", "Larger"], "spec.objective.goal"),
        (["--goal", "Maximize"], "belong to --script"),
        (["--script", "missing.py", "--flag", "l2=[1, 2]"], "missing.py: no such file"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()
