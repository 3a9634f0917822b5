"""The analysis beside the reconciling: asked once, given up after three failures, never in the way of Complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from regsweep.api.analysis import Analysis
from regsweep.controller.queues.analysis_process import AnalysisError
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult
from regsweep.metrics import ANALYSES, Metrics
from unit.controller.analyses import question
from unit.controller.fake_cluster import DEADLINE_SECONDS, FakeCluster, operating, settled, sweep_object, until


@pytest.fixture
async def answers() -> AsyncIterator[asyncio.Queue[str]]:
    yield asyncio.Queue()


async def test_a_question_is_not_asked_again_while_it_is_under_way(answers: asyncio.Queue[str]) -> None:
    asked: list[str] = []
    may_answer = asyncio.Event()

    async def ask(request: AnalysisRequest) -> AnalysisResult:
        asked.append(request.rests_on)
        await may_answer.wait()
        return AnalysisResult(Analysis(rests_on=request.rests_on), {}, frozenset())

    queue = AnalysisQueue(ask, on_answer=answers.put_nowait, metrics=Metrics())
    queue.ask("uid", question())
    await asyncio.sleep(0)
    queue.ask("uid", question())
    may_answer.set()
    assert await answers.get() == "uid"
    assert len(asked) == 1
    latest = queue.latest("uid")
    assert latest is not None
    assert latest.analysis.rests_on == question().rests_on


async def test_a_newer_question_takes_the_place_of_one_that_is_being_asked(answers: asyncio.Queue[str]) -> None:
    hang = asyncio.Event()

    async def ask(request: AnalysisRequest) -> AnalysisResult:
        if len(request.records) == 15:
            await hang.wait()
        return AnalysisResult(Analysis(rests_on=request.rests_on), {}, frozenset())

    queue = AnalysisQueue(ask, on_answer=answers.put_nowait, metrics=Metrics())
    queue.ask("uid", question(3))
    await asyncio.sleep(0)
    queue.ask("uid", question(4))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await answers.get()
    latest = queue.latest("uid")
    assert latest is not None
    assert latest.analysis.rests_on == question(4).rests_on
    await queue.close()


@pytest.mark.parametrize(
    ("spec", "first"),
    [
        pytest.param({"racing": {"initialReplicates": 5, "maxReplicates": 9}}, True, id="a race"),
        pytest.param({"final": {"replicates": 3}}, True, id="picks that are to be trained"),
        pytest.param({}, False, id="nothing but the end of the sweep"),
    ],
)
async def test_what_slots_wait_for_is_asked_before_what_only_ends_a_sweep(
    answers: asyncio.Queue[str], spec: dict[str, Any], first: bool
) -> None:
    may_answer = asyncio.Event()

    async def ask(request: AnalysisRequest) -> AnalysisResult:
        await may_answer.wait()
        return AnalysisResult(Analysis(rests_on=request.rests_on))

    queue = AnalysisQueue(ask, on_answer=answers.put_nowait, metrics=Metrics())
    queue.ask("being answered", question(3))
    await asyncio.sleep(0)
    queue.ask("ends", question(4))
    queue.ask("goes on", question(4, **spec))
    await asyncio.sleep(0)
    may_answer.set()
    assert await answers.get() == "being answered"
    assert await answers.get() == ("goes on" if first else "ends")
    await queue.close()


async def test_a_sweep_that_is_forgotten_keeps_nobody_waiting(answers: asyncio.Queue[str]) -> None:
    hang, asked = asyncio.Event(), []

    async def ask(request: AnalysisRequest) -> AnalysisResult:
        asked.append(request)
        if len(asked) == 1:
            await hang.wait()
        return AnalysisResult(Analysis(rests_on=request.rests_on))

    queue = AnalysisQueue(ask, on_answer=answers.put_nowait, metrics=Metrics())
    for uid in ("asked", "waiting", "last"):
        queue.ask(uid, question())
    await asyncio.sleep(0)
    queue.forget("waiting")
    queue.forget("asked")
    assert await answers.get() == "last"
    assert len(asked) == 2
    await queue.close()


async def test_after_three_failures_the_sweep_goes_on_without_an_answer(answers: asyncio.Queue[str]) -> None:
    metrics = Metrics()

    async def ask(_: AnalysisRequest) -> AnalysisResult:
        raise AnalysisError("its process ended with -9")

    queue = AnalysisQueue(ask, on_answer=answers.put_nowait, metrics=metrics)
    queue.ask("uid", question())
    await answers.get()
    latest = queue.latest("uid")
    assert latest is not None
    assert latest.analysis.rests_on == question().rests_on
    assert "ended with -9" in latest.analysis.notes[0].message
    assert metrics.value(ANALYSES, result="error") == 3


async def test_the_status_says_how_sure_the_ranking_is() -> None:
    cluster = FakeCluster()
    await cluster.apply(sweep_object(replicates=3))
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
        analysis = cluster.status()["analysis"]
        assert analysis["tiedCount"] == 4, "all have the same losses"
        assert analysis["restsOn"]


async def test_an_operator_that_starts_again_does_not_analyse_anew_what_is_complete() -> None:
    cluster, metrics = FakeCluster(), Metrics()
    await cluster.apply(sweep_object(replicates=3))
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
    async with operating(cluster, metrics=metrics) as operator:
        await settled(operator, cluster)
        assert cluster.is_over()
    assert metrics.value(ANALYSES, result="ok") == 0


async def test_the_final_evaluation_is_trained_once_and_written_into_the_status() -> None:
    cluster = FakeCluster()
    await cluster.apply(sweep_object(replicates=3, final={"replicates": 3}))
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
        status = cluster.status()
    assert (status["final"]["ended"], status["final"]["failed"]) == (3 * len(status["final"]["picks"]), 0)
    assert status["analysis"]["final"]["results"]
    assert len(cluster.trained) == len(set(cluster.trained)) == 4 * 3 + status["final"]["ended"]


async def test_an_operator_that_dies_between_the_picks_and_their_training_evaluates_the_same_picks() -> None:
    cluster = FakeCluster()
    await cluster.apply(sweep_object(replicates=3, final={"replicates": 3}))
    async with operating(cluster):
        await cluster.train_everything(lambda: "final" in cluster.status())
        frozen = cluster.status()["final"]["picks"]
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
    assert cluster.status()["final"]["picks"] == frozen
    assert len(cluster.trained) == len(set(cluster.trained))


async def test_a_race_is_run_to_its_end_by_an_operator_that_starts_again_on_the_way() -> None:
    cluster = FakeCluster()
    await cluster.apply(sweep_object(racing={"initialReplicates": 3, "maxReplicates": 6}))
    async with operating(cluster):
        await cluster.train_everything(lambda: len(cluster.records()) >= 12)
    async with operating(cluster):
        await cluster.train_everything(cluster.is_over)
        await until(lambda: cluster.status()["analysis"]["race"]["reason"] != "Racing")
    assert len(cluster.trained) == len(set(cluster.trained))
