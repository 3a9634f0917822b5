"""What determines a value is in its key, its guard or its provenance: edits of a sweep and of its data, under the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject, name_of
from regsweep.api import constants as names
from unit.controller.trainers import NEW_DATA, OLD_DATA, environment_of, train
from unit.controller.world import DEADLINE_SECONDS, NAMESPACE, World, operating, settled, sweep_object, until

LOSS = {"metric": "val_average_loss", "epoch": "Best"}
FLAGS = [{"name": "l2", "values": [0, 0.1]}]


@pytest.fixture
def world() -> World:
    return World()


def sweep_of(**spec: Any) -> KubeObject:
    return sweep_object(**{"flags": FLAGS, "objective": LOSS, **spec})


async def trained(world: World, done: Callable[[], object], **trainer: Any) -> None:
    """Trains whatever there is to train until it is done."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not done():
            await train(world, **trainer)
            await asyncio.sleep(0.002)


def objectives(world: World) -> dict[float, float]:
    """The objective's mean by l2."""
    return {row["flags"]["l2"]: row["objective"]["mean"] for row in world.status()["results"] if "objective" in row}


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param({"metric": "val_accuracy", "epoch": "Best"}, id="another metric (obj2)"),
        pytest.param({"metric": "val_average_loss", "goal": "Maximize", "epoch": "Best"}, id="the goal turned (obj3)"),
    ],
)
async def test_an_objective_whose_best_epoch_another_rule_chose_is_not_followed(
    world: World, objective: dict[str, Any]
) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of())
        await trained(world, world.is_over)
        before, jobs = objectives(world), list(world.created)
        await world.edit(objective=objective)
        await until(lambda: world.condition("Accepted").get("status") == "False")
        await settled(operator, world)
    accepted = world.condition("Accepted")
    assert accepted["reason"] == "Immutable"
    assert "spec.objective: cannot change from val_average_loss (Minimize, Best epoch)" in accepted["message"]
    assert "4 trainings have a best epoch that another rule chose" in accepted["message"]
    assert objectives(world) == before
    assert world.status()["objective"] == {"metric": "val_average_loss", "goal": "Minimize", "epoch": "Best"}
    assert world.created == jobs


async def test_a_grid_that_grows_with_a_refused_objective_trains_for_the_one_in_force(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of())
        await trained(world, world.is_over)
        grown = [{"name": "l2", "values": [0, 0.1, 0.2]}]
        await world.edit(objective={"metric": "val_accuracy", "epoch": "Best"}, flags=grown)
        await until(lambda: len(world.created) == 3)
        await trained(world, lambda: world.status()["progress"] == "3/3")
        await settled(operator, world)
    assert objectives(world) == pytest.approx({0: 0.2, 0.1: 0.3, 0.2: 0.4})


async def test_the_last_epochs_objective_is_followed_without_training_again(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of(objective={"metric": "val_average_loss"}))
        await trained(world, world.is_over)
        await world.edit(objective={"metric": "val_accuracy"})
        await until(lambda: world.status()["objective"]["metric"] == "val_accuracy")
        await settled(operator, world)
        assert world.condition("Accepted")["status"] == "True"
        assert objectives(world) == pytest.approx({0: 0.7, 0.1: 0.6})
        await world.edit(objective={"metric": "val_auc"})
        await until(lambda: world.condition("Accepted")["status"] == "False")
        await settled(operator, world)
    assert "4 trainings have no val_auc at the last epoch" in world.condition("Accepted")["message"]
    assert objectives(world) == pytest.approx({0: 0.7, 0.1: 0.6})
    assert len(world.created) == 2


async def test_an_objective_put_back_is_accepted_again(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of())
        await trained(world, world.is_over)
        await world.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: world.condition("Accepted")["status"] == "False")
        await world.edit(objective=LOSS)
        await until(lambda: world.condition("Accepted")["status"] == "True")
        await settled(operator, world)
    assert len(world.created) == 2


async def test_an_objective_is_followed_once_nothing_is_left_that_was_trained_for_the_other(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of())
        await until(lambda: len(world.jobs()) == 2)
        await world.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: world.condition("Accepted").get("status") == "False")
        for pod in await world.start_pods():
            await world.end(pod, "Failed", {"exitCode": 64, "reason": "Error", "message": ""})
        await until(lambda: world.condition("Accepted")["status"] == "True")
        await settled(operator, world)
    assert world.status()["objective"]["metric"] == "val_accuracy"


async def test_the_data_are_pinned_and_shown(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of(trainer={"gpus": 0, "dataRevision": "2026-11"}, parallelism=1))
        await trained(world, world.is_over)
        await settled(operator, world)
    assert world.status()["data"] == {"digest": OLD_DATA, "revision": "2026-11"}
    assert world.condition("ReplicatesPaired")["message"] == ""
    given = {environment_of_job(job)["REGSWEEP_DATA_DIGEST"] for job in world.jobs()}
    assert given == {"", OLD_DATA}


