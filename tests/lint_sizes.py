"""No function over 50 lines, no file over 400: `make lint` runs this over all Python of the repository.

An exception stands below with a word why. One that is not needed any more is an error too, so that the list does not outlive
its reasons.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

MAX_FUNCTION_LINES: Final = 50
"""From `def` to the last line, docstring included."""
MAX_FILE_LINES: Final = 400
ROOTS: Final = ("operator", "images", "charts", "manifests", "tests")

EXCEPTIONS: Final[Mapping[str, str]] = {
    "operator/src/regsweep/api/conditions.py": "one table of all reasons; an enumeration cannot be spread over files",
}
"""Path, or path::function, and why it may be longer."""


def oversized(path: str, source: str) -> Iterator[tuple[str, str]]:
    """What is too long in a file: its name as in EXCEPTIONS, and a sentence."""
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield path, f"{path}: {lines} lines; at most {MAX_FILE_LINES} are allowed. Split it by concept."
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                text = f"{length} lines; at most {MAX_FUNCTION_LINES} are allowed. Cut it at its seams."
                yield f"{path}::{node.name}", f"{path}:{node.lineno}: {node.name} has {text}"


def complaints(sources: Iterable[tuple[str, str]], exceptions: Mapping[str, str]) -> list[str]:
    """What is too long and no exception, and exceptions that are not needed. sources: (path, text) of every file."""
    sizes = dict(size for path, source in sources for size in oversized(path, source))
    long = [sentence for name, sentence in sizes.items() if name not in exceptions]
    return long + [f"{name}: is short enough; remove its exception." for name in exceptions if name not in sizes]


def main() -> int:
    """Prints the complaints; returns the exit code."""
    checkout = Path(__file__).resolve().parent.parent
    files = sorted(file for root in ROOTS for file in (checkout / root).rglob("*.py"))
    lines = complaints(((str(file.relative_to(checkout)), file.read_text()) for file in files), EXCEPTIONS)
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
