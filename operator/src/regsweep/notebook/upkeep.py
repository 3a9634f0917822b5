"""Runs copied, moved to the archive, and removed: `copy_run`, `copy_run_files`, `clean_runs` and `purge_runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regsweep.api.wording import plural
from regsweep.errors import RegsweepError
from regsweep.local.inventory import ARCHIVE, inventory
from regsweep.local.upkeep import archive_runs, copy_runs, of_combinations, purge_archive
from regsweep.notebook.listing import RUNS_DIR, AnyRuns, kept_runs, runs_of


def copy_run(
    run_dir: AnyRuns, to: str | Path = ".", rename: str | Sequence[str] | None = None, runs_dir: str | Path = RUNS_DIR
) -> list[Path]:
    """Copies runs' folders into `to`, and returns the copies. `rename`: their names there.

    Raises RegsweepError; nothing is ever overwritten.
    """
    return _copy(run_dir, to, rename, runs_dir, files_only=False)


def copy_run_files(
    run_dir: AnyRuns, to: str | Path = ".", rename: str | Sequence[str] | None = None, runs_dir: str | Path = RUNS_DIR
) -> list[Path]:
    """The same for what the trainer itself has written, such as a model, without what regsweep keeps."""
    return _copy(run_dir, to, rename, runs_dir, files_only=True)


def clean_runs(runs: AnyRuns = None, runs_dir: str | Path = RUNS_DIR, confirm: bool = True) -> list[Path]:
    """Moves runs into the archive and returns where they are; None: all runs. It asks before, unless `confirm` is False.

    A row of `ls_runs()` stands for all runs of its combination. Runs of a sweep that is being trained stay. Raises RegsweepError.
    """
    directory = Path(runs_dir)
    found = list(kept_runs(directory))
    if runs is not None:
        found = of_combinations(found, {str(run.path) for run in runs_of(runs, directory)})
    archive = directory / ARCHIVE
    if not found or not _confirmed(f"Move {plural(len(found), 'run')} to {archive}?", confirm):
        return []
    moved = archive_runs(found, directory)
    if moved.active:
        raise RegsweepError(
            f"{', '.join(moved.active)}: is being trained; its runs stayed. Moved: {plural(len(moved.runs), 'run')}. Try again later."
        )
    return list(moved.runs)


def purge_runs(runs_dir: str | Path = RUNS_DIR, confirm: bool = True) -> int:
    """Removes the archive for good, and returns how many runs it held. It asks before, unless `confirm` is False."""
    archive = Path(runs_dir) / ARCHIVE
    count = len(inventory(archive).runs)
    if not count or not _confirmed(f"Remove {plural(count, 'run')} in {archive} for good?", confirm):
        return 0
    return purge_archive(Path(runs_dir))


def _copy(
    named: AnyRuns, to: str | Path, rename: str | Sequence[str] | None, runs_dir: str | Path, *, files_only: bool
) -> list[Path]:
    found = runs_of(named, runs_dir)
    names = [] if rename is None else [rename] if isinstance(rename, str) else list(rename)
    if names and len(names) != len(found):
        raise RegsweepError(f"rename: got {plural(len(names), 'name')} for {plural(len(found), 'run')}.")
    return copy_runs(found, Path(to), names, files_only=files_only)


def _confirmed(question: str, confirm: bool) -> bool:
    if not confirm:
        return True
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, OSError, RuntimeError) as error:  # RuntimeError: a notebook's front end that cannot ask
        raise RegsweepError(f"{question} Nobody can be asked here: pass confirm=False.") from error
    return answer.strip().lower() in ("y", "yes")
