"""Writes the termination message. Thread-safe: SIGTERM is answered from another thread than the one that trains.

The whole message is rewritten after each replicate and synced, so that whatever ends the process later, even SIGKILL, the finished
replicates are there. It is written in place: in a pod the file is a mount, which cannot be replaced by a rename.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from regsweep_kit.contract import USUAL_MESSAGE_BYTES
from regsweep_kit.errors import RecordUnwritableError
from regsweep_kit.message import Header, encode
from regsweep_kit.objective import Rule
from regsweep_kit.record import Failure, Record


class HeaderParts(TypedDict, total=False):
    """Fields of a Header."""

    columns: tuple[str, ...]
    backend: str
    device: str
    gpus: int
    rows: Mapping[str, int]
    data: str
    data_digest: str
    rule: Rule
    start: int
    test_rows: str | None


class Journal:
    def __init__(self, path: Path) -> None:
        """Raises RecordUnwritableError at once rather than after the training."""
        self._path = path
        self._lock = threading.RLock()
        self._message_bytes = USUAL_MESSAGE_BYTES
        self._header = Header()
        self._records: list[Record] = []
        try:
            # /dev/termination-log is mounted by the kubelet; making it elsewhere would litter /dev.
            self._file = os.open(
                path, os.O_WRONLY | os.O_CLOEXEC | (0 if path.parent == Path("/dev") else os.O_CREAT), 0o644
            )
        except OSError as error:
            raise self._unwritable(error) from error

    def limit(self, message_bytes: int) -> None:
        """Sets the message's room, for which the columns must have been chosen."""
        with self._lock:
            self._message_bytes = message_bytes

    def describe(self, **known: Unpack[HeaderParts]) -> None:
        """Adds to the header what has become known."""
        with self._lock:
            self._header = replace(self._header, **known)

    def finish(self, record: Record) -> None:
        """Adds a finished replicate; on return it is on the disk."""
        with self._lock:
            self._records.append(record)
            self._write(None)

    def fail(self, failure: Failure) -> None:
        """Says why no more replicates will follow; on return it is on the disk."""
        with self._lock:
            self._write(failure)

    def terminate(self, expected: int, failure: Failure) -> bool:
        """True when all `expected` records are there, which nothing then changes; else writes `failure` beside those there are."""
        with self._lock:
            if len(self._records) == expected:
                return True
            self._write(failure)
            return False

    def _write(self, failure: Failure | None) -> None:
        message = encode(self._header, self._records, failure, self._message_bytes)
        try:
            written = 0
            while written < len(message):
                written += os.pwrite(self._file, message[written:], written)
            os.ftruncate(self._file, len(message))
            os.fsync(self._file)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RecordUnwritableError:
        return RecordUnwritableError(
            f"REGSWEEP_TERMINATION_LOG: cannot write {self._path}: {error.strerror or error}; "
            "outside Kubernetes set it to a file in a folder that exists"
        )
