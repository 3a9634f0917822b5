"""The model of a cluster's sweep: where it is, and its card."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject
from regsweep.adapters.memory import MemoryApi
from regsweep.api.analysis import PickRole
from regsweep.api.status import FinalPick, FinalStatus
from regsweep.cli.clustermodel import model_in
from regsweep.cli.exits import UsageError
from regsweep.cli.modelcard import as_markdown, card
from regsweep.core.results.records import Environment, Outcome, Record
from regsweep.core.results.segments import append
from regsweep.core.sweep import final_points
from unit.cli.test_results import NAMESPACE, accepted, complete, manifest, with_status

FINAL = FinalStatus(rests_on="x", picks=[FinalPick(roles=[PickRole.BEST], flags={"l2": 3})], replicates=3)


async def cluster(*, trained: bool = True, **spec: Any) -> MemoryApi:
    """A cluster with a complete sweep, whose final evaluation has trained its pick."""
    api = MemoryApi()
    obj: KubeObject = manifest()
    obj["spec"] |= {"final": {"evaluate": "Test"}, "trainer": {"models": {"volumeName": "models"}}} | spec
    obj = await api.create(SWEEPS, obj)
    sweep = accepted(obj)
    (pick,) = final_points(sweep, FINAL)
    points = [*sweep.points, pick] if trained else sweep.points
    environment = Environment("tensorflow", "cpu", "sha256:1f", data_digest="9a3e", train_rows=90, val_rows=30)
    records = [
        Record(
            point.key,
            replicate,
            Outcome.OK,
            run=f"run-{point.key}",
            epochs=5,
            metrics={"val_average_loss": 1.0 + 0.1 * replicate, "test_average_loss": 2.0 + 0.1 * replicate},
            environment=environment,
        )
        for point in points
        for replicate in (range(3) if point.final else range(1))
    ]
    for write in append([], records, {point.key: point.combination.flags for point in points}, sweep):
        await api.create(RESULTS, write.manifest)
    await with_status(api, obj, state="Complete", conditions=complete(), final=FINAL.to_json())
    return api


async def test_it_is_said_where_the_model_is_and_how_to_copy_it() -> None:
    api = await cluster()
    sweep, report, found, words = await model_in(api, NAMESPACE, "mine", PickRole.BEST)
    key = found.chosen.point.key
    assert f"l2=3: the model is {key}/replicate-0.keras on volume models of the training pods." in words
    assert f"kubectl --namespace {NAMESPACE} cp POD:MOUNT/{key}/replicate-0.keras model.keras" in words
    told = card(sweep, report, found.chosen, found.described)
    assert told["metrics"] == {"val_average_loss": 1.0, "test_average_loss": 2.0}
    summary: Any = told["metricsOverReplicates"]
    assert summary["test_average_loss"]["mean"] == pytest.approx(2.1)
    assert summary["test_average_loss"]["standardError"] == pytest.approx(0.1 / 3**0.5)
    assert (told["imageDigest"], told["dataDigest"], told["image"]) == ("sha256:1f", "9a3e", "trainer:1")
    assert told["seedBase"] != sweep.resolved.seed, "final evaluations have seeds of their own"
    text = as_markdown(told)
    assert text.startswith("# mine: l2=3\n")
    assert "| test_average_loss | 2 | 2.1 | 0.057735 | 3 |" in text
    assert "load_model" not in text, "there is no file beside the card"


async def test_the_card_counts_the_replicates_that_there_are_and_not_those_that_were_asked_for() -> None:
    """A race may end before all are trained."""
    sweep, report, found, _ = await model_in(await cluster(replicates=3), NAMESPACE, "mine", PickRole.BEST)
    assert card(sweep, report, found.chosen, {})["chosen"] == "the best mean of val_average_loss over 1 replicate"


@pytest.mark.parametrize(
    ("changes", "role", "says"),
    [
        pytest.param({"final": None}, PickRole.BEST, r"it has no spec\.final", id="no final evaluation"),
        pytest.param({"trainer": {}}, PickRole.BEST, r"it has no spec\.trainer\.models", id="nowhere to save it"),
        pytest.param({"trained": False}, PickRole.BEST, "has no result of this pick yet", id="not trained yet"),
        pytest.param({}, PickRole.ONE_STANDARD_ERROR, "has no result of this pick yet", id="another pick"),
    ],
)
async def test_without_a_model_it_is_said_why(changes: dict[str, Any], role: PickRole, says: str) -> None:
    api = await cluster(**changes)
    with pytest.raises(UsageError, match=says):
        await model_in(api, NAMESPACE, "mine", role)
