"""All runs of a runs directory, of every sweep, as their folders have them. Nothing here writes."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from regsweep.core.results.messages import MalformedMessage, parse_message, records_of
from regsweep.core.results.records import Record
from regsweep.core.runs import ObservedPod, PodPhase
from regsweep.errors import RegsweepError
from regsweep.local.directory import RunsDirectory, observed_run, pod_name
from regsweep.local.facts import MODEL_FOLDER, RUN_FILE, RunFacts, output_file
from regsweep.local.locks import LOCK_FILE

ARCHIVE: Final = ".archive"
"""Beside the sweeps' folders; no sweep can have this name."""
MOST_FACTS_BYTES: Final = 16 * 1024**2
MOST_CONSOLE_BYTES: Final = 1024**2
"""Of a console that is shown: its beginning is left out, and that is said."""
STOPPED: Final = frozenset({130, 143})
"""Exit codes of a trainer that was asked to end."""
_TRACEBACK: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r"[ \t]|Traceback |During handling|The above exception|$")
MOST_TRACEBACK: Final = 20_000
MOST_DIGITS: Final = 9
"""Of a replicate's number in the name of a file."""


class UnknownRunError(RegsweepError):
    """No run, or several, are meant by a name."""


class RunState(StrEnum):
    """How far a run has come."""

    COMPLETED = "completed"
    FAILED = "failed"
    RUNNING = "running"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as its folder has it."""

    path: Path
    facts: RunFacts
    records: tuple[Record, ...]
    """Results, by replicate; a diverged training is one."""
    state: RunState
    error: str = ""
    """What the trainer said of its failure; empty: nothing."""

    @property
    def started_at(self) -> str:
        """When it was begun; empty: never. RFC 3339, to sort by."""
        return min((each.started_at for each in self.facts.processes), default="")

    @property
    def ended_at(self) -> str | None:
        """When its last process ended; None while one has not."""
        ends = [each.ended_at for each in self.facts.processes]
        return max(end for end in ends if end is not None) if ends and None not in ends else None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a runs directory holds."""

    runs: tuple[KeptRun, ...]
    """In the order in which they were begun."""
    damaged: tuple[str, ...] = ()
    """Sentences about folders that cannot be read."""


def inventory(runs_dir: Path) -> Inventory:
    """The runs of all sweeps below the directory, which may not exist; the archive is not looked at."""
    try:
        sweeps = sorted(path for path in runs_dir.iterdir() if path.is_dir() and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return Inventory(())
    except OSError as error:
        raise UnknownRunError(f"{runs_dir}: cannot be read ({error.strerror}).") from error
    runs: list[KeptRun] = []
    damaged: list[str] = []
    for file in (file for sweep in sweeps for file in sorted(sweep.glob(f"*/{RUN_FILE}"))):
        try:
            runs.append(read_run(file.parent))
        except UnknownRunError as error:
            damaged.append(str(error))
    return Inventory(tuple(sorted(runs, key=lambda run: (run.started_at, run.facts.run))), tuple(damaged))


def read_run(folder: Path) -> KeptRun:
    """The run in this folder. Raises UnknownRunError where it holds none that can be read."""
    try:
        with (folder / RUN_FILE).open("rb") as file:
            facts = RunFacts.model_validate_json(file.read(MOST_FACTS_BYTES), extra="ignore")
    except (OSError, ValidationError) as error:
        raise UnknownRunError(
            f"{folder / RUN_FILE}: does not describe a run of this version of regsweep ({str(error).splitlines()[0]}). "
            "Move its folder away."
        ) from error
    # The folder's name, not the one in the file: a copy may have been renamed.
    directory, run = RunsDirectory(folder.parent), observed_run(facts)
    records: list[Record] = []
    said = ""
    for index in range(facts.processes_wanted):
        text = directory.message(folder.name, index)
        message = parse_message(text)
        if isinstance(message, MalformedMessage):
            said = said or ("" if message.empty else message.reason)
            continue
        name = pod_name(facts.run, index)
        pod = ObservedPod(name, name, index, PodPhase.SUCCEEDED, created_at=run.created_at, message=text)
        records += records_of(run, pod, message)
        said = said or (message.error.message if message.error is not None else "")
    results = tuple(sorted(records, key=lambda record: record.replicate))
    state = _state(folder, facts, len(results))
    return KeptRun(folder, facts, results, state, said or _last_words(directory, folder, facts, state))


def saved_models(run: KeptRun) -> dict[int, Path]:
    """The files, or folders, of the models that the run's replicates have saved, by replicate."""
    found: dict[int, Path] = {}
    for path in sorted((run.path / MODEL_FOLDER).glob("replicate-*")):
        number = path.stem.removeprefix("replicate-")
        if path.suffix != ".json" and number.isdecimal() and len(number) < MOST_DIGITS:
            found.setdefault(int(number), path)
    return found


def is_locked(sweep_folder: Path) -> bool:
    """Whether a `regsweep run` works in the sweep's folder now."""
    try:
        descriptor = os.open(sweep_folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two that look do not see each other; given back at once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    finally:
        os.close(descriptor)
    return False


def chosen(runs: Sequence[KeptRun], names: Iterable[str]) -> list[KeptRun]:
    """The runs that are meant: by the path of a folder, a run's name or its beginning, or a sweep's name for all of its runs.

    Each comes once. Raises UnknownRunError.
    """
    found: dict[Path, KeptRun] = {}
    for name in names:
        for run in _meant(runs, name):
            found[run.path.absolute()] = run
    return list(found.values())


def only(runs: Sequence[KeptRun], name: str) -> KeptRun:
    """The one run that is meant; of a sweep's name that of its latest run. Raises UnknownRunError."""
    return _meant(runs, name)[-1]


def console(run: KeptRun) -> str:
    """What the run's processes printed; a long one without its beginning."""
    parts = []
    for index in range(run.facts.processes_wanted):
        try:
            with (run.path / output_file(index)).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MOST_CONSOLE_BYTES))
                text = file.read(MOST_CONSOLE_BYTES).decode(errors="replace")
        except OSError:
            continue
        cut = size - MOST_CONSOLE_BYTES
        parts.append(f"[the first {cut:,} bytes are left out]\n{text.partition(chr(10))[2]}" if cut > 0 else text)
    return "".join(parts)


