"""A pod's results as they become known, in the contract's order: the record on the disk, then `_complete` on /metrics, then lingering."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from regsweep_kit.console import say
from regsweep_kit.exposition import Exposition
from regsweep_kit.history import History
from regsweep_kit.journal import Journal
from regsweep_kit.record import Period, Progress, Record
from regsweep_kit.server import MetricsServer
from regsweep_kit.timing import Stopwatch


class Reporter:
    def __init__(
        self, journal: Journal, exposition: Exposition, port: int, stopwatch: Stopwatch, history: Path | None = None
    ) -> None:
        """Serves the exposition on this port; 0: not at all. `history`: the file for each epoch's metrics. Raises PortTakenError."""
        self._journal, self._exposition, self._stopwatch = journal, exposition, stopwatch
        self._history = History(history)
        self._server = MetricsServer(port, exposition.text) if port else None
        self._began = stopwatch.seconds()
        self._completed = time.monotonic()
        journal.describe(start=stopwatch.start)

    def describe(self, **properties: Any) -> None:
        """What is built and trained, such as `optimizer` and `model`: for whoever looks at the run later."""
        self._history.describe(**properties)

    def begin(self) -> None:
        """A replicate begins now."""
        self._began = self._stopwatch.seconds()

    def epoch(self, replicate: int, progress: Progress) -> None:
        """An epoch of it has ended."""
        self._exposition.show(replicate, progress)
        self._history.add(replicate, progress)

    def finish(self, record: Record, progress: Progress) -> Period:
        """It has ended. On return its record is on the disk, and then /metrics calls it complete. Returns when it was trained."""
        period = Period(self._began, self._stopwatch.seconds())
        self._journal.finish(replace(record, period=period))
        self._history.add(record.replicate, progress, last=True)
        self._exposition.show(record.replicate, progress, complete=True)
        self._completed = time.monotonic()
        return period

    def linger(self, seconds: float) -> None:
        """Waits until a whole scrape that began after the last replicate was complete has been served, at most so long."""
        if self._server is None or not seconds:
            return
        scraped = self._server.wait_scraped(since=self._completed, seconds=seconds)
        what = "scraped" if scraped else f"no scrape within {seconds:g} s"
        say(f"{what} after {time.monotonic() - self._completed:.1f} s")
