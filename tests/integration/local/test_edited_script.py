"""A script that is edited while its sweep is trained: no run is taken for a result of what the script was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from integration.local.sweeps import DEADLINE_SECONDS

SCRIPT = """
import pathlib
import regsweep_kit as kit
from model import loss
flags = kit.flags(l2=0.1)
for replicate in kit.replicates():
    if flags.l2 == 1 and pathlib.Path("edits").exists():
        pathlib.Path("edits").unlink()
        pathlib.Path("model.py").write_text("def loss(l2): return 1 - l2")
    value = loss(flags.l2)
    replicate.report(1, train={"average_loss": value, "loss": value}, val={"average_loss": value, "loss": value})
"""
MODEL = "def loss(l2): return 5 + l2"
FLAGS = ["--flag", "l2=[1, 2, 3]", "--replicates", "1", "--parallelism", "1"]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    regsweep = [sys.executable, "-m", "regsweep.cli", "run", *command, *FLAGS, "--output", "json"]
    return subprocess.run(regsweep, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS)


def losses(done: subprocess.CompletedProcess[str]) -> dict[float, float]:
    return {row["flags"]["l2"]: row["objective"]["mean"] for row in json.loads(done.stdout)["results"]}


def test_no_run_is_started_after_an_edit_and_what_had_begun_is_kept(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "edits").touch()
    done = run(tmp_path, "--script", "train.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert "model.py changed during training, and no further run is started" in done.stderr

    (tmp_path / "model.py").write_text(MODEL)
    restored = run(tmp_path, "--script", "train.py")
    assert "to train: 2 runs" in restored.stderr, "the run that had begun is not trained again"
    assert losses(restored) == {1: 6, 2: 7, 3: 8}


def test_the_modules_of_a_linked_script_are_those_beside_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text(SCRIPT)
    (tmp_path / "src" / "model.py").write_text(MODEL)
    (tmp_path / "train.py").symlink_to("src/train.py")
    assert losses(run(tmp_path, "--script", "train.py")) == {1: 6, 2: 7, 3: 8}
    (tmp_path / "src" / "model.py").write_text("def loss(l2): return 9 - l2")
    assert losses(run(tmp_path, "--script", "train.py")) == {1: 8, 2: 7, 3: 6}
