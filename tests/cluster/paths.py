"""Where everything lives that is built or run: one cache outside the checkout, so that a fresh clone finds it again."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
GO_SOURCES = Path(__file__).resolve().parent / "go"


def cache() -> Path:
    """``$REGSWEEP_CACHE``, else ``regsweep`` in the user's cache folder; made on first use."""
    explicit = os.environ.get("REGSWEEP_CACHE")
    folder = Path(explicit) if explicit else user_cache() / "regsweep"
    folder = folder.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def user_cache() -> Path:
    """The folder of the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def clusters() -> Path:
    """One folder per instance: all its state but the container images."""
    return _made(cache() / "clusters")


def containerds() -> Path:
    """Image stores; they outlive the clusters that borrow them, so that no image is imported twice."""
    return _made(cache() / "containerd")


def logs() -> Path:
    """Output of builds, kept for when one fails."""
    return _made(cache() / "logs")


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the cache's lock of that name against other processes; the kernel frees it when its holder dies."""
    path = _made(cache() / "locks") / name
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
