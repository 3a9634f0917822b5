"""Questions to Prometheus: about whom, how often, one at a time, and what a failure leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.clocks import Clocks
from regsweep.controller.queues.prometheus_queue import PrometheusQueue, pods_to_ask_about
from regsweep.core.results.queries import TargetLabels
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from regsweep.core.world import Observed
from regsweep.errors import MetricsError
from regsweep.metrics import PROMETHEUS_QUERIES, Metrics

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POD = ObservedPod("run-0", "pod-uid", 0, PodPhase.RUNNING, created_at=NOW, started_at=NOW)
RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=NOW)


class FakePrometheus:
    """Answers what it is given, once it is let."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.answers: list[bytes | MetricsError] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def query(self, promql: str, max_bytes: int) -> bytes:
        self.queries.append(promql)
        await self.may_answer.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, MetricsError):
            raise answer
        return answer


class Time:
    """Two clocks that go when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: NOW + timedelta(seconds=self.seconds - 1000), lambda: self.seconds)


def answer(epoch: int = 3) -> bytes:
    """Prometheus has scraped the pod's replicate 0."""
    labels = {"namespace": "lab", "pod": "run-0", "replicate": "0"}
    series = {"complete": "0", "epoch": str(epoch), "epochs": "9"}
    result: list[dict[str, object]] = [
        {"metric": {"__name__": f"regsweep_trainer_{name}", **labels}, "value": [0, value]}
        for name, value in series.items()
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


class Stand:
    """A queue with all that is around it."""

    def __init__(self) -> None:
        self.prometheus = FakePrometheus()
        self.time = Time()
        self.metrics = Metrics()
        self.answered: asyncio.Queue[str] = asyncio.Queue()
        self.queue = PrometheusQueue(
            cast(Prometheus, self.prometheus),
            TargetLabels("namespace", "pod"),
            on_answer=self.answered.put_nowait,
            metrics=self.metrics,
            clocks=self.time.clocks,
        )

    def ask(self, interval_seconds: float = 10.0, pod: ObservedPod = POD) -> float | None:
        return self.queue.ask("uid", "lab", "run", [pod], interval_seconds)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    made = Stand()
    yield made
    await made.queue.close()


async def test_an_answer_is_kept_and_calls_for_its_sweep(stand: Stand) -> None:
    assert stand.queue.latest("uid").state is MetricsState.NOT_ASKED
    stand.prometheus.answers = [answer(epoch=5)]
    assert stand.ask() is None
    assert await stand.answered.get() == "uid"
    latest = stand.queue.latest("uid")
    assert latest.state is MetricsState.ANSWERED
    assert latest.samples[("run-0", 0)].epoch == 5
    assert stand.metrics.value(PROMETHEUS_QUERIES, result="ok") == 1


async def test_it_is_not_asked_more_often_than_at_its_interval(stand: Stand) -> None:
    stand.prometheus.answers = [answer(), answer()]
    stand.ask(10)
    await stand.answered.get()
    stand.time.seconds += 7
    assert stand.ask(10) == 3, "come again then"
    assert stand.ask(5) is None, "who waits for a value may ask sooner"
    await stand.answered.get()
    assert len(stand.prometheus.queries) == 2


async def test_no_second_question_is_asked_while_one_is_under_way(stand: Stand) -> None:
    stand.prometheus.may_answer.clear()
    stand.prometheus.answers = [answer()]
    stand.ask(0)
    await asyncio.sleep(0)
    stand.time.seconds += 100
    assert stand.ask(0) is None, "the answer calls"
    stand.prometheus.may_answer.set()
    await stand.answered.get()
    assert len(stand.prometheus.queries) == 1


async def test_a_failure_is_reported_with_its_beginning_and_keeps_what_was_answered_before(stand: Stand) -> None:
    failure = MetricsError("QueryFailed", "Prometheus answered HTTP 503.")
    stand.prometheus.answers = [answer(epoch=5), failure, failure, answer(epoch=6)]
    for _ in range(3):
        stand.ask(0)
        await stand.answered.get()
        stand.time.seconds += 60
    failed = stand.queue.latest("uid")
    assert (failed.state, failed.error) == (MetricsState.FAILED, "Prometheus answered HTTP 503")
    assert failed.failing_since == NOW + timedelta(seconds=60)
    assert failed.samples[("run-0", 0)].epoch == 5
    assert stand.metrics.value(PROMETHEUS_QUERIES, result="error") == 2
    stand.ask(0)
    await stand.answered.get()
    assert stand.queue.latest("uid").failing_since is None


async def test_nothing_is_asked_about_pods_that_have_not_started(stand: Stand) -> None:
    assert stand.ask(pod=replace(POD, started_at=None)) is None
    assert stand.prometheus.queries == []


async def test_a_sweep_that_is_forgotten_gets_no_answer_any_more(stand: Stand) -> None:
    stand.prometheus.may_answer.clear()
    stand.ask()
    await asyncio.sleep(0)
    stand.queue.forget("uid")
    stand.prometheus.may_answer.set()
    await asyncio.sleep(0)
    assert stand.answered.empty()
    assert stand.queue.latest("uid").state is MetricsState.NOT_ASKED


async def test_without_a_prometheus_nothing_is_asked() -> None:
    queue = PrometheusQueue(
        None, TargetLabels("namespace", "pod"), on_answer=lambda _: None, metrics=Metrics(), clocks=Clocks()
    )
    assert queue.ask("uid", "lab", "run", [POD], 10) is None
    assert queue.latest("uid") == Scrapes(MetricsState.NOT_CONFIGURED)


@pytest.mark.parametrize(
    ("pod", "awaited", "asked"),
    [
        pytest.param(POD, False, True, id="one that trains"),
        pytest.param(replace(POD, gone=True), False, False, id="not one that is gone"),
        pytest.param(replace(POD, phase=PodPhase.PENDING), False, False, id="not one that has not started"),
        pytest.param(replace(POD, phase=PodPhase.SUCCEEDED), True, True, id="one that has ended and is awaited"),
        pytest.param(replace(POD, phase=PodPhase.SUCCEEDED), False, False, id="not one that nobody waits for"),
        pytest.param(replace(POD, phase=PodPhase.SUCCEEDED, gone=True), True, True, id="one that is gone and awaited"),
    ],
)
def test_which_pods_prometheus_is_asked_about(pod: ObservedPod, awaited: bool, asked: bool) -> None:
    observed = Observed(Records(), runs=(replace(RUN, pods=(pod,)),))
    assert pods_to_ask_about(observed, ("run",) if awaited else ()) == ([pod] if asked else [])


def test_prometheus_is_not_asked_about_runs_whose_records_are_stored() -> None:
    stored = Records([Record("point", 0, Outcome.OK, "run")])
    assert pods_to_ask_about(Observed(stored, runs=(replace(RUN, pods=(POD,)),)), ()) == []
