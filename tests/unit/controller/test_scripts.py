"""A sweep of a script under the operator, against the API in memory: the script is copied, mounted, and never silently mixed."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import CONFIG_MAPS, KubeObject
from regsweep.controller.passes import reconcile
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, forget_soon, operating, settled, sweep_object, until

TRAINER = {"gpus": 0, "script": {"configMapRef": {"name": "train"}, "entrypoint": "train.py"}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setattr(reconcile, "SCRIPT_RETRY_SECONDS", 0.05)
    forget_soon(monkeypatch)
    return FakeCluster()


def script(text: str = "a = 1", name: str = "train") -> KubeObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {"train.py": text},
    }


async def mounted(cluster: FakeCluster) -> KubeObject:
    """The ConfigMap that the first Job mounts."""
    spec: Any = cluster.jobs()[0]["spec"]["template"]["spec"]
    name = next(volume["configMap"]["name"] for volume in spec["volumes"] if volume["name"] == "regsweep-script")
    return await cluster.api.get(CONFIG_MAPS, NAMESPACE, name)


async def test_a_sweep_waits_for_its_script_and_mounts_a_copy(cluster: FakeCluster) -> None:
    async with operating(cluster):
        sweep = await cluster.apply(sweep_object(trainer=TRAINER))
        await until(lambda: cluster.condition("Accepted").get("reason") == "Invalid")
        assert "there is no such ConfigMap" in cluster.condition("Accepted")["message"]
        await cluster.api.create(CONFIG_MAPS, script())
        await until(cluster.jobs)
        copy = await mounted(cluster)
    assert copy["immutable"] is True
    assert copy["data"] == {"train.py": "a = 1"}
    assert copy["metadata"]["ownerReferences"][0]["uid"] == sweep["metadata"]["uid"]
    assert cluster.status()["resolved"]["script"]["entrypoint"] == "train.py"


async def test_a_copy_of_that_name_with_other_content_is_not_trained(cluster: FakeCluster) -> None:
    await cluster.api.create(CONFIG_MAPS, script())
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(trainer=TRAINER, parallelism=50))
        await until(cluster.jobs)
        copy = (await mounted(cluster))["metadata"]
        await settled(operator, cluster)
    await cluster.api.delete(CONFIG_MAPS, NAMESPACE, copy["name"], uid=copy["uid"])
    await cluster.api.create(CONFIG_MAPS, script("a = 2", copy["name"]))
    async with operating(cluster):
        await cluster.edit(flags=[{"name": "l2", "values": [5]}])
        await until(lambda: cluster.condition("Accepted").get("reason") == "TemplateRefused")
        assert "is not this sweep's copy of its script" in cluster.condition("Accepted")["message"]
