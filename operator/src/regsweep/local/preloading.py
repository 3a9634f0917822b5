"""What can be imported once for all runs of a trainer, so that they are forked with it instead of importing it each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.local.sources import module_folder, script_files

HEAVY: Final = frozenset({"keras", "pandas", "scipy", "sklearn", "tensorflow"})
"""Packages that take long to import, and of which it was seen that a fork after it trains to the digit as a fresh process does."""
LIGHT: Final = frozenset({"numpy"})
"""Others that may be imported beforehand; for them alone it is not worth it."""
CAVEATS: Final = ("environ", "putenv", "dotenv", "sys.path", "sys.modules")
"""Words of a script that may change what an import does."""
GPU_DEVICES: Final = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
"""Of NVIDIA's and AMD's drivers, which no fork may have been connected to."""


@dataclass(frozen=True, slots=True)
class Warmth:
    """How a trainer is forked: by which interpreter, with what imported, and what it then runs."""

    interpreter: tuple[str, ...]
    modules: tuple[str, ...]
    """Imported beforehand, in this order; never empty."""
    script: str | None = None
    """A Python script; None: `module`."""
    module: str | None = None


def warm_script(interpreter: str, script: Path) -> Warmth | None:
    """How the script is forked; None: it is to be started afresh."""
    modules = preloadable(script)
    if not modules or any(device.exists() for device in GPU_DEVICES):
        return None
    return Warmth((interpreter,), modules, script=str(script))


def preloadable(script: Path) -> tuple[str, ...]:
    """The modules that the script imports in any case before it trains, and that may be imported before it; empty: it is not worth it,
    or the script might change what an import does."""
    try:
        texts = [path.read_bytes() for path in script_files(script)]
    except OSError:
        return ()
    if any(word.encode() in text for text in texts for word in CAVEATS):
        return ()
    modules = tuple(dict.fromkeys(_imported(script, module_folder(script), set())))
    return modules if any(_package(name) in HEAVY for name in modules) else ()


def _imported(path: Path, folder: Path, seen: set[Path]) -> Iterator[str]:
    """In the order in which Python would import them; a module beside the script stands for what it imports itself."""
    if path in seen:
        return
    seen.add(path)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # Python itself will say so
        return
    for name in _at_once(tree):
        module = folder.joinpath(*name.split("."))
        local = [each for each in (module / "__init__.py", module.with_suffix(".py")) if each.is_file()]
        if local:
            yield from _imported(local[0], folder, seen)
        elif _package(name) in HEAVY | LIGHT:
            yield name


def _at_once(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported whatever happens, and before the first loop, which may be that over the replicates."""
    for node in tree.body:
        if isinstance(node, ast.For | ast.While):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module


def _package(name: str) -> str:
    return name.partition(".")[0]
