"""A manifest with a ConfigMap and the sweep of the script in it, under `regsweep run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.local.sweeps import DEADLINE_SECONDS

SCRIPT = """
import regsweep_kit as kit
from helper import loss
flags = kit.flags(l2=0.1)
for replicate in kit.replicates():
    replicate.report(1, train={"average_loss": loss(flags.l2)}, val={"average_loss": loss(flags.l2)})
"""
HELPER = "def loss(l2): return abs(l2 - 0.5)"


def documents(helper: str = HELPER, name: str = "train", **trainer: Any) -> list[dict[str, Any]]:
    script = {"configMapRef": {"name": "train"}, "entrypoint": "train.py"}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"train.py": SCRIPT, "helper.py": helper},
        },
        {
            "apiVersion": "regsweep.dev/v1alpha1",
            "kind": "RegularizationSweep",
            "metadata": {"name": "mine"},
            "spec": {
                "flags": [{"name": "l2", "values": [0, 0.5]}],
                "replicates": 2,
                "trainer": {"gpus": 0, "script": script, **trainer},
            },
        },
    ]


def run(folder: Path, objects: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    (folder / "sweep.yaml").write_text("\n---\n".join(map(json.dumps, objects)))
    command = [sys.executable, "-m", "regsweep.cli", "run", "sweep.yaml", "--output", "json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS)


def test_the_script_of_the_file_is_trained_and_its_files_are_its_identity(tmp_path: Path) -> None:
    done = run(tmp_path, documents())
    assert done.returncode == 0, done.stderr
    assert [row["flags"]["l2"] for row in json.loads(done.stdout)["results"]] == [0.5, 0]
    runs = len(list((tmp_path / "runs" / "mine").glob("*/run.json")))
    assert "all done already" in run(tmp_path, documents()).stderr
    changed = run(tmp_path, documents(helper="def loss(l2): return l2"))
    assert [row["flags"]["l2"] for row in json.loads(changed.stdout)["results"]] == [0, 0.5]
    assert len(list((tmp_path / "runs" / "mine").glob("*/run.json"))) == 2 * runs


def test_an_image_is_said_to_be_ignored(tmp_path: Path) -> None:
    done = run(tmp_path, documents(image="mine:1"))
    assert done.returncode == 0, done.stderr
    assert "spec.trainer.image (mine:1) is ignored: the script runs with this Python." in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (documents(name="other"), "there is no such ConfigMap"),
        (documents(name="other"), "add ConfigMap train to sweep.yaml, after `---`"),
        (
            documents(script={"configMapRef": {"name": "train"}, "entrypoint": "main.py"}),
            "Its keys: helper.py, train.py.",
        ),
        (
            documents(script={"configMapRef": {"name": "train"}, "entrypoint": "../main.py"}),
            "spec.trainer.script.entrypoint",
        ),
    ],
)
def test_a_script_that_is_not_there_is_refused(tmp_path: Path, objects: list[dict[str, Any]], message: str) -> None:
    done = run(tmp_path, objects)
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split())
