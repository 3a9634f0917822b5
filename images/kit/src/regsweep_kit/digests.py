"""Digests of source files: of their bytes, before anything is made of them.

A file's digest is its SHA-256, as sha256sum prints it. That of several files, or of a folder's, is the SHA-256 of the list of theirs,
sorted by name. A folder of more than 1 GiB is not read whole: then names, sizes and both ends of each file count.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from regsweep_kit.errors import DataChangedError

LARGEST_FOLDER_BYTES = 1024**3
END_BYTES = 64 * 1024
SHOWN_DIGITS = 12  # of a digest in a message

State = tuple[tuple[str, int, int, int, int], ...]
"""Per file its name, device, inode, size and time of change."""


def source_digest(paths: Sequence[Path]) -> str:
    """SHA-256 in hex of one file, of several files of different names, or of one folder's files. Raises OSError."""
    if len(paths) == 1 and not paths[0].is_dir():
        return _whole(paths[0])
    files = _files(paths)
    sizes = {name: path.stat().st_size for name, path in files}
    large = sum(sizes.values()) > LARGEST_FOLDER_BYTES and any(path.is_dir() for path in paths)
    total = hashlib.sha256()
    for name, path in files:
        one = f"{sizes[name]} {_ends(path, sizes[name])}" if large else _whole(path)
        total.update(f"{one}  ".encode() + os.fsencode(name) + b"\0")
    return total.hexdigest()


def state(paths: Sequence[Path]) -> State:
    """What shows, without reading them, whether files have changed. Raises OSError."""
    entries = []
    for name, path in _files(paths):
        at = path.stat()
        entries.append((name, at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns))
    return tuple(entries)


def check_pinned(digest: str, pinned: str | None) -> None:
    """Raises DataChangedError where the data are not the pinned ones. `pinned`: a digest's beginning; `None`: nothing is pinned."""
    if pinned is not None and not digest.startswith(pinned):
        raise DataChangedError(
            f"the data have changed: this sweep's results rest on {pinned[:SHOWN_DIGITS]} (REGSWEEP_DATA_DIGEST), the files have "
            f"{digest[:SHOWN_DIGITS]} now (SHA-256); restore them, or train the whole sweep again"
        )


def _files(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(name, path) of each file, those of folders by their names within it; sorted by name."""
    entries: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            entries += ((file.relative_to(path).as_posix(), file) for file in _inside(path))
        else:
            entries.append((path.name, path))
    return sorted(entries)


def _inside(folder: Path) -> Iterator[Path]:
    """The folder's files at any depth, through links, each real folder once.

    Folders whose names begin with `..` are left out: in a mounted ConfigMap they are named by the time of mounting, and links lead to
    their files.
    """
    entered = {folder.resolve()}
    for here, inner, names in os.walk(folder, onerror=_raise, followlinks=True):
        inner[:] = [name for name in sorted(inner) if not name.startswith("..") and _enter(Path(here) / name, entered)]
        yield from (Path(here) / name for name in names)


def _enter(folder: Path, entered: set[Path]) -> bool:
    """Whether it is entered for the first time."""
    real = folder.resolve()
    fresh = real not in entered
    entered.add(real)
    return fresh


def _raise(error: OSError) -> None:
    raise error


def _whole(path: Path) -> str:
    with _open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: Path) -> BufferedReader:
    """For reading. Raises OSError also where it is no regular file: a pipe or a device cannot be read twice, and may never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def _ends(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with _open(path) as file:
        digest.update(file.read(END_BYTES))
        file.seek(max(size - END_BYTES, 0))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()
