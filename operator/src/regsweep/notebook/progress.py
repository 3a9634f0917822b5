"""The progress of a sweep where it is followed from Python: one line that is updated in a notebook, else as the command line has it."""

from __future__ import annotations

import html
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from regsweep.api.status import SweepStatus
from regsweep.cli.consoles import error_console
from regsweep.cli.progress import Progress
from regsweep.report.progress import plain_line, seconds_left
from regsweep.report.text import UTF8


class ShowsProgress(Protocol):
    """What follows a sweep."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def update(self, status: SweepStatus) -> None:
        """Shows the status."""


def progress_of(name: str) -> ShowsProgress:
    """What suits the place where this runs."""
    display = notebook_display()
    return NotebookProgress(name, display) if display is not None else Progress(name, error_console())


def notebook_display() -> Any:
    """IPython's `display` where a notebook shows it; None elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    shell = get_ipython()
    return display if shell is not None and getattr(shell, "kernel", None) is not None else None


class NotebookProgress:
    """One line of a notebook's output, updated in place."""

    def __init__(self, name: str, display: Any) -> None:
        self._name = name
        self._display = display
        self._handle: Any = None
        self._started_at = monotonic()
        self._ended_before: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The last line stays."""

    def update(self, status: SweepStatus) -> None:
        """Shows the status."""
        ended = status.runs.succeeded + status.runs.failed
        if self._ended_before is None:
            self._ended_before = ended
        left = seconds_left(self._ended_before, ended, status.runs.total, monotonic() - self._started_at)
        line = _Line(str(plain_line(self._name, status, left, UTF8)), ended, status.runs.total)
        if self._handle is None:
            self._handle = self._display(line, display_id=True)
        else:
            self._handle.update(line)


class _Line:
    def __init__(self, text: str, ended: int, total: int) -> None:
        self._text, self._ended, self._total = text, ended, total

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        bar = f"<progress value='{self._ended}' max='{max(self._total, 1)}'></progress>"
        return f"<label>{bar} <code>{html.escape(self._text)}</code></label>"