def traceback_in(text: str) -> str:
    """The last traceback of Python in a console; empty: none."""
    _, mark, after = text.rpartition(_TRACEBACK)
    if not mark:
        return ""
    lines = after.splitlines()
    end = next((place for place, line in enumerate(lines[1:], 1) if not _FRAME.match(line)), len(lines) - 1)
    return "\n".join([mark, *lines[1 : end + 1]])[-MOST_TRACEBACK:]


def _meant(runs: Sequence[KeptRun], name: str) -> list[KeptRun]:
    path = Path(name)
    if (os.sep in name or name in (".", "..")) and (path / RUN_FILE).is_file():
        return [read_run(path)]
    plain = path.name
    exact = [run for run in runs if run.facts.run == plain or run.path.name == plain]
    if exact:
        return exact[-1:]
    of_sweep = [run for run in runs if run.facts.sweep == plain]
    if of_sweep:
        return of_sweep
    # Runs of one sweep share their beginning: the end, a hash, is what people copy.
    alike = [run for run in runs if plain and (run.path.name.startswith(plain) or run.path.name.endswith(plain))]
    if len(alike) == 1:
        return alike
    if alike:
        names = ", ".join(run.path.name for run in alike[:3])
        raise UnknownRunError(f"{name}: is the beginning of {len(alike)} runs ({names}, ...). Give more of the name.")
    raise UnknownRunError(
        f"{name}: no run and no sweep of this name. `regsweep ls` lists all runs; --runs-dir names another directory."
    )


def _state(folder: Path, facts: RunFacts, results: int) -> RunState:
    if facts.completed:  # as its exit codes have it; what counts are its results
        return RunState.COMPLETED if results == facts.replicates else RunState.FAILED
    codes = [each.exit_code for each in facts.processes]
    if any(code not in (0, None) and code not in STOPPED for code in codes):
        return RunState.FAILED
    open_ended = not facts.processes or len(codes) < facts.processes_wanted or None in codes
    return RunState.RUNNING if open_ended and is_locked(folder.parent) else RunState.INTERRUPTED


def _last_words(directory: RunsDirectory, folder: Path, facts: RunFacts, state: RunState) -> str:
    if state is not RunState.FAILED:
        return ""
    failed = next((each for each in facts.processes if each.exit_code not in (0, None)), None)
    if failed is None:
        return "the trainer ended without a result of every replicate"
    return directory.last_words(folder.name, failed.index, 1) or f"exit code {failed.exit_code}"
