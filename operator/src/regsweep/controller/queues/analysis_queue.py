"""Analyses of sweeps, made in the background: one at a time for the whole operator, so that memory is bounded.

A sweep asks when all that it wants has been trained, never in between. Questions that slots wait for go before those that only end a sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from regsweep.controller.queues.analysis_process import AnalysisError
from regsweep.controller.queues.background import BackgroundTasks
from regsweep.controller.queues.turns import Turns
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, failed_analysis
from regsweep.metrics import ANALYSES, ANALYSIS_SECONDS, Metrics

logger = logging.getLogger(__name__)

TRIES: Final = 3
"""How often a question may fail before the sweep goes on without an answer."""


@dataclass(slots=True)
class _Known:
    """What is known of one sweep."""

    analysis_result: AnalysisResult | None = None
    asked: tuple[str, str] = ("", "")
    """Digests of what the last question rests on."""


class AnalysisQueue:
    """The latest answers by sweep. One question per sweep at a time, the newest."""

    def __init__(
        self,
        ask: Callable[[AnalysisRequest], Awaitable[AnalysisResult]],
        *,
        on_answer: Callable[[str], None],
        metrics: Metrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask = ask
        self._on_answer = on_answer
        self._metrics = metrics
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._questions = BackgroundTasks()
        self._turns = Turns()

    def latest(self, sweep_uid: str) -> AnalysisResult | None:
        """The last answer; None: there is none."""
        known = self._known.get(sweep_uid)
        return known.analysis_result if known else None

    def ask(self, sweep_uid: str, question: AnalysisRequest) -> None:
        """Asks in the background, unless just that is being asked; `on_answer` is called with the UID once it is answered."""
        known = self._known.setdefault(sweep_uid, _Known())
        asked = (question.rests_on, question.outer_rests_on)
        if self._questions.is_busy(sweep_uid) and known.asked == asked:
            return
        known.asked = asked
        self._questions.start(sweep_uid, self._answer(sweep_uid, known, question), name=f"analyse {sweep_uid}")

    def forget(self, sweep_uid: str) -> None:
        """Drops what is known of the sweep."""
        self._questions.cancel(sweep_uid)
        self._known.pop(sweep_uid, None)

    async def close(self) -> None:
        """Gives up what is being asked."""
        await self._questions.close()
        self._known.clear()

    async def _answer(self, sweep_uid: str, known: _Known, question: AnalysisRequest) -> None:
        async with self._turns.turn(0 if question.holds_up_training else 1):
            known.analysis_result = await self._try(sweep_uid, question)
        self._on_answer(sweep_uid)

    async def _try(self, sweep_uid: str, question: AnalysisRequest) -> AnalysisResult:
        for attempt in range(1, TRIES + 1):
            began = self._clock()
            try:
                analysis_result = await self._ask(question)
            except AnalysisError as error:
                self._metrics.count(ANALYSES, result="error")
                logger.error("sweep %s: analysis %d of %d failed: %s", sweep_uid, attempt, TRIES, error)
                reason = str(error)
            else:
                self._metrics.count(ANALYSES, result="ok")
                self._metrics.observe(ANALYSIS_SECONDS, self._clock() - began)
                return analysis_result
        return failed_analysis(question, reason)
