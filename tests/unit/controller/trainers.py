"""A trainer in the cluster of fake_cluster.py that names its data and its rule, and refuses data that are not the pinned ones."""

from __future__ import annotations

import json
from typing import Any

from regsweep.adapters.kubeapi import KubeObject, uid_of
from unit.controller.fake_cluster import FakeCluster, replicates_of

OLD_DATA, NEW_DATA = "1f0c000000000000", "9a3e000000000000"


def environment_of(pod: KubeObject) -> dict[str, str]:
    """The contract's variables, as the pod has them."""
    (trainer,) = (c for c in pod["spec"]["containers"] if c["name"] == "trainer")
    return {entry["name"]: entry["value"] for entry in trainer["env"]}


async def train(cluster: FakeCluster, *, data: str = OLD_DATA, rules: bool = True) -> None:
    """Ends every pod that runs as a trainer would that reads this data; empty: it names none. `rules`: it names its rule."""
    await cluster.start_pods()
    for pod in cluster.running():
        pinned = environment_of(pod)["REGSWEEP_DATA_DIGEST"]
        if data and pinned and pinned != data:
            await refuse(cluster, pod, data)
        else:
            await cluster.succeed(pod, message=message_of(cluster, pod, data, rules))
    await cluster.finish_jobs()


async def refuse(cluster: FakeCluster, pod: KubeObject, data: str) -> None:
    """The trainer refuses the data: its Job fails at once."""
    error = {"reason": "DataChanged", "message": "the data have changed"}
    text = json.dumps({"version": 1, "dataDigest": data, "error": error})
    await cluster.end(pod, "Failed", {"exitCode": 64, "reason": "Error", "message": text})


def message_of(cluster: FakeCluster, pod: KubeObject, data: str, rules: bool) -> str:
    """A record of each replicate: losses and accuracies at the last epoch, the objective's metric at its best one."""
    environment = environment_of(pod)
    flags, objective = json.loads(environment["REGSWEEP_FLAGS"]), json.loads(environment["REGSWEEP_OBJECTIVE"])
    job = next(j for j in cluster.jobs() if uid_of(j) == pod["metadata"]["ownerReferences"][0]["uid"])
    loss = 0.3 + flags["l2"]
    best = loss - 0.1 if objective["metric"] == "val_average_loss" else 1 - loss
    columns = ["train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy"]
    records = [
        [k, "Ok", 3, [loss, loss + k / 100, 1 - loss, 1 - loss], [2, best, best]] for k in replicates_of(job, pod)
    ]
    header: dict[str, Any] = {"version": 1, "backend": "jax", "device": "cpu", "columns": columns, "records": records}
    if data:
        header["dataDigest"] = data
    if rules:
        header["rule"] = {"metric": objective["metric"], "goal": objective["goal"]}
    return json.dumps(header)
