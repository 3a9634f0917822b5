"""The analysis beside the reconciling: asked once, given up after three failures, never in the way of Complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from regsweep.api.analysis import Analysis
from regsweep.api.validation import parse_sweep
from regsweep.controller.queues.analysis_process import AnalysisError, ask_process
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, analyse_records
from regsweep.core.progress import analysis_request, progress_of
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records
from regsweep.metrics import ANALYSES, Metrics
from unit.controller.fake_cluster import DEADLINE_SECONDS, FakeCluster, operating, settled, sweep_object, until


def question(values: int = 3, replicates: int = 5) -> AnalysisRequest:
    """About a sweep over l2 whose records are all there."""
    spec = parse_sweep(sweep_object(flags=[{"name": "l2", "values": list(range(values))}], replicates=replicates))
    sweep, _ = accept(Identity("demo", "lab", "uid", 1), spec, Defaults("t:1", "nvidia.com/gpu", "1"))
    records = Records(
        Record(
            point.key,
            k,
            Outcome.OK,
            run="r",
            epochs=9,
            metrics={"val_average_loss": 0.5 + 0.1 * point.combination.index + 0.01 * k, "train_average_loss": 0.1},
            best=BestEpoch(7, 0.1, 0.4),
            environment=Environment("tensorflow", "cpu", train_rows=100, val_rows=30),
        )
        for point in sweep.points
        for k in range(replicates)
    )
    return analysis_request(sweep, records, progress_of(sweep, records, None, None), None)


async def test_a_process_answers_as_the_function_does() -> None:
    asked = question()
    assert asked.rests_on
    assert await ask_process(asked) == analyse_records(asked)


async def test_a_process_that_fails_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question()
    broken = replace(asked, sweep=replace(asked.sweep, points=()), records=[])
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(AnalysisError, match="ended with exit code 1"):
        await ask_process(broken)


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
