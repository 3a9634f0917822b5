"""Errors and progress on standard error: one line in a pipe, broken between words in a terminal."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from regsweep.api.status import RunCounts, SweepStatus
from regsweep.cli.exits import FAILED, READER_GONE, USAGE, UsageError, print_error_line, report_error
from regsweep.cli.progress import Progress
from regsweep.cli.streams import OutputError, ReaderGoneError
from regsweep.errors import InvalidSweep, Problem, RegsweepError, Unavailable


class Screen(io.StringIO):
    """A terminal of 30 cells."""

    def isatty(self) -> bool:
        return True


def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Stands for standard error; not a fixture, since pytest puts its own stream there after those."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stderr", shown := Screen())
    return shown


def test_a_terminal_gets_a_sentence_broken_between_words_and_its_indent_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    print_error_line("  spec.flags[0].values: must have 2 entries, got \x1b[31m.")
    assert shown.getvalue() == "  spec.flags[0].values: must\n  have 2 entries, got\n  \\x1b[31m.\n"


def test_a_path_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch)
    path = "/a/very/long/path/that/no/terminal/of/thirty/cells/holds"
    print_error_line(f"see {path} for it")
    assert path in shown.getvalue().splitlines()


def test_a_pipe_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_error_line("word " * 50 + "\nend")
    assert capsys.readouterr().err == "word " * 50 + "\\nend\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        pytest.param(RegsweepError("a thing."), FAILED, "regsweep: a thing.\n", id="anything"),
        pytest.param(Unavailable("no answer"), FAILED, "regsweep: no answer\n", id="an API that does not answer"),
        pytest.param(UsageError("a thing."), USAGE, "regsweep: a thing.\n", id="the command line"),
        pytest.param(OutputError("a thing."), FAILED, "regsweep: a thing.\n", id="output that cannot be written"),
        pytest.param(ReaderGoneError("x"), READER_GONE, "", id="a reader that has gone"),
        pytest.param(
            InvalidSweep([Problem("spec", "is bad.")]),
            USAGE,
            "regsweep: the manifest has 1 error:\n  spec: is bad.\n",
            id="a manifest",
        ),
    ],
)
def test_an_error_has_its_words_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: RegsweepError, code: int, said: str
) -> None:
    assert report_error(error) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("terminal", "moves"), [("xterm", True), ("dumb", False), ("unknown", False)], ids=["a terminal", "dumb", "unknown"]
)
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal: str, moves: bool) -> None:
    shown = Screen()
    console = Console(file=shown, force_terminal=True, width=60, _environ={"TERM": terminal})
    with Progress("mine", console) as progress:
        progress.update(SweepStatus(runs=RunCounts(total=4, running=1)))
        assert "0/4 runs" in shown.getvalue()
    assert ("\x1b[" in shown.getvalue()) == moves
