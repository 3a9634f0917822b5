"""Questions to Prometheus about sweeps: asked beside the reconciling, so that a Prometheus that hangs holds up nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.background import Background
from regsweep.core.results.queries import TargetLabels, final_values_query, parse_answer
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import ObservedPod
from regsweep.errors import MetricsError
from regsweep.metrics import PROMETHEUS_QUERIES, Metrics

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Desk:
    """What is known of one sweep."""

    scrapes: Scrapes
    asked_at: float | None = None


class Scraping:
    """The latest answers by sweep. One question per sweep at a time, and not more often than asked for."""

    def __init__(
        self,
        prometheus: Prometheus | None,
        labels: TargetLabels,
        *,
        on_answer: Callable[[str], None],
        now: Callable[[], datetime],
        metrics: Metrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._prometheus = prometheus
        self._labels = labels
        self._on_answer = on_answer
        self._now = now
        self._metrics = metrics
        self._clock = clock
        self._desks: dict[str, _Desk] = {}
        self._questions = Background()

    def latest(self, sweep_uid: str) -> Scrapes:
        """What Prometheus last said of the sweep."""
        desk = self._desks.get(sweep_uid)
        return desk.scrapes if desk else self._unasked()

    def ask(
        self, sweep_uid: str, namespace: str, run_name: str, pods: Sequence[ObservedPod], interval_seconds: float
    ) -> float | None:
        """Asks in the background, unless that was done less than `interval_seconds` ago.

        Returns the seconds after which to come again; None where the answer itself will call (`on_answer`), or where there
        is nothing to ask: no Prometheus, no pod that has started.
        """
        if self._prometheus is None:
            return None
        desk = self._desks.setdefault(sweep_uid, _Desk(self._unasked()))
        if self._questions.is_busy(sweep_uid):
            return None
        if desk.asked_at is not None and (wait := desk.asked_at + interval_seconds - self._clock()) > 0:
            return wait
        query = final_values_query(namespace, run_name, pods, self._now(), self._labels)
        if query is None:
            return None
        desk.asked_at = self._clock()
        answer = self._answer(self._prometheus, sweep_uid, desk, query)
        self._questions.start(sweep_uid, answer, name=f"ask {run_name}")
        return None

    def forget(self, sweep_uid: str) -> None:
        """Drops what is known of the sweep."""
        self._questions.cancel(sweep_uid)
        self._desks.pop(sweep_uid, None)

    async def close(self) -> None:
        """Gives up what is being asked."""
        await self._questions.close()
        self._desks.clear()

    async def _answer(self, prometheus: Prometheus, sweep_uid: str, desk: _Desk, query: str) -> None:
        try:
            body = await prometheus.query(query)
            desk.scrapes = Scrapes(MetricsState.ANSWERED, parse_answer(body, self._labels))
            self._metrics.count(PROMETHEUS_QUERIES, result="ok")
        except MetricsError as error:
            before = desk.scrapes
            if before.failing_since is None:
                logger.warning("sweep %s: %s", sweep_uid, error)
            # Samples of an earlier, whole answer stay true: a complete value never changes.
            desk.scrapes = Scrapes(
                MetricsState.FAILED, before.samples, str(error).rstrip("."), before.failing_since or self._now()
            )
            self._metrics.count(PROMETHEUS_QUERIES, result="error")
        self._on_answer(sweep_uid)

    def _unasked(self) -> Scrapes:
        return Scrapes(MetricsState.NOT_CONFIGURED if self._prometheus is None else MetricsState.NOT_ASKED)
