"""Questions to Prometheus about sweeps: asked in the background, so that a Prometheus that hangs delays no pass."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.clocks import Clocks
from regsweep.controller.queues.background import BackgroundTasks
from regsweep.core.collect import is_recorded
from regsweep.core.results.queries import TargetLabels, final_values_query, most_bytes, parse_answer
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import ObservedPod, PodPhase
from regsweep.core.world import Observed
from regsweep.errors import MetricsError
from regsweep.metrics import PROMETHEUS_QUERIES, Metrics

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """What is known of one sweep."""

    scrapes: Scrapes
    asked_at: float | None = None


def pods_to_ask_about(observed: Observed, awaiting: Container[str]) -> list[ObservedPod]:
    """Pods whose values are wanted: ended ones of the runs `awaiting` (their names), and running ones."""
    return [
        pod
        for run in observed.runs
        if not is_recorded(run, observed.records)
        for pod in run.pods
        if (pod.ended and run.name in awaiting) or (pod.phase is PodPhase.RUNNING and not pod.gone)
    ]


class PrometheusQueue:
    """The latest answers by sweep. One question per sweep at a time, and not more often than asked for."""

    def __init__(
        self,
        prometheus: Prometheus | None,
        labels: TargetLabels,
        *,
        on_answer: Callable[[str], None],
        metrics: Metrics,
        clocks: Clocks,
    ) -> None:
        self._prometheus = prometheus
        self._labels = labels
        self._on_answer = on_answer
        self._metrics = metrics
        self._clocks = clocks
        self._known: dict[str, _Known] = {}
        self._questions = BackgroundTasks()

    @property
    def is_configured(self) -> bool:
        """Whether there is a Prometheus to ask."""
        return self._prometheus is not None

    def latest(self, sweep_uid: str) -> Scrapes:
        """Prometheus' last answer about the sweep."""
        known = self._known.get(sweep_uid)
        return known.scrapes if known else self._unasked()

    def ask(
        self, sweep_uid: str, namespace: str, run_name: str, pods: Sequence[ObservedPod], interval_seconds: float
    ) -> float | None:
        """Asks in the background, unless that was done less than `interval_seconds` ago.

        Returns the seconds after which to come again; None where the answer itself will call (`on_answer`), or where there
        is nothing to ask: no Prometheus, no pod that has started.
        """
        if self._prometheus is None:
            return None
        known = self._known.setdefault(sweep_uid, _Known(self._unasked()))
        if self._questions.is_busy(sweep_uid):
            return None
        asked_at, now = known.asked_at, self._clocks.monotonic()
        if asked_at is not None and now < asked_at + interval_seconds:
            return asked_at + interval_seconds - now
        query = final_values_query(namespace, run_name, pods, self._clocks.now(), self._labels)
        if query is None:
            return None
        known.asked_at = now
        answer = self._answer(self._prometheus, sweep_uid, known, query, most_bytes(len(pods)))
        self._questions.start(sweep_uid, answer, name=f"ask {run_name}")
        return None

    def forget(self, sweep_uid: str) -> None:
        """Drops what is known of the sweep."""
        self._questions.cancel(sweep_uid)
        self._known.pop(sweep_uid, None)

    async def close(self) -> None:
        """Gives up what is being asked."""
        await self._questions.close()
        self._known.clear()

    async def _answer(self, prometheus: Prometheus, sweep_uid: str, known: _Known, query: str, max_bytes: int) -> None:
        try:
            body = await prometheus.query(query, max_bytes)
            # In a thread: the answer about some hundred pods takes seconds to read.
            samples = await asyncio.to_thread(parse_answer, body, self._labels)
            known.scrapes = Scrapes(MetricsState.ANSWERED, samples)
            self._metrics.count(PROMETHEUS_QUERIES, result="ok")
        except MetricsError as error:
            before = known.scrapes
            if before.failing_since is None:
                logger.warning("sweep %s: %s", sweep_uid, error)
            # Samples of an earlier, whole answer stay true: a complete value never changes.
            known.scrapes = Scrapes(
                MetricsState.FAILED, before.samples, str(error).rstrip("."), before.failing_since or self._clocks.now()
            )
            self._metrics.count(PROMETHEUS_QUERIES, result="error")
        self._on_answer(sweep_uid)

    def _unasked(self) -> Scrapes:
        return Scrapes(MetricsState.NOT_CONFIGURED if self._prometheus is None else MetricsState.NOT_ASKED)
