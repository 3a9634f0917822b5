"""What determines a value is in its key, its guard or its provenance: edits of a sweep and of its data, under the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject, name_of
from regsweep.api import constants as names
from unit.controller.fake_cluster import (
    DEADLINE_SECONDS,
    NAMESPACE,
    FakeCluster,
    operating,
    settled,
    sweep_object,
    until,
)
from unit.controller.trainers import NEW_DATA, OLD_DATA, environment_of, train

LOSS = {"metric": "val_average_loss", "epoch": "Best"}
FLAGS = [{"name": "l2", "values": [0, 0.1]}]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def sweep_of(**spec: Any) -> KubeObject:
    return sweep_object(**{"flags": FLAGS, "objective": LOSS, **spec})


async def trained(cluster: FakeCluster, done: Callable[[], object], **trainer: Any) -> None:
    """Trains whatever there is to train until it is done."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not done():
            await train(cluster, **trainer)
            await asyncio.sleep(0.002)


def objectives(cluster: FakeCluster) -> dict[float, float]:
    """The objective's mean by l2."""
    rows: list[dict[str, Any]] = cluster.status()["results"]
    return {row["flags"]["l2"]: row["objective"]["mean"] for row in rows if "objective" in row}


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param({"metric": "val_accuracy", "epoch": "Best"}, id="another metric (obj2)"),
        pytest.param({"metric": "val_average_loss", "goal": "Maximize", "epoch": "Best"}, id="the goal turned (obj3)"),
    ],
)
async def test_an_objective_whose_best_epoch_another_rule_chose_is_not_followed(
    cluster: FakeCluster, objective: dict[str, Any]
) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of())
        await trained(cluster, cluster.is_over)
        before, jobs = objectives(cluster), list(cluster.created)
        await cluster.edit(objective=objective)
        await until(lambda: cluster.condition("Accepted").get("status") == "False")
        await settled(operator, cluster)
    accepted = cluster.condition("Accepted")
    assert accepted["reason"] == "Immutable"
    assert "spec.objective: cannot change from val_average_loss (Minimize, Best epoch)" in accepted["message"]
    assert "4 trainings have a best epoch chosen by another rule" in accepted["message"]
    assert objectives(cluster) == before
    assert cluster.status()["objective"] == {"metric": "val_average_loss", "goal": "Minimize", "epoch": "Best"}
    assert cluster.created == jobs


async def test_a_grid_that_grows_with_a_refused_objective_trains_for_the_one_in_force(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of())
        await trained(cluster, cluster.is_over)
        grown = [{"name": "l2", "values": [0, 0.1, 0.2]}]
        await cluster.edit(objective={"metric": "val_accuracy", "epoch": "Best"}, flags=grown)
        await until(lambda: len(cluster.created) == 3)
        await trained(cluster, lambda: cluster.status()["progress"] == "3/3")
        await settled(operator, cluster)
    assert objectives(cluster) == pytest.approx({0: 0.2, 0.1: 0.3, 0.2: 0.4})


async def test_the_last_epochs_objective_is_followed_without_training_again(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of(objective={"metric": "val_average_loss"}))
        await trained(cluster, cluster.is_over)
        await cluster.edit(objective={"metric": "val_accuracy"})
        await until(lambda: cluster.status()["objective"]["metric"] == "val_accuracy")
        await settled(operator, cluster)
        assert cluster.condition("Accepted")["status"] == "True"
        assert objectives(cluster) == pytest.approx({0: 0.7, 0.1: 0.6})
        await cluster.edit(objective={"metric": "val_auc"})
        await until(lambda: cluster.condition("Accepted")["status"] == "False")
        await settled(operator, cluster)
    assert "4 trainings have no val_auc at the last epoch" in cluster.condition("Accepted")["message"]
    assert objectives(cluster) == pytest.approx({0: 0.7, 0.1: 0.6})
    assert len(cluster.created) == 2


async def test_an_objective_put_back_is_accepted_again(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of())
        await trained(cluster, cluster.is_over)
        await cluster.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: cluster.condition("Accepted")["status"] == "False")
        await cluster.edit(objective=LOSS)
        await until(lambda: cluster.condition("Accepted")["status"] == "True")
        await settled(operator, cluster)
    assert len(cluster.created) == 2


async def test_an_objective_is_followed_once_nothing_is_left_that_was_trained_for_the_other(
    cluster: FakeCluster,
) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of())
        await until(lambda: len(cluster.jobs()) == 2)
        await cluster.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: cluster.condition("Accepted").get("status") == "False")
        for pod in await cluster.start_pods():
            await cluster.end(pod, "Failed", {"exitCode": 64, "reason": "Error", "message": ""})
        await until(lambda: cluster.condition("Accepted")["status"] == "True")
        await settled(operator, cluster)
    assert cluster.status()["objective"]["metric"] == "val_accuracy"


async def test_the_data_are_pinned_and_shown(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of(trainer={"gpus": 0, "dataRevision": "2026-11"}, parallelism=1))
        await trained(cluster, cluster.is_over)
        await settled(operator, cluster)
    assert cluster.status()["data"] == {"digest": OLD_DATA, "revision": "2026-11"}
    assert cluster.condition("ReplicatesPaired")["message"] == ""
    given = {environment_of_job(job)["REGSWEEP_DATA_DIGEST"] for job in cluster.jobs()}
    assert given == {"", OLD_DATA}


