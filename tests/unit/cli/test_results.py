"""`regsweep results` against the API in memory: a sweep's object and its SweepResults, as the operator leaves them."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject
from regsweep.adapters.memory import MemoryApi
from regsweep.api.constants import API_VERSION, SWEEP_KIND
from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.cli.exits import UsageError
from regsweep.cli.progress import Progress
from regsweep.cli.results import follow, get_sweep, has_ended, results_in
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.results.records import Outcome, Record
from regsweep.core.results.segments import append
from regsweep.core.sweep import Sweep
from regsweep.errors import RegsweepError

NAMESPACE = "team"
COMBINATIONS = 30


def manifest() -> KubeObject:
    return {
        "apiVersion": API_VERSION,
        "kind": SWEEP_KIND,
        "metadata": {"name": "mine", "namespace": NAMESPACE},
        "spec": {"flags": [{"name": "l2", "values": list(range(COMBINATIONS))}], "replicates": 1},
    }


def accepted(obj: KubeObject) -> Sweep:
    metadata = obj["metadata"]
    identity = Identity(metadata["name"], NAMESPACE, metadata["uid"], metadata["generation"])
    defaults = Defaults("trainer:1", "nvidia.com/gpu", "0.1.0")
    return accept(identity, parse_sweep(obj), defaults)[0]


async def with_status(api: MemoryApi, obj: KubeObject, **fields: object) -> KubeObject:
    sweep = accepted(obj)
    status = SweepStatus(resolved=sweep.resolved, observed_generation=sweep.generation).to_json() | fields
    return await api.replace(SWEEPS, {**obj, "status": status}, subresource="status")


class Screen(io.StringIO):
    """What progress is printed to; tells when the first line is there."""

    def __init__(self) -> None:
        super().__init__()
        self.printed = asyncio.Event()

    def write(self, text: str, /) -> int:
        self.printed.set()
        return super().write(text)


def complete() -> list[dict[str, str]]:
    return [
        {"type": "Complete", "status": "True", "reason": "AllRunsEnded", "lastTransitionTime": "2026-11-23T12:00:00Z"}
    ]


async def test_every_combination_is_ranked_though_the_status_holds_twenty() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    sweep = accepted(obj)
    records = [
        Record(p.key, 0, Outcome.OK, run="r", metrics={"val_average_loss": 1.0 + p.combination.index})
        for p in sweep.points
    ]
    for write in append([], records, {p.key: p.combination.flags for p in sweep.points}, sweep):
        await api.create(RESULTS, write.manifest)
    obj = await with_status(api, obj, state="Complete", conditions=complete())
    found = await results_in(api, NAMESPACE, obj)
    assert [row.rank for row in found.ranking] == list(range(1, COMBINATIONS + 1))
    assert found.ranking[-1].flags == {"l2": COMBINATIONS - 1}


async def test_stored_records_are_analysed() -> None:
    """Losses 0, 1, ... 29 with noise of a hundredth: the first alone is the best, and no flag but l2 is there."""
    api = MemoryApi()
    obj = manifest()
    obj["spec"]["replicates"] = 3
    obj = await api.create(SWEEPS, obj)
    sweep = accepted(obj)
    records = [
        Record(p.key, k, Outcome.OK, run="r", metrics={"val_average_loss": p.combination.index + 0.01 * ((7 * i) % 3)})
        for p in sweep.points
        for k, i in enumerate(range(p.combination.index, p.combination.index + 3))
    ]
    for write in append([], records, {p.key: p.combination.flags for p in sweep.points}, sweep):
        await api.create(RESULTS, write.manifest)
    found = await results_in(api, NAMESPACE, await with_status(api, obj, state="Complete", conditions=complete()))
    analysis_result = found.analysis
    assert analysis_result is not None and analysis_result.tied_with_best == ["l2=0"]
    assert [verdict.label for verdict in analysis_result.comparisons] == [row.label for row in found.ranking]
    assert analysis_result.effects is not None and analysis_result.effects.shares[0].flags == ["l2"]


async def test_a_sweep_that_was_never_accepted_has_no_ranking() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    assert (await results_in(api, NAMESPACE, obj)).ranking == ()


async def test_a_name_that_does_not_exist_is_reported_with_what_to_do() -> None:
    with pytest.raises(UsageError, match="RegularizationSweep other does not exist in namespace team"):
        await get_sweep(MemoryApi(), NAMESPACE, "other")


async def test_following_ends_with_the_sweep() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    obj = await with_status(api, obj, state="Running", runs={"total": COMBINATIONS, "running": 1})
    shown = Screen()
    progress = Progress("mine", Console(file=shown, width=100), clock=lambda: 0.0)
    following = asyncio.create_task(follow(api, NAMESPACE, "mine", progress))
    await shown.printed.wait()
    assert "0/30 runs" in shown.getvalue()
    await with_status(
        api, obj, state="Complete", conditions=complete(), runs={"total": COMBINATIONS, "succeeded": COMBINATIONS}
    )
    async with asyncio.timeout(10):
        await following
    assert "30/30 runs" in shown.getvalue()


async def test_following_says_when_the_sweep_is_deleted() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    shown = Screen()
    progress = Progress("mine", Console(file=shown, width=100), clock=lambda: 0.0)
    following = asyncio.create_task(follow(api, NAMESPACE, "mine", progress))
    await shown.printed.wait()
    await api.delete(SWEEPS, NAMESPACE, "mine", uid=obj["metadata"]["uid"])
    with pytest.raises(UsageError, match="mine in namespace team"):
        async with asyncio.timeout(10):
            await following


async def test_the_end_of_an_older_generation_is_not_the_end() -> None:
    api = MemoryApi()
    obj = await with_status(api, await api.create(SWEEPS, manifest()), state="Complete", conditions=complete())
    assert has_ended(obj)
    assert not has_ended({**obj, "metadata": {**obj["metadata"], "generation": 99}})


async def test_the_ranking_is_by_the_objective_in_force_and_not_by_an_edit_that_was_not_followed() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    in_force = {"metric": "val_average_loss", "goal": "Minimize", "epoch": "Last"}
    obj = await with_status(api, obj, objective=in_force, fieldOfTheFuture=1)
    sweep = accepted(obj)
    records = [
        Record(point.key, 0, Outcome.OK, run="r", metrics={"val_average_loss": loss, "val_accuracy": loss})
        for point, loss in zip(sweep.points, (0.5, 0.1), strict=False)
    ]
    (write,) = append([], records, {}, sweep)
    await api.create(RESULTS, write.manifest)
    edited = {**obj, "spec": {**obj["spec"], "objective": {"metric": "val_accuracy"}}}
    for each in (obj, edited):
        found = await results_in(api, NAMESPACE, each)
        assert found.best is not None
        assert found.best.label == "l2=1"


async def test_a_status_of_another_version_is_refused_in_words() -> None:
    api = MemoryApi()
    obj = await api.create(SWEEPS, manifest())
    with pytest.raises(RegsweepError, match="Use the operator's version of the command"):
        await results_in(api, NAMESPACE, {**obj, "status": {"state": 5}})
