"""The course of a run in a file of JSON lines: what was built, and the metrics of each epoch, for learning curves without Prometheus.

It is for people: that it cannot be written never ends a run. Of long trainings it has fewer epochs, see `is_kept`.
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regsweep_kit.console import say
from regsweep_kit.epochs import LATE_GAIN
from regsweep_kit.jsonlines import append_line
from regsweep_kit.record import Progress, column_name

FULL_EPOCHS = 1000  # the first so many are all kept
MOST_PROPERTY = 20_000  # characters of a property's text


class History:
    def __init__(self, path: Path | None) -> None:
        """None: nothing is written."""
        self._path = path
        self._written: dict[int, int] = {}
        """The last epoch that the file has, by replicate."""

    def describe(self, **properties: Any) -> None:
        """Adds what is known of the whole run, such as `optimizer` or `model`; JSON values."""
        self._append({"properties": {name: _bounded(value) for name, value in properties.items()}})

    def add(self, replicate: int, progress: Progress, *, last: bool = False) -> None:
        """Adds an epoch, once. `last`: the replicate ends with it, so that it is kept in any case."""
        epoch = progress.epoch
        if epoch <= self._written.get(replicate, 0) or not (last or is_kept(epoch)):
            return
        self._written[replicate] = epoch
        values = {column_name(*key): _number(value) for key, value in progress.values.items() if key != LATE_GAIN}
        self._append({"replicate": replicate, "epoch": epoch, "at": round(time.time(), 3), "values": values})

    def _append(self, line: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        try:
            append_line(self._path, line)
        except OSError as error:
            say(
                f"note: REGSWEEP_HISTORY: cannot write {self._path}: {error.strerror or error}; there will be no curves",
                error=True,
            )
            self._path = None


def is_kept(epoch: int) -> bool:
    """Whether an epoch is kept: each of the first 1,000, then each 10th up to 10,000, each 100th up to 100,000, and so on."""
    step = 1
    while epoch > step * FULL_EPOCHS:
        step *= 10
    return epoch % step == 0


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _bounded(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= MOST_PROPERTY else value[: MOST_PROPERTY - 3] + "..."
