"""`regsweep view` and `view_run`: a page in a file, and nothing overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import regsweep
from regsweep.cli.main import app
from regsweep.errors import RegsweepError
from support.kept_runs import keep_run
from unit.local.test_revisit import keep_sweep

runner = CliRunner()


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keep_sweep(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def view(*arguments: str, code: int = 0) -> str:
    done = runner.invoke(app, ["view", *arguments])
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_a_sweep_is_a_page_that_is_named_after_it(runs_dir: Path) -> None:
    assert view().startswith("mine.html (")
    page = Path("mine.html").read_text()
    assert "Of 2 combinations the best is l2=0.1" in page
    assert "average loss: 1  l2=0.1" in page


def test_a_run_is_a_page_of_its_own(runs_dir: Path) -> None:
    name = next(runs_dir.glob("mine/mine-*")).name
    assert view(name, "--output", "page.html").startswith("page.html (")
    assert f"Run {name}" in Path("page.html").read_text()


def test_a_file_is_replaced_only_where_that_is_asked_for(runs_dir: Path) -> None:
    Path("mine.html").write_text("precious")
    assert "mine.html: exists already. Give --yes to replace it" in view(code=2)
    assert Path("mine.html").read_text() == "precious"
    view("--yes")
    assert "<!doctype html>" in Path("mine.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "nobody: no run and no sweep of this name."),
        (["mine", "--flags", "l2,dropout"], "dropout: is no flag that this sweep varies. It varies l2."),
        (["mine", "-o", "no/such/folder/page.html"], "page.html: cannot be written"),
        (["--runs-dir", "none"], "No runs in none."),
        (["--context", "nowhere", "--kubeconfig", "none"], "needs its name"),
    ],
)
def test_what_cannot_be_shown_is_said(runs_dir: Path, arguments: list[str], said: str) -> None:
    assert said in view(*arguments, code=1 if "dropout" in said else 2)


def test_from_python_a_page_is_saved_and_its_file_returned(runs_dir: Path) -> None:
    file = regsweep.save_run_view("mine", "page.html", runs_dir)
    assert file == Path("page.html")
    assert "Of 2 combinations" in file.read_text()
    assert regsweep.save_run_view(runs_dir=runs_dir).name.startswith("mine-"), "the latest run, in a temporary file"
    with pytest.raises(RegsweepError, match=r"view_run: got 2 runs, want one"):
        regsweep.save_run_view(regsweep.ls_runs(runs_dir=runs_dir), runs_dir=runs_dir)


def test_in_a_notebook_a_run_is_shown_in_a_frame_that_runs_nothing(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_run(runs_dir, {"x": '"><script>'}, (0.1, 0.2, 0.9, 0.9), started="2027-01-01T00:00:00Z")
    monkeypatch.setattr("regsweep.notebook.views.notebook_display", lambda: print)
    shown = regsweep.view_run(runs_dir=runs_dir)._repr_html_()  # type: ignore[union-attr]
    assert shown.startswith('<iframe title="regsweep" sandbox ')
    assert shown.count("<") == 2


def test_elsewhere_the_browser_opens_it(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    file = regsweep.view_run("mine", runs_dir)
    assert isinstance(file, Path)
    assert opened == [file.as_uri()]
