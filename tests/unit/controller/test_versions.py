"""A sweep that one version has begun is finished by the next: from objects that the earlier version itself has left."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from regsweep.adapters.kubeapi import JOBS, PODS, RESULTS, SWEEPS, name_of, uid_of
from regsweep.controller.writers.status_writer import prior_status
from regsweep.errors import UnreadableStatus
from unit.controller.fake_cluster import FakeCluster, operating, settled, sweep_object

VERSIONS = Path(__file__).parents[2] / "data" / "versions"
RESOURCES = {resource.plural: resource for resource in (SWEEPS, JOBS, PODS, RESULTS)}


def left_by(version: str) -> FakeCluster:
    """The cluster as the version has left it in mid-sweep: one run done, one lost with its pod and made again, two in training."""
    content = json.loads((VERSIONS / f"{version}.json").read_text(encoding="utf-8"))
    cluster = FakeCluster()
    for entry in content["objects"]:
        metadata = entry["object"]["metadata"]
        cluster.api._store(
            RESOURCES[entry["plural"]], (entry["plural"], metadata["namespace"], metadata["name"]), entry["object"]
        )
    cluster.trained = [(point, replicate) for point, replicate in content["trained"]]
    return cluster


async def test_a_sweep_that_an_earlier_version_began_is_finished_and_nothing_is_trained_twice() -> None:
    cluster = left_by("before-claims")
    before = {name_of(job) for job in cluster.jobs()}
    resolved = cluster.status()["resolved"]
    async with operating(cluster, trainer_image="another:2") as operator:
        await cluster.train_everything(cluster.is_over, most_at_once=2)
        await settled(operator, cluster)
    status = cluster.status()
    assert status["state"] == "Complete"
    assert status["resolved"] == resolved
    assert status["managedBy"]["lease"] == "default/regsweep-operator"
    assert not cluster.events("JobAltered")
    assert not before & set(cluster.created), "no run that the earlier version made is made again"
    records = cluster.records()
    assert len(set(records)) == len(records) == 4 * 3
    assert max(Counter(cluster.trained).values()) == 1


async def test_what_an_earlier_version_has_finished_is_left_as_it_is() -> None:
    cluster = left_by("before-claims")
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
    results = cluster.api.objects(RESULTS)
    async with operating(cluster) as operator:
        await settled(operator, cluster)
    assert cluster.api.objects(RESULTS) == results


@pytest.mark.parametrize(
    ("later", "lost"),
    [
        pytest.param({"conditions": "of another kind"}, "conditions", id="conditions of another kind"),
        pytest.param({"state": "Pondering"}, "state", id="a state that is new"),
        pytest.param({"results": [{"rank": 1}], "runs": []}, "results", id="results of another kind"),
        pytest.param({"fieldOfTheFuture": 1}, None, id="a field that is new"),
    ],
)
def test_of_a_status_of_a_later_version_all_is_kept_that_can_be_read(later: dict[str, Any], lost: str | None) -> None:
    sweep = left_by("before-claims").sweep()
    claim = {"name": "regsweep.dev/operator", "lease": "a/b"}
    whole = prior_status({**sweep, "status": {**sweep["status"], "managedBy": claim}})
    prior = prior_status({**sweep, "status": {**sweep["status"], "managedBy": claim, **later}})
    assert prior.managed_by == whole.managed_by is not None
    assert prior.resolved == whole.resolved is not None
    assert prior.start_time == whole.start_time
    if lost is not None:
        assert getattr(prior, lost) == getattr(prior_status(sweep_object()), lost)


@pytest.mark.parametrize("field", ["resolved", "managedBy", "final"])
async def test_a_sweep_waits_whose_pins_only_a_later_version_can_read(field: str) -> None:
    cluster = left_by("before-claims")
    sweep = cluster.sweep()
    sweep["status"][field] = {"byALaterVersion": True}
    await cluster.api.replace(SWEEPS, sweep, subresource="status")
    with pytest.raises(UnreadableStatus, match=rf"status\.{field} was written by another version"):
        prior_status(sweep)
    before = cluster.sweep()
    async with operating(cluster) as operator:
        await settled(operator, cluster)
    assert cluster.sweep() == before
    assert not cluster.created
    assert uid_of(before) == uid_of(sweep)
