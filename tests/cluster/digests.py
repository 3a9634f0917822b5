"""Identity from content: a folder or an image is the same if, and only if, everything it is made from is the same."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

# Left behind by running or checking the sources; they change nothing of what is built.
_NOT_SOURCES = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
_LENGTH = 12


def digest(paths: Iterable[Path], words: Iterable[str] = ()) -> str:
    """Twelve hexadecimal digits over the names and contents of files (folders: everything below), and over words."""
    total = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            total.update(f"{path.name}/{file.relative_to(path)}\0{file.stat().st_mode & 0o111}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    for word in words:
        total.update(word.encode() + b"\0")
    return total.hexdigest()[:_LENGTH]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(
        file for file in path.rglob("*") if file.is_file() and not _NOT_SOURCES & set(file.relative_to(path).parts)
    )
