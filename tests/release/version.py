"""The version of the project: operator/pyproject.toml states it, all other places repeat it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
SOURCE: Final = Path("operator/pyproject.toml")

_LINE: Final = r'^(version = ")([^"]+)(")$'
_YAML: Final = r"^({key}: )(\S+)()$"
_LOCKED: Final = r'^(name = "{name}"\nversion = ")([^"]+)(")$'

# Pattern of each place: what stands before the version, the version, what stands after it.
PLACES: Final[Mapping[Path, tuple[str, ...]]] = {
    SOURCE: (_LINE,),
    Path("pyproject.toml"): (_LINE,),
    Path("images/kit/pyproject.toml"): (_LINE,),
    Path("images/trainer/pyproject.toml"): (_LINE,),
    Path("charts/regsweep/Chart.yaml"): tuple(_YAML.format(key=key) for key in ("version", "appVersion")),
    Path("uv.lock"): tuple(
        _LOCKED.format(name=name) for name in ("regsweep", "regsweep-kit", "regsweep-trainer", "regsweep-workspace")
    ),
}


def current() -> str:
    """The version that SOURCE states."""
    return stated(SOURCE)[0]


def stated(place: Path) -> list[str]:
    """The versions that a file states, in the order of its patterns. Raises ValueError where one is not there once."""
    text = (CHECKOUT / place).read_text(encoding="utf-8")
    return [_only(pattern, text, place).group(2) for pattern in PLACES[place]]


def notes(version: str) -> str:
    """What CHANGELOG.md says of a version. Raises ValueError where it has no heading of that version, or nothing below it."""
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, below = section.partition("\n")
        if heading.split(" ")[0] == version and below.strip():
            return below.strip() + "\n"
    raise ValueError(f"CHANGELOG.md: no heading `## {version}` with something below it")


def write(version: str) -> list[Path]:
    """State that version everywhere. Returns the files that changed."""
    changed = []
    for place, patterns in PLACES.items():
        before = (CHECKOUT / place).read_text(encoding="utf-8")
        after = before
        for pattern in patterns:
            found = _only(pattern, after, place)
            after = after[: found.start(2)] + version + after[found.end(2) :]
        if after != before:
            (CHECKOUT / place).write_text(after, encoding="utf-8")
            changed.append(place)
    return changed


def _only(pattern: str, text: str, place: Path) -> re.Match[str]:
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if len(found) != 1:
        raise ValueError(f"{place}: {len(found)} lines match {pattern}, one is expected")
    return found[0]
