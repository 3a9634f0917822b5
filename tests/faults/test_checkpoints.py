"""A run that is preempted on a real node goes on from its checkpoint, and its results are those of a run that nobody interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from cluster import paths
from support.stage import TRAINING_SECONDS, Json, Lab, sweep
from support.volumes import claimed

SPOT = paths.CHECKOUT / "manifests" / "templates" / "spot.yaml"


def test_a_preempted_run_ends_as_one_that_was_not(lab: Lab, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    lab.apply(*claimed(lab, "regsweep-checkpoints", tmp_path), spot_template())
    parameters = {"dataset": "digits", "units": [64], "dropout": 0.3, "noise": 0.1, "epochs": 120, "train_rows": 600}
    trained: Json = {"flags": [{"name": "l2", "values": [0.001]}], "replicates": 2, "parallelism": 1}
    trainer = {"gpus": 0, "parameters": parameters}
    kept = {**trainer, "checkpoints": {"volumeName": "checkpoints", "everyEpochs": 5}}
    lab.apply(sweep("preempted", **trained, trainer=kept, templateRef={"name": "spot"}))
    lab.until("a checkpoint is on the volume", lambda: [*tmp_path.rglob("*.npz")], TRAINING_SECONDS)
    (first,) = lab.pods("Running")
    evict(lab, first["metadata"]["name"])
    lab.until_condition("preempted", "Complete", seconds=TRAINING_SECONDS)

    lab.until("the second pod's end is known", lambda: lab.pods("Succeeded"))
    (last,) = lab.pods("Succeeded")
    assert last["metadata"]["uid"] != first["metadata"]["uid"]
    assert "goes on after epoch" in lab.kubectl("logs", last["metadata"]["name"], "--container=trainer")
    assert list(lab.created_jobs().values()) == [1], "an eviction costs no retry"

    lab.apply(sweep("whole", **trained, trainer=trainer))
    lab.until_condition("whole", "Complete", seconds=TRAINING_SECONDS)
    assert figures(lab, "preempted") == figures(lab, "whole")
    lab.kubectl("delete", "persistentvolume", lab.namespace, "--wait=false")


def figures(lab: Lab, name: str) -> dict[int, Any]:
    """What each replicate's record says of its training, to the six digits that every source of a record has."""
    return {
        record["replicate"]: (
            record["outcome"],
            record["epochs"],
            {metric: f"{value:.5e}" for metric, value in record["metrics"].items()},
            {key: f"{value:.5e}" for key, value in record["best"].items()},
        )
        for record in lab.records(name)
    }


def evict(lab: Lab, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": lab.namespace}}
    path = f"/api/v1/namespaces/{lab.namespace}/pods/{pod}/eviction"
    lab.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def spot_template() -> Json:
    """The project's template for spot machines, as a node that is none can run it."""
    template: Json = yaml.safe_load(SPOT.read_text())
    spec = template["template"]["spec"]
    del spec["nodeSelector"]
    spec["containers"][0]["resources"] = {}
    return template
