"""An operator takes over from one that wrote an older status: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from typing import Any

from regsweep.adapters.kubeapi import SWEEPS
from regsweep.metrics import ANALYSES, Metrics
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, sweep_object


def as_before(value: Any) -> Any:
    """The status as it was written before combinations had ids, and notes and findings types."""
    if isinstance(value, list):
        return [as_before(item) for item in value]
    if not isinstance(value, dict):
        return value
    if {"type", "message"} <= value.keys() and "lastTransitionTime" not in value and "subject" not in value:
        return value["message"]  # a note
    new = {"combination", "cut", "subject", "flag", "value", "end", "suggestion", "count", "of", "means", "interplays"}
    return {name: as_before(item) for name, item in value.items() if name not in new}


async def rewrite_status(world: FakeCluster) -> dict[str, Any]:
    """Has the sweep the status that an older version would have written; returns it."""
    sweep = await world.api.get(SWEEPS, NAMESPACE, "demo")
    older: dict[str, Any] = as_before(sweep["status"])
    await world.api.replace(SWEEPS, {**sweep, "status": older}, subresource="status")
    return older


async def test_a_complete_sweep_stays_complete_and_is_not_analysed_anew() -> None:
    world, metrics = FakeCluster(), Metrics()
    await world.apply(sweep_object(replicates=3))
    async with operating(world):
        await world.train_everything(world.is_over)
    older = await rewrite_status(world)
    assert isinstance(older["analysis"]["notes"][0], str)
    async with operating(world, metrics=metrics) as operator:
        await settled(operator, world)
    status = world.status()
    assert metrics.value(ANALYSES, result="ok") == 0
    assert (status["state"], status["conditions"]) == ("Complete", older["conditions"])
    assert status["completionTime"] == older["completionTime"]
    assert [note["message"] for note in status["analysis"]["notes"]] == older["analysis"]["notes"]


async def test_frozen_picks_stay_frozen_and_are_not_trained_again() -> None:
    world = FakeCluster()
    await world.apply(sweep_object(replicates=3, final={"replicates": 3}))
    async with operating(world):
        await world.train_everything(world.is_over)
    trained, older = list(world.trained), await rewrite_status(world)
    async with operating(world) as operator:
        await world.train_everything(world.is_over)
        await settled(operator, world)
    assert world.trained == trained
    assert world.status()["final"] == older["final"]
    assert world.status()["state"] == "Complete"
    assert world.status()["analysis"]["pick"]["combination"]
