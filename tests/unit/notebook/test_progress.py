"""The progress of a sweep below a notebook's cell: one line, updated in place."""

from __future__ import annotations

import sys
import types

import pytest

from regsweep.api.status import RunCounts, SweepState, SweepStatus
from regsweep.cli.progress import Progress
from regsweep.notebook.progress import NotebookProgress, notebook_display, progress_of


class Screen:
    """What a notebook shows: lines that were added, and what they have become."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: object, *, display_id: bool) -> Screen:
        assert display_id
        self.lines.append(line._repr_html_())  # type: ignore[attr-defined]
        return self

    def update(self, line: object) -> None:
        self.lines[-1] = line._repr_html_()  # type: ignore[attr-defined]


def status(ended: int) -> SweepStatus:
    return SweepStatus(state=SweepState.RUNNING, runs=RunCounts(total=4, succeeded=ended, running=1))


def test_the_line_is_added_once_and_then_updated() -> None:
    screen = Screen()
    with NotebookProgress("<mine>", screen) as progress:
        for ended in range(5):
            progress.update(status(ended))
    assert len(screen.lines) == 1
    assert "value='4' max='4'" in screen.lines[0]
    assert "&lt;mine&gt;" in screen.lines[0]
    assert "4/4 runs" in screen.lines[0]


def fake_ipython(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    module = types.ModuleType("IPython")
    module.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display = types.ModuleType("IPython.display")
    display.display = print  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)


@pytest.mark.parametrize(
    ("shell", "found"),
    [
        pytest.param(None, False, id="no shell"),
        pytest.param(types.SimpleNamespace(), False, id="a terminal"),
        pytest.param(types.SimpleNamespace(kernel=object()), True, id="a notebook"),
    ],
)
def test_a_notebook_is_told_from_a_terminal(monkeypatch: pytest.MonkeyPatch, shell: object, found: bool) -> None:
    fake_ipython(monkeypatch, shell)
    assert (notebook_display() is not None) is found
    assert isinstance(progress_of("mine"), NotebookProgress if found else Progress)


def test_without_ipython_there_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert notebook_display() is None
