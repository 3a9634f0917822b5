"""Real training beyond the sample: the same on a laptop, and a person's own table from a volume."""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from pathlib import Path

import yaml

from support.stage import TRAINING_SECONDS, Lab, sample
from support.volumes import claimed

SMALL = {
    "flags": [{"name": "l2", "values": [0, 0.01, 0.1]}],
    "replicates": 2,
    "trainer": {"gpus": 1, "parameters": {"dataset": "breast_cancer", "units": [16], "epochs": 4, "train_rows": 90}},
}


def test_the_cluster_ranks_as_the_laptop_does(lab: Lab, tmp_path: Path) -> None:
    manifest = sample("breast-cancer.yaml", **SMALL)
    lab.apply(manifest)
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(manifest))
    command = [sys.executable, "-m", "regsweep.cli", "run", str(file), "--runs-dir", str(tmp_path), "--output", "json"]
    local = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    lab.until_condition("breast-cancer", "Complete", seconds=TRAINING_SECONDS)

    there, here = lab.status("breast-cancer")["results"], local["results"]
    assert [row["flags"] for row in there] == [row["flags"] for row in here]
    for on_cluster, on_laptop in zip(there, here, strict=True):
        assert math.isclose(on_cluster["objective"]["mean"], on_laptop["objective"]["mean"], rel_tol=1e-5)
        assert math.isclose(on_cluster["trainLoss"], on_laptop["trainLoss"], rel_tol=1e-5)


def test_epochs_are_shown_while_it_runs(lab: Lab) -> None:
    """It trains until somebody has looked: a run of seconds may end before Prometheus has scraped it."""
    manifest = sample("breast-cancer.yaml", **SMALL)
    manifest["spec"] |= {"flags": [{"name": "l2", "values": [0]}], "replicates": 1}
    manifest["spec"]["trainer"]["parameters"]["epochs"] = 100_000
    lab.apply(manifest)
    shown: list[dict[str, int]] = []

    def is_shown() -> bool:
        shown.extend(run for run in lab.status("breast-cancer").get("running", ()) if run.get("epoch", 0) > 0)
        return bool(shown)

    lab.until("the status shows an epoch", is_shown, TRAINING_SECONDS)
    assert (shown[0]["epoch"] < shown[0]["epochs"], shown[0]["epochs"], shown[0]["replicate"]) == (True, 100_000, 0)
    assert lab.status("breast-cancer")["state"] == "Running"


def test_a_table_of_ones_own_is_read_from_a_volume(lab: Lab, tmp_path: Path) -> None:
    """The sample own-data.yaml as it is, on fewer combinations: the claim `my-data` is the tester's to provide."""
    draw = random.Random(0)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["weight", "height", "outcome"])
        for _ in range(120):
            weight, height = draw.gauss(0, 1), draw.gauss(0, 1)
            rows.writerow([f"{weight:.4f}", f"{height:.4f}", "yes" if weight + height > 0.5 else "no"])
    tmp_path.chmod(0o755)
    lab.apply(*claimed(lab, "my-data", tmp_path, "ReadOnlyMany"))
    manifest = sample("own-data.yaml", flags=[{"name": "l2", "values": [0, 0.01]}], replicates=1, parallelism=2)
    manifest["spec"]["trainer"]["parameters"] |= {"units": [8], "epochs": 3}
    lab.apply(manifest)
    lab.until_condition("own-data", "Complete", seconds=TRAINING_SECONDS)
    results = lab.status("own-data")["results"]
    assert [row["rank"] for row in results] == [1, 2]
    assert all(row["valLoss"] > 0 and row["source"] == "Prometheus" for row in results)
    lab.kubectl("delete", "persistentvolume", lab.namespace, "--wait=false")
