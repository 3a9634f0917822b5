"""The progress line on standard error: one line that is updated in a terminal, and lines at intervals otherwise."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from regsweep.api.status import SweepStatus
from regsweep.report.printing import charset_of, print_lines
from regsweep.report.progress import moving_line, plain_line, seconds_left

PLAIN_EVERY_SECONDS = 60.0


class Progress:
    """Shows the progress of a sweep at each update."""

    def __init__(self, name: str, console: Console, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._console = console
        self._charset = charset_of(console)
        self._clock = clock
        moves = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, auto_refresh=False, transient=True) if moves else None
        self._started_at = clock()
        self._ended_before: int | None = None
        self._printed_at: float | None = None
        self._printed_ended = -1

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, status: SweepStatus) -> None:
        """Shows the status: at once in a terminal; else when a run has ended, and at most a minute after the last line."""
        ended = status.runs.succeeded + status.runs.failed
        if self._ended_before is None:
            self._ended_before = ended
        now = self._clock()
        left = seconds_left(self._ended_before, ended, status.runs.total, now - self._started_at)
        if self._live is not None:
            self._live.update(moving_line(self._name, status, left, self._console.width, self._charset), refresh=True)
        elif self._is_due(ended, now):
            self._printed_at, self._printed_ended = now, ended
            print_lines(self._console, plain_line(self._name, status, left, self._charset))

    def _is_due(self, ended: int, now: float) -> bool:
        if self._printed_at is None or ended != self._printed_ended:
            return True
        return now - self._printed_at >= PLAIN_EVERY_SECONDS
