"""Pages of runs and sweeps: `save_run_view` and `view_run`."""

from __future__ import annotations

import html
import tempfile
import webbrowser
from pathlib import Path

from regsweep.cli.viewing import local_run_html, local_sweep_html
from regsweep.errors import RegsweepError
from regsweep.local.directory import write_atomically
from regsweep.notebook.listing import RUNS_DIR, AnyRuns, kept_runs, runs_of
from regsweep.notebook.progress import notebook_display

AUTO = "auto"
HEIGHT = 800
"""Pixels of a page in a notebook."""


def save_run_view(run_dir: AnyRuns = None, filename: str | Path = AUTO, runs_dir: str | Path = RUNS_DIR) -> Path:
    """Writes a run, or the sweep of this name, as one HTML page that opens from the disk; returns the file.

    run_dir: None: the latest run. filename: `auto`: a temporary file; another one is replaced where it exists.

    Raises RegsweepError where there is no such run, or several are named.
    """
    name, page = _page(run_dir, Path(runs_dir))
    file = Path(filename) if filename != AUTO else Path(tempfile.mkdtemp(prefix="regsweep-")) / f"{name}.html"
    try:
        write_atomically(file, page)
    except OSError as error:
        raise RegsweepError(f"{file}: cannot be written ({error.strerror}).") from error
    return file


def view_run(run_dir: AnyRuns = None, runs_dir: str | Path = RUNS_DIR) -> RunPage | Path:
    """Shows a run, or the sweep of this name: in a notebook below the cell, else in the browser. See `save_run_view`."""
    if notebook_display() is not None:
        return RunPage(_page(run_dir, Path(runs_dir))[1])
    file = save_run_view(run_dir, runs_dir=runs_dir)
    webbrowser.open(file.absolute().as_uri())
    return file


class RunPage:
    """A page below a notebook's cell, in a frame of its own."""

    def __init__(self, page: str) -> None:
        self._page = page

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {HEIGHT}px; border: 0"
        return f'<iframe title="regsweep" sandbox style="{style}" srcdoc="{html.escape(self._page)}"></iframe>'


def _page(named: AnyRuns, runs_dir: Path) -> tuple[str, str]:
    """(name, page)."""
    kept = kept_runs(runs_dir)
    if isinstance(named, str):
        of_sweep = [run for run in kept if run.facts.sweep == named and run.path.parent.name == named]
        if of_sweep:
            return named, local_sweep_html(runs_dir / named, of_sweep)
    found = list(kept[-1:]) if named is None else runs_of(named, runs_dir)
    if len(found) != 1:
        raise RegsweepError(f"view_run: got {len(found)} runs, want one, or the name of a sweep.")
    return found[0].path.name, local_run_html(found[0])