async def test_changed_data_stop_the_sweep_until_they_are_restored(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of(parallelism=1, flags=[{"name": "l2", "values": [0, 0.1, 0.2]}]))
        await until(world.jobs)
        await train(world)
        await until(lambda: len(world.created) == 2)
        await train(world, data=NEW_DATA)
        await until(lambda: world.status().get("state") == "Failed")
        await settled(operator, world)
        failed = world.condition("Failed")
        assert failed["reason"] == "DataChanged"
        assert "The data changed (1f0c -> 9a3e): 1 of 3 runs rest on the old data." in failed["message"]
        assert "spec.trainer.dataRevision" in failed["message"]
        assert [failure["reason"] for failure in world.status()["failures"]] == ["DataChanged"]
        assert len(world.created) == 2

        await world.api.patch(SWEEPS, NAMESPACE, "demo", {"metadata": {"annotations": {names.RETRY_ANNOTATION: "1"}}})
        await until(lambda: len(world.created) == 3)
        await trained(world, lambda: world.status()["state"] == "Complete")
        await settled(operator, world)
    assert world.status()["data"] == {"digest": OLD_DATA}
    assert len(set(world.created)) == 4


async def test_a_new_data_revision_trains_everything_on_the_data_as_they_are(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of(parallelism=1))
        await until(world.jobs)
        await train(world)
        await until(lambda: len(world.created) == 2)
        await train(world, data=NEW_DATA)
        await until(lambda: world.status().get("state") == "Failed")
        await world.edit(trainer={"gpus": 0, "dataRevision": "2"})
        await until(lambda: world.condition("Failed").get("status") == "False")
        await trained(world, lambda: world.status()["state"] == "Complete", data=NEW_DATA)
        await settled(operator, world)
    assert world.status()["data"] == {"digest": NEW_DATA, "revision": "2"}
    assert world.condition("Accepted")["status"] == "True"
    assert len(world.created) == 4
    assert len(world.records()) == 2 + 2 + 4, "the old ones are kept, the two that were refused too"


async def test_a_trainer_that_names_no_data_is_not_guarded_and_that_is_said(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of())
        await trained(world, world.is_over, data="")
        await settled(operator, world)
    assert world.status()["state"] == "Complete"
    assert "data" not in world.status()
    paired = world.condition("ReplicatesPaired")
    assert paired["status"] == "True"
    assert "reports no digest of its data" in paired["message"]


async def test_a_sweep_of_an_older_operator_goes_on_under_its_old_keys(world: World) -> None:
    async with operating(world) as operator:
        await world.apply(sweep_of(objective={"metric": "val_average_loss"}))
        await until(world.jobs)
        await settled(operator, world)
    await _as_an_older_operator_left_it(world)
    before = {job["metadata"]["annotations"][names.POINT_KEY_ANNOTATION]: name_of(job) for job in world.jobs()}
    async with operating(world) as operator:
        await trained(world, world.is_over, rules=False, data="")
        await world.edit(objective={"metric": "val_average_loss", "epoch": "Best"})
        await until(lambda: world.status()["objective"]["epoch"] == "Best")
        await settled(operator, world)
        assert objectives(world) == pytest.approx({0: 0.2, 0.1: 0.3})
        await world.edit(objective={"metric": "val_accuracy", "epoch": "Best"})
        await until(lambda: world.condition("Accepted")["status"] == "False")
        await settled(operator, world)
    assert {point for point, _ in world.records()} == before.keys()
    assert len(world.created) == 2 + len(before), "the sweep's own Jobs, put back under old keys, and no other"
    assert "keyVersion" not in world.status()["resolved"]
    assert world.status()["resolved"]["objective"]["metric"] == "val_average_loss"


async def _as_an_older_operator_left_it(world: World) -> None:
    """Puts the sweep's Jobs and what is pinned into the shape that the first key version had."""
    from regsweep.adapters.kubeapi import JOBS
    from regsweep.api.status import Resolved
    from regsweep.core.identity import point_key, run_name

    sweep = world.sweep()
    resolved = {k: v for k, v in sweep["status"]["resolved"].items() if k not in ("keyVersion", "objective")}
    sweep["status"] = {**sweep["status"], "resolved": resolved}
    await world.api.replace(SWEEPS, sweep, subresource="status")
    old = Resolved.model_validate(resolved)
    for job, l2 in zip(world.jobs(), (0, 0.1), strict=True):
        await world.api.delete(JOBS, NAMESPACE, name_of(job), uid=job["metadata"]["uid"])
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
        await world.api.create(JOBS, {**job, "metadata": metadata})
    assert not world.api.objects(RESULTS)


def environment_of_job(job: KubeObject) -> dict[str, str]:
    return environment_of({"spec": job["spec"]["template"]["spec"]})
