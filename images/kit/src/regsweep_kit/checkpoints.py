"""Checkpoints: the state of a replicate that is being trained, so that it can go on in another process.

One file for each replicate, replaced by a rename, so that a process that is killed leaves the one before. The newest state is kept in
memory, too, and written when a signal ends the process. A checkpoint that cannot be written or read never ends a run: it is said once.
"""

import json
import os
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.console import say

FORMAT = 1
"""Of the file; another one is not read."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    rests_on: str
    """Names all that the training depends on; a checkpoint of anything else is not resumed from."""
    epoch: int
    """The last one that was trained."""
    state: Mapping[str, Any]
    """JSON, in which NaN and infinities are allowed."""
    arrays: Sequence[NDArray[Any]]


class Checkpoints:
    """Of one process' replicates. Thread-safe: SIGTERM is answered from another thread than the one that trains."""

    def __init__(self, folder: Path | None, every_epochs: int) -> None:
        """folder: of the files, made where it does not exist; `None`: nothing is kept."""
        self._folder, self._every = folder, every_epochs
        self._lock = threading.Lock()
        self._newest: tuple[int, Checkpoint] | None = None
        """(replicate, state) that is not written yet."""

    @property
    def are_kept(self) -> bool:
        """Whether anything is kept at all."""
        return self._folder is not None

    def load(self, replicate: int, rests_on: str) -> Checkpoint | None:
        """The replicate's checkpoint; `None` where there is none that can be resumed from."""
        path = self._path(replicate)
        if path is None or not path.exists():
            return None
        try:
            found = _read(path)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            self._say(f"cannot read {path}: {error}; replicate {replicate} begins anew")
            return None
        if found.rests_on != rests_on:
            self._say(f"{path} is of other flags, data, rows or versions; replicate {replicate} begins anew")
            return None
        return found

    def keep(self, replicate: int, checkpoint: Checkpoint, *, last: bool = False) -> None:
        """Keeps the state after an epoch, and writes it when it is due. last: the replicate has ended, which is always due."""
        if self._folder is None:
            return
        with self._lock:
            self._newest = replicate, checkpoint
        if last or checkpoint.epoch % self._every == 0:
            self.flush()

    def flush(self) -> None:
        """Writes the newest state, if it is not written yet."""
        with self._lock:
            if self._newest is None:
                return
            replicate, checkpoint = self._newest
            self._newest = None
            path = self._path(replicate)
            assert path is not None  # nothing is kept otherwise
            try:
                _write(path, checkpoint)
            except OSError as error:
                self._say(f"cannot write {path}: {error.strerror or error}; a run that is interrupted begins anew")
                self._folder = None

    def _path(self, replicate: int) -> Path | None:
        return None if self._folder is None else self._folder / f"replicate-{replicate}.npz"

    def _say(self, text: str) -> None:
        say(f"note: REGSWEEP_CHECKPOINTS: {text}", error=True)


def _write(path: Path, checkpoint: Checkpoint) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": FORMAT, "restsOn": checkpoint.rests_on, "epoch": checkpoint.epoch, "state": checkpoint.state}
    named = {f"array{index}": array for index, array in enumerate(checkpoint.arrays)}
    half = path.with_suffix(f".half-{os.getpid()}")
    try:
        with half.open("wb") as file:
            np.savez(file, allow_pickle=False, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **named)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint:
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(file["header"].tobytes())
        if header["format"] != FORMAT:
            raise ValueError(f"it has format {header['format']}, want {FORMAT}")
        arrays = [file[f"array{index}"] for index in range(len(file.files) - 1)]
    return Checkpoint(header["restsOn"], int(header["epoch"]), header["state"], arrays)
