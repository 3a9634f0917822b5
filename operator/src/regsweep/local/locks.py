"""A lock on a folder that holds on every file system: of the kinds that there are, the best that it supports.

1. `flock`: whoever inherits the descriptor holds it as well.
2. A POSIX record lock: held by this process alone. Some network file systems have only this one.
3. A file that names its owner, where a file system refuses both. It outlives a process that is killed; the next one on the
   same machine sees that, and takes it over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.errors import RegsweepError

LOCK_FILE: Final = ".lock"
OWNER_FILE: Final = ".lock.owner"
MOST_OWNER_BYTES: Final = 1000
_UNSUPPORTED: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is held."""

    descriptor: int
    """Of the lock file, open as long as the lock is held."""
    note: str = ""
    """What a person should know of a lock that is not of the best kind."""


class FolderLockedError(RegsweepError):
    """Another process holds the lock; the message names it if possible."""


@contextmanager
def held_lock(folder: Path) -> Iterator[Held]:
    """Holds the lock on the folder, which must exist.

    Raises:
        FolderLockedError: where another process holds it.
        OSError: where the lock file cannot be opened.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    owner: Path | None = None
    try:
        refused = _flock(descriptor)
        if refused is None:
            yield Held(descriptor)
            return
        words = f"{folder}: its file system does not support flock ({refused.strerror})"
        if _record_lock(descriptor) is None:
            yield Held(descriptor, f"{words}; a POSIX record lock is used instead.")
            return
        owner = _own(folder / OWNER_FILE)
        yield Held(descriptor, f"{words}, nor record locks; the file {owner} is the lock instead.")
    finally:
        os.close(descriptor)
        if owner is not None:
            owner.unlink(missing_ok=True)


def _flock(descriptor: int) -> OSError | None:
    """Takes the lock; the error where the file system has no such locks. Raises FolderLockedError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FolderLockedError from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return error
    return None


def _record_lock(descriptor: int) -> OSError | None:
    """The same for a POSIX record lock, which two systems refuse with different errors."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise FolderLockedError from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return error
    return None


def _own(path: Path) -> Path:
    """Makes the file that names this process as the owner. Raises FolderLockedError where another one is named that may live."""
    mine = f"{socket.gethostname()} {os.getpid()}\n"
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            if _may_live(path):
                break
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(mine)
        return path
    raise FolderLockedError(f"{path} names its owner; if that process no longer exists, remove the file.")


def _may_live(path: Path) -> bool:
    """Whether the owner that the file names may still be there: unknown on another machine, and while the file is empty."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            host, _, process = file.read(MOST_OWNER_BYTES).strip().rpartition(" ")
    except FileNotFoundError:
        return False
    if host != socket.gethostname() or not process.isascii() or not process.isdigit() or len(process) > 9:
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
