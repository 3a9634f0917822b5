"""`regsweep cp`, `clean`, `archive` and `purge`: runs copied, moved away, brought back and removed.

What moves or removes asks first; where nobody can be asked it needs --yes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from regsweep.api.wording import plural
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import COMPLETE, FAILED, UsageError
from regsweep.cli.runs import ListOptions, chosen_rows, kept_runs, ls_command
from regsweep.local.inventory import ARCHIVE, KeptRun, RunState, UnknownRunError, chosen
from regsweep.local.runrows import RUN_DIR
from regsweep.local.upkeep import (
    Moved,
    UpkeepError,
    archive_runs,
    copy_runs,
    of_combinations,
    purge_archive,
    restore_runs,
)
from regsweep.report.outputs import ListOutput
from regsweep.report.printing import print_prose

T = TypeVar("T")


def cp_command(runs_dir: Path, names: Sequence[str], to: Path, *, name: str | None, files_only: bool) -> int:
    """Copies runs into a folder. Raises UsageError."""
    found = _chosen(kept_runs(runs_dir), names)
    if name is not None and len(found) != 1:
        raise UsageError(f"--name is for one run; these are {len(found)}. Copy them one by one.")
    targets = _explained(lambda: copy_runs(found, to, [name] if name is not None else [], files_only=files_only))
    for run, target in zip(found, targets, strict=True):
        print_prose(result_console(), str(target))
        if run.state is RunState.RUNNING:
            print_prose(error_console(), f"note: {run.path.name} is being trained: the copy has what there is by now.")
    return COMPLETE


def clean_command(runs_dir: Path, names: Sequence[str], filter_text: str | None, *, yes: bool) -> int:
    """Moves runs into the archive: those that are named and meet the filter, or all. Raises UsageError."""
    runs = kept_runs(runs_dir)
    found = _chosen(runs, names) if names else list(runs)
    if filter_text is not None:
        rows = chosen_rows(ListOptions(runs_dir, filter_text))
        found = of_combinations(found, {str(row[RUN_DIR]) for row in rows})
    if not found:
        print_prose(result_console(), "No runs to clean.")
        return COMPLETE
    archive = runs_dir / ARCHIVE
    if not _confirmed(f"Move {plural(len(found), 'run')} to {archive}? `regsweep run` would train them again.", yes):
        return FAILED
    moved = _explained(lambda: archive_runs(found, runs_dir))
    print_prose(
        result_console(),
        f"Moved {plural(len(moved.runs), 'run')} to {archive}. `regsweep archive --restore` brings them back, "
        "`regsweep purge` removes them.",
    )
    return _say_active(moved)


def archive_command(runs_dir: Path, names: Sequence[str], *, restore: bool, output: ListOutput) -> int:
    """Lists the archive, or brings runs back from it. Raises UsageError."""
    archive = runs_dir / ARCHIVE
    if not restore:
        if names:
            raise UsageError("names are for --restore. `regsweep clean NAME` moves runs into the archive.")
        return ls_command(ListOptions(archive, output=output))
    runs = kept_runs(archive)
    found = _chosen(runs, names) if names else list(runs)
    moved = _explained(lambda: restore_runs(found, runs_dir))
    print_prose(result_console(), f"Moved {plural(len(moved.runs), 'run')} back to {runs_dir}.")
    return _say_active(moved)


def purge_command(runs_dir: Path, *, yes: bool) -> int:
    """Removes the archive for good. Raises UsageError."""
    archive = runs_dir / ARCHIVE
    count = len(kept_runs(archive))
    if not count:
        print_prose(result_console(), f"No runs in {archive}.")
        return COMPLETE
    if not _confirmed(f"Remove {plural(count, 'run')} in {archive} for good?", yes):
        return FAILED
    print_prose(result_console(), f"Removed {plural(_explained(lambda: purge_archive(runs_dir)), 'run')}.")
    return COMPLETE


def _chosen(runs: Sequence[KeptRun], names: Sequence[str]) -> list[KeptRun]:
    try:
        return chosen(runs, names)
    except UnknownRunError as error:
        raise UsageError(str(error)) from error


def _confirmed(question: str, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here: give --yes.")
    return typer.confirm(question, err=True)


def _explained(work: Callable[[], T]) -> T:
    try:
        return work()
    except UpkeepError as error:
        raise UsageError(str(error)) from error


def _say_active(moved: Moved) -> int:
    """The exit code: 1 where runs stayed because their sweep is being trained."""
    for sweep in moved.active:
        print_prose(
            error_console(), f"{sweep}: is being trained; its runs stayed. Try again when `regsweep run` has ended."
        )
    return FAILED if moved.active else COMPLETE
