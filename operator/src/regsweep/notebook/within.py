"""What a training script can ask and keep of its own run: `is_run_active`, `run_dir` and `write_run_metadata`. No pandas."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from regsweep.errors import RegsweepError
from regsweep.local.directory import write_atomically
from regsweep.local.facts import RUN_FILE, history_file
from regsweep.local.inventory import RunState, read_run
from regsweep.local.provenance import MOST_SOURCE_BYTES, MOST_SOURCE_FILES, SOURCE_FOLDER

REPORTED: Final = frozenset({"flags", "metrics", "evaluation", "error"})
"""Types of tfruns that the trainer's own report has: written beside it, they could contradict what is ranked."""
_TERMINATION_LOG: Final = "REGSWEEP_TERMINATION_LOG"


def is_run_active(run: str | Path | None = None) -> bool:
    """Whether this process is being trained as a run; with a run's folder, whether that run is being trained now.

    Raises RegsweepError where the folder holds no run.
    """
    if run is not None:
        return read_run(Path(run)).state is RunState.RUNNING
    return _own_folder() is not None


def run_dir() -> Path:
    """The folder of the run as which this process is trained; outside of one the working directory."""
    return _own_folder() or Path.cwd()


def write_run_metadata(type: str, data: Any, run_dir: str | Path | None = None) -> None:  # noqa: A002 - tfruns' name
    """Keeps something of a run in its folder; None: of the present run, and outside of one nothing is written.

    type: `properties`, a mapping whose values become columns of `ls_runs()`; `source`, a folder whose Python files are kept; or a
    name of your own, with a function that is given the run's folder, or with a value that becomes `<name>.json`.

    Raises RegsweepError for flags, metrics, evaluation and error, which the trainer reports itself.
    """
    if type in REPORTED:
        raise RegsweepError(
            f"write_run_metadata: {type} come from the trainer's report, on which the ranking rests. Report them with the kit "
            "(docs/trainer-contract.md), or choose another name."
        )
    folder = Path(run_dir) if run_dir is not None else _own_folder()
    if folder is None:
        return
    if not (folder / RUN_FILE).is_file():
        raise RegsweepError(f"{folder}: is no run's folder, it has no {RUN_FILE}.")
    if type == "properties":
        _write_properties(folder, data)
    elif type == "source":
        _copy_source(Path(data), folder / SOURCE_FOLDER)
    elif callable(data):
        write: Callable[[Path], object] = data
        write(folder)
    else:
        _check_name(type)
        write_atomically(folder / f"{type}.json", json.dumps(data, indent=2, allow_nan=False) + "\n")


def _own_folder() -> Path | None:
    """The folder of the run as which this process is trained: a local run's message is in it."""
    log = os.environ.get(_TERMINATION_LOG, "")
    folder = Path(log).parent
    return folder if log and (folder / RUN_FILE).is_file() else None


def _write_properties(folder: Path, data: Any) -> None:
    if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
        raise RegsweepError("write_run_metadata: properties are a mapping with names, such as {'owner': 'me'}.")
    line = json.dumps({"properties": {name: _plain(value) for name, value in data.items()}}, allow_nan=False)
    index = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    with (folder / history_file(index)).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def _plain(value: Any) -> Any:
    """The value where JSON has it, else its text."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _copy_source(sources: Path, target: Path) -> None:
    """Copies the Python files of a folder, not of those below it: a script may lie beside gigabytes."""
    files = sorted(path for path in sources.glob("*.py") if path.stat().st_size <= MOST_SOURCE_BYTES)
    target.mkdir(exist_ok=True)
    for path in files[:MOST_SOURCE_FILES]:
        shutil.copyfile(path, target / path.name)


def _check_name(name: str) -> None:
    if not name.replace("_", "").replace("-", "").isalnum() or name in ("run", "message", "environment"):
        raise RegsweepError(
            f"write_run_metadata: {name!r} is no name for a file of a run: use letters, digits, `_` and `-`."
        )
