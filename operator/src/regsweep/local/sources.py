"""The Python files that a script consists of: itself, and the modules beside it that it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST_FILES: Final = 1000
"""A script beside which more modules lie than this is identified by these."""


def script_files(script: Path, folder: Path | None = None) -> list[Path]:
    """The script and, sorted, every file beside it that it imports, directly or not. Only imports at fixed names are seen.

    folder: where its modules are looked for; None: where it is. Raises OSError where the script cannot be read.
    """
    home, own = module_folder(script, folder), script.resolve() if folder is None and script.is_symlink() else script
    found: dict[Path, None] = {}
    waiting = [own]
    while waiting and len(found) < MOST_FILES:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        waiting += _local_imports(path, home)
    return [script, *sorted(found.keys() - {own})]


def with_modules(path: Path, folder: Path | None = None) -> list[Path]:
    """A Python script with its modules, see `script_files`; any other file, or a script that cannot be read, by itself."""
    try:
        return script_files(path, folder) if path.suffix == ".py" else [path]
    except OSError:
        return [path]


def module_folder(script: Path, folder: Path | None = None) -> Path:
    """Where the script's modules are looked for: beside the file itself, as Python does, where it is a link. folder: if that is known."""
    return folder or (script.resolve().parent if script.is_symlink() else script.parent)


def script_digest(script: Path, folder: Path | None = None) -> str:
    """SHA-256 in hex of the script's bytes; of several files, of the list of theirs by name. folder: see `script_files`. Raises OSError."""
    files = script_files(script, folder)
    if len(files) == 1:
        return hashlib.sha256(script.read_bytes()).hexdigest()
    home, total = module_folder(script, folder), hashlib.sha256()
    for path in files:
        name = "" if path == script else path.relative_to(home).as_posix()
        total.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n".encode())
    return total.hexdigest()


def _local_imports(path: Path, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # Python itself will say so
        return
    for name in _imported(tree, path, folder):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            module = folder.joinpath(*parts[:end])
            yield from (each for each in (module.with_suffix(".py"), module / "__init__.py") if each.is_file())


def _imported(tree: ast.AST, path: Path, folder: Path) -> Iterator[str]:
    """Dotted names of the modules; of `from a import b` also `a.b`, which may be one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.relative_to(folder).parts
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}".lstrip(".") for alias in node.names)
