"""Data files that a manifest names, for trainers that cannot be asked what data they read: the bytes of the files decide.

A folder counts only where it is the `data_path`: any other may be one that the trainer writes to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue

DATA_PATH: Final = "data_path"
"""The parameter by which the reference trainer and others name their data."""
LARGEST_FOLDER_BYTES: Final = 1024**3
"""A folder of more is not read whole: names, sizes and both ends of each file count."""
END_BYTES: Final = 64 * 1024
LONGEST_PATH: Final = 4096
DIGEST_LENGTH: Final = 16


def named_files(values: Iterable[Mapping[str, JsonValue]]) -> dict[str, Path]:
    """The files that parameters and flags name, by their names as written; folders only as `data_path`."""
    files_by_name = {}
    for name, text in _texts(values):
        path = Path(text)
        if is_file(text) or (name == DATA_PATH and path.is_dir()):
            files_by_name[text] = path
    return files_by_name


def missing_files(values: Iterable[Mapping[str, JsonValue]], known: Iterable[str]) -> list[str]:
    """Names of files that are not there: of `data_path`, and of those that are `known` to have been files before."""
    known = frozenset(known)
    wanted = {text for name, text in _texts(values) if text in known or (name == DATA_PATH and "://" not in text)}
    return sorted(text for text in wanted if not Path(text).exists())


def is_file(name: str) -> bool:
    """Whether it names a file; a name that no file can have does not."""
    try:
        return _may_be_path(name) and Path(name).is_file()
    except OSError:  # a name that is too long for the file system
        return False


def content_digest(path: Path) -> str:
    """16 hex digits of the SHA-256 of a file's bytes, or of what a folder holds. Raises OSError."""
    digest = _folder(path) if path.is_dir() else _whole(path)
    return digest[:DIGEST_LENGTH]


def digest_now(path: Path) -> str:
    """As `content_digest`; empty where it cannot be read any more."""
    try:
        return content_digest(path)
    except OSError:
        return ""


def _texts(values: Iterable[Mapping[str, JsonValue]]) -> Iterator[tuple[str, str]]:
    """(parameter, text) of every text that may be a path, lists and mappings searched too."""
    for parameters in values:
        for name, value in parameters.items():
            yield from ((name, text) for text in _texts_in(value) if _may_be_path(text))


def _texts_in(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts_in(item)


def _may_be_path(text: str) -> bool:
    return 0 < len(text) <= LONGEST_PATH and "\0" not in text


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    whole = sum(sizes) <= LARGEST_FOLDER_BYTES
    total = hashlib.sha256()
    for path, size in zip(files, sizes, strict=True):
        content = _whole(path) if whole else _ends(path, size)
        total.update(f"{size} {content}  ".encode() + os.fsencode(path.relative_to(folder)) + b"\0")
    return total.hexdigest()


def _ends(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(END_BYTES))
        file.seek(max(0, size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()