async def test_changed_data_stop_the_sweep_until_they_are_restored(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of(parallelism=1, flags=[{"name": "l2", "values": [0, 0.1, 0.2]}]))
        await until(cluster.jobs)
        await train(cluster)
        await until(lambda: len(cluster.created) == 2)
        await train(cluster, data=NEW_DATA)
        await until(lambda: cluster.status().get("state") == "Failed")
        await settled(operator, cluster)
        failed = cluster.condition("Failed")
        assert failed["reason"] == "DataChanged"
        assert "The data changed (1f0c -> 9a3e): 1 of 3 runs rest on the old data." in failed["message"]
        assert "spec.trainer.dataRevision" in failed["message"]
        assert [failure["reason"] for failure in cluster.status()["failures"]] == ["DataChanged"]
        assert len(cluster.created) == 2

        await cluster.api.patch(SWEEPS, NAMESPACE, "demo", {"metadata": {"annotations": {names.RETRY_ANNOTATION: "1"}}})
        await until(lambda: len(cluster.created) == 3)
        await trained(cluster, lambda: cluster.status()["state"] == "Complete")
        await settled(operator, cluster)
    assert cluster.status()["data"] == {"digest": OLD_DATA}
    assert len(set(cluster.created)) == 4


async def test_a_new_data_revision_trains_everything_on_the_data_as_they_are(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of(parallelism=1))
        await until(cluster.jobs)
        await train(cluster)
        await until(lambda: len(cluster.created) == 2)
        await train(cluster, data=NEW_DATA)
        await until(lambda: cluster.status().get("state") == "Failed")
        await cluster.edit(trainer={"gpus": 0, "dataRevision": "2"})
        await until(lambda: cluster.condition("Failed").get("status") == "False")
        await trained(cluster, lambda: cluster.status()["state"] == "Complete", data=NEW_DATA)
        await settled(operator, cluster)
    assert cluster.status()["data"] == {"digest": NEW_DATA, "revision": "2"}
    assert cluster.condition("Accepted")["status"] == "True"
    assert len(cluster.created) == 4
    assert len(cluster.records()) == 2 + 2 + 4, "the old ones are kept, the two that were refused too"


async def test_a_trainer_that_names_no_data_is_not_guarded_which_is_reported(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of())
        await trained(cluster, cluster.is_over, data="")
        await settled(operator, cluster)
    assert cluster.status()["state"] == "Complete"
    assert "data" not in cluster.status()
    paired = cluster.condition("ReplicatesPaired")
    assert paired["status"] == "True"
    assert "reports no digest of its data" in paired["message"]


async def test_a_sweep_of_an_older_operator_goes_on_under_its_old_keys(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_of(objective={"metric": "val_average_loss"}))
        await until(cluster.jobs)
        await settled(operator, cluster)
    await _as_an_older_operator_left_it(cluster)
    before = {job["metadata"]["annotations"][names.POINT_KEY_ANNOTATION]: name_of(job) for job in cluster.jobs()}
    async with operating(cluster) as operator:
        await trained(cluster, cluster.is_over, rules=False, data="")
        await cluster.edit(objective={"metric": "val_average_loss", "epoch": "Best"})
        await until(lambda: cluster.status()["objective"]["epoch"] == "Best")
        await settled(operator, cluster)
        assert objectives(cluster) == pytest.approx({0: 0.2, 0.1: 0.3})
        await cluster.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: cluster.condition("Accepted")["status"] == "False")
        await settled(operator, cluster)
    assert {point for point, _ in cluster.records()} == before.keys()
    assert len(cluster.created) == 2 + len(before), "the sweep's own Jobs, put back under old keys, and no other"
    assert "keyVersion" not in cluster.status()["resolved"]
    assert cluster.status()["resolved"]["objective"]["metric"] == "val_average_loss"


async def _as_an_older_operator_left_it(cluster: FakeCluster) -> None:
    """Puts the sweep's Jobs and what is pinned into the shape that the first key version had."""
    from regsweep.adapters.kubeapi import JOBS
    from regsweep.api.status import Resolved
    from regsweep.core.identity import point_key, run_name

    sweep = cluster.sweep()
    resolved = {k: v for k, v in sweep["status"]["resolved"].items() if k not in ("keyVersion", "objective")}
    sweep["status"] = {**sweep["status"], "resolved": resolved}
    await cluster.api.replace(SWEEPS, sweep, subresource="status")
    old = Resolved.model_validate(resolved)
    for job, l2 in zip(cluster.jobs(), (0, 0.1), strict=True):
        await cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=job["metadata"]["uid"])
        key = point_key({"l2": l2}, old)
        notes = {
            name: value
            for name, value in job["metadata"]["annotations"].items()
            if name not in (names.LOST_ANNOTATION, names.OBJECTIVE_ANNOTATION)
        }
        name = run_name("demo", sweep["metadata"]["uid"], key, 0, 0)
        metadata = {
            **{k: v for k, v in job["metadata"].items() if k in ("namespace", "labels", "ownerReferences")},
            "name": name,
            "annotations": {**notes, names.POINT_KEY_ANNOTATION: key},
        }
        await cluster.api.create(JOBS, {**job, "metadata": metadata})
    assert not cluster.api.objects(RESULTS)


def environment_of_job(job: KubeObject) -> dict[str, str]:
    return environment_of({"spec": job["spec"]["template"]["spec"]})
