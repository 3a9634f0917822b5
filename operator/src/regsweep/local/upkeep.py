"""Copies runs, moves them to the archive and back, and removes the archive. Of a sweep that is being trained nothing is moved.

The archive is `<runs>/.archive/<sweep>/<run>`, of the same form as the runs directory. The frozen picks of a final evaluation
(final.json) stay where they are: test rows that were used are used, whatever becomes of the runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.errors import RegsweepError
from regsweep.local.directory import RunsDirectory, RunsDirectoryError
from regsweep.local.environment import CHECKPOINTS
from regsweep.local.facts import ASKED_FILE, RUN_FILE
from regsweep.local.inventory import ARCHIVE, KeptRun
from regsweep.local.locks import FolderLockedError, held_lock
from regsweep.local.provenance import PROVENANCE_FILE, SOURCE_FOLDER

RESULT_FILES: Final = ("results.json", "results.csv", ASKED_FILE)
"""Made from all runs of a sweep: stale once one is gone, and made again by the next `regsweep run`."""
_OWN_FILE: Final = re.compile(r"(message|output|history|histograms)(-\d+)?\.(json|log|jsonl)")


class UpkeepError(RegsweepError):
    """Runs cannot be copied, moved or removed; the message says why, and what was done before."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved."""

    runs: tuple[Path, ...]
    """Where they are now."""
    active: tuple[str, ...] = ()
    """Sweeps that are being trained, whose runs stayed."""


def copy_runs(runs: Sequence[KeptRun], to: Path, names: Sequence[str] = (), *, files_only: bool = False) -> list[Path]:
    """Copies the runs' folders into `to`, which is made where it is not there.

    names: of the copies; none: the runs' own. files_only: only what the trainer itself has written, without what regsweep keeps.

    Raises UpkeepError; nothing is copied where a target exists, and nothing is ever overwritten.
    """
    targets = [to / name for name in (names or [run.path.name for run in runs])]
    for target in targets:
        if target.name in ("", ".", "..") or target.parent != to:
            raise UpkeepError(f"{target.name}: is no name of a folder.")
        if target.exists() or target.is_symlink():
            raise UpkeepError(f"{target}: exists already, and nothing was copied. Remove it, or name another place.")
    if len(set(targets)) < len(targets):
        raise UpkeepError(
            f"{to}: two runs would get the same name there. Copy them one by one, with names of their own."
        )
    with _explained(f"{to}: the copy failed"):
        to.mkdir(parents=True, exist_ok=True)
        for run, target in zip(runs, targets, strict=True):
            shutil.copytree(run.path, target, symlinks=True, ignore=_own_files if files_only else None)
    return targets


def archive_runs(runs: Iterable[KeptRun], runs_dir: Path) -> Moved:
    """Moves the runs into the archive. Raises UpkeepError, also for runs of another directory."""
    runs = list(runs)
    for run in runs:
        if run.path.parent.parent.absolute() != runs_dir.absolute():
            raise UpkeepError(
                f"{run.path}: is not in {runs_dir}; nothing was moved. Name its directory with --runs-dir."
            )
    return _move(runs, lambda run: runs_dir / ARCHIVE / run.path.parent.name)


def restore_runs(runs: Iterable[KeptRun], runs_dir: Path) -> Moved:
    """Moves runs of the archive back; a run that was trained anew meanwhile stays there, and is an UpkeepError."""
    runs = list(runs)
    for run in runs:
        name = run.facts.run
        if (runs_dir / run.path.parent.name / name).exists():
            raise UpkeepError(
                f"{name}: was trained again meanwhile, so that the archived one stays. Archive the new one first to have it back."
            )
    return _move(runs, lambda run: runs_dir / run.path.parent.name, original_names=True)


def of_combinations(runs: Iterable[KeptRun], folders: set[str]) -> list[KeptRun]:
    """The runs of the combinations whose latest run's folder is named: a row of a list stands for all of them."""
    runs = list(runs)
    meant = {(run.path.parent, run.facts.point_key) for run in runs if str(run.path) in folders}
    return [run for run in runs if (run.path.parent, run.facts.point_key) in meant]


def purge_archive(runs_dir: Path) -> int:
    """Removes the archive for good, and returns how many runs it held. Raises UpkeepError."""
    archive = runs_dir / ARCHIVE
    if archive.is_symlink():
        raise UpkeepError(
            f"{archive}: is a link; nothing was removed. Remove by hand what it points to, if that is meant."
        )
    count = sum(1 for _ in archive.glob(f"*/*/{RUN_FILE}"))
    with _explained(f"{archive}: cannot be removed entirely"):
        if archive.exists():
            shutil.rmtree(archive)
    return count


def _move(runs: Iterable[KeptRun], folder_of: Callable[[KeptRun], Path], *, original_names: bool = False) -> Moved:
    by_sweep: dict[Path, list[KeptRun]] = {}
    for run in runs:
        by_sweep.setdefault(run.path.parent, []).append(run)
    moved: list[Path] = []
    active: list[str] = []
    for sweep, members in by_sweep.items():
        target_folder = folder_of(members[0])
        try:
            with _explained(f"{sweep}: cannot be moved (moved before: {len(moved)})"):
                target_folder.mkdir(parents=True, exist_ok=True)
                with held_lock(sweep), held_lock(target_folder):
                    _forget_results(sweep)
                    _forget_results(target_folder)
                    for run in members:
                        name = run.facts.run if original_names else run.path.name
                        target = _free(target_folder / name)
                        run.path.rename(target)
                        moved.append(target)
                    _move_checkpoints(sweep, target_folder, {run.facts.point_key for run in members})
        except FolderLockedError:
            active.append(sweep.name)
    return Moved(tuple(moved), tuple(active))


def _move_checkpoints(sweep: Path, target: Path, keys: set[str]) -> None:
    """Moves the checkpoints of these points along, unless a run of theirs stays."""
    try:
        staying = {facts.point_key for facts in RunsDirectory(sweep).all_facts()}
    except RunsDirectoryError:
        return  # nobody knows whose they are
    for key in sorted(keys - staying):
        folder, there = sweep / CHECKPOINTS / key, target / CHECKPOINTS / key
        if folder.is_dir():
            if there.exists():
                shutil.rmtree(there)
            there.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(there)


def _forget_results(sweep: Path) -> None:
    for name in RESULT_FILES:
        (sweep / name).unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """The path, or with `.2` and so on where it is taken: a run that was archived, trained again and archived again."""
    free, number = path, 2
    while free.exists():
        free, number = path.with_name(f"{path.name}.{number}"), number + 1
    return free


def _own_files(_folder: str, names: list[str]) -> set[str]:
    """What regsweep keeps of a run, and not the trainer."""
    return {name for name in names if _OWN_FILE.fullmatch(name) or name in (RUN_FILE, PROVENANCE_FILE, SOURCE_FOLDER)}


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UpkeepError(f"{what}: {reason}.") from error
