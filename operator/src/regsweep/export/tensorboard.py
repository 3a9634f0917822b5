"""A log directory for TensorBoard, brought up to what a sweep has come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from regsweep.errors import RegsweepError
from regsweep.export.events import EventFile

MARK: Final = ".regsweep.json"
"""Says whose log directory it is."""
PREFIX: Final = "events.out.tfevents."
SUFFIX: Final = ".regsweep"


def write_log(log_dir: Path, name: str, files: Sequence[EventFile]) -> int:
    """Brings the directory to these files; returns in how many something was written.

    A file that has grown is added to, as TensorBoard reads on where it was; another one takes the place of a file that says something
    else. Files of trainings that are the sweep's no more are removed, and those of other programs left alone.

    Raises RegsweepError where it cannot be written, or is another sweep's.
    """
    try:
        _claim(log_dir, name)
        changed = sum(_bring(log_dir / file.folder, file.content) for file in files)
        wanted = {log_dir / file.folder for file in files}
        for path in log_dir.rglob(f"{PREFIX}*{SUFFIX}"):
            if path.parent not in wanted:
                path.unlink()
        return changed
    except OSError as error:
        raise RegsweepError(f"{error.filename or log_dir}: cannot be written ({error.strerror or error}).") from error


def _claim(log_dir: Path, name: str) -> None:
    log_dir.mkdir(parents=True, exist_ok=True)
    mark = log_dir / MARK
    if not mark.exists():
        mark.write_text(json.dumps({"sweep": name}) + "\n")
        return
    try:
        other = json.loads(mark.read_text()).get("sweep")
    except (ValueError, AttributeError):
        other = None
    if other != name:
        whose = f"sweep {other}" if other else "something else"
        raise RegsweepError(
            f"{log_dir}: is the log directory of {whose}, and the HParams dashboard shows one sweep. Name another directory."
        )


def _bring(folder: Path, content: bytes) -> bool:
    """Whether anything had to be written."""
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
    if present:
        found = present[-1].read_bytes()
        if content.startswith(found):
            if len(content) > len(found):
                with present[-1].open("ab") as file:
                    file.write(content[len(found) :])
            return len(content) > len(found)
    number = int(present[-1].name.removeprefix(PREFIX).removesuffix(SUFFIX)) + 1 if present else 0
    for path in present:
        path.unlink()
    (folder / f"{PREFIX}{number:010}{SUFFIX}").write_bytes(content)
    return True
