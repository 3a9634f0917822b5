"""Somebody's own scripts, five lines changed: the same manifest on a laptop and on a real node, the same ranking from both."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import paths
from support.stage import TRAINING_SECONDS, Lab, sweep

SCRIPTS = paths.CHECKOUT / "images" / "kit" / "examples" / "after"
TOLERANCE = 0.01
"""Relative: the same CPU and the same packages, but threads may add up in another order."""


@pytest.mark.parametrize(
    ("name", "flag", "values", "metric"),
    [
        pytest.param("digits", "dropout", [0, 0.5, 0.9], "val_average_loss", id="a CNN on digits"),
        pytest.param("engines", "l2", [0, 0.01, 0.3], "val_sparse_categorical_accuracy", id="time series"),
        pytest.param("patients", "units", [1, 8, 64], "val_AUC", id="a table by FeatureSpace", marks=pytest.mark.long),
    ],
)
def test_laptop_and_node_rank_somebodys_script_alike(
    lab: Lab, tmp_path: Path, name: str, flag: str, values: list[float], metric: str
) -> None:
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script"}}
    script["data"] = {"train.py": (SCRIPTS / f"{name}.py").read_text()}
    made = sweep(
        name,
        flags=[{"name": flag, "values": values}],
        replicates=2,
        parallelism=1,
        objective={"metric": metric},
        trainer={"gpus": 0, "script": {"configMapRef": {"name": "script"}, "entrypoint": "train.py"}},
    )
    lab.apply(script, made)
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump_all([script, made]))
    command = [sys.executable, "-m", "regsweep.cli", "run", str(file), "--runs-dir", str(tmp_path / "runs")]
    done = subprocess.run([*command, "--output", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    here: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    lab.until_condition(name, "Complete", seconds=TRAINING_SECONDS)
    there = lab.status(name)["results"]

    assert [row["flags"] for row in there] == [row["flags"] for row in here]
    assert {row["flags"][flag] for row in there} == set(values)
    for on_node, on_laptop in zip(there, here, strict=True):
        for figure in ("valLoss", "trainLoss"):
            assert math.isclose(on_node[figure], on_laptop[figure], rel_tol=TOLERANCE)
        assert math.isclose(on_node["objective"]["mean"], on_laptop["objective"]["mean"], rel_tol=TOLERANCE)
    assert "Failed" not in {pod["status"]["phase"] for pod in lab.pods()}
