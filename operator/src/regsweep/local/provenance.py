"""What a run was trained with beside its flags: interpreter, packages, machine, the state of the working directory, its source.

It is for people and decides nothing: what cannot be found out is left out.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

from pydantic import Field

from regsweep.api.model import ApiModel
from regsweep.local.sources import module_folder, with_modules
from regsweep.local.trainer import PYTHON, TrainerCommand, available_cores

PROVENANCE_FILE: Final = "environment.json"
SOURCE_FOLDER: Final = "source"
SWEEP_FILE: Final = "sweep.json"
"""In the source folder: the spec as it was run."""
MOST_SOURCE_BYTES: Final = 1024**2
"""Of one file of the source; a larger one is data rather than source."""
MOST_SOURCE_FILES: Final = 100
GIT_SECONDS: Final = 5.0
COMPUTING: Final = (
    "catboost", "jax", "jaxlib", "keras", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow", "tensorflow-cpu",
    "tf-keras", "torch", "xgboost", "xgboost-cpu",
)  # fmt: skip
"""Distributions whose versions may change a result."""


class GitState(ApiModel):
    """The git checkout in which `regsweep run` was started."""

    commit: str
    changed: bool
    """Files under version control differ from the commit."""


class Provenance(ApiModel):
    """`environment.json`: what a run was trained with."""

    python: str = ""
    platform: str = ""
    cores: int = 0
    """That the process could use."""
    working_directory: str = ""
    git: GitState | None = None
    """None: no checkout, or no git."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of the interpreter's distributions; empty where the trainer has an interpreter of its own."""
    not_kept: list[str] = Field(default_factory=list)
    """Files that the command names and that are not in the source folder: binary, or too large."""


@dataclass(frozen=True, slots=True)
class Keepsakes:
    """What each run's folder keeps beside its facts."""

    provenance: Provenance = field(default_factory=Provenance)
    source: Mapping[str, str] = field(default_factory=dict)
    """Texts by the names that they have in the source folder."""


def keepsakes(trainer: TrainerCommand, spec: str, folder: Path | None = None) -> Keepsakes:
    """What is to be kept of this trainer, now. `spec`: the sweep's, as JSON. `folder`: of the checkout; None: the working directory."""
    texts, not_kept = _source(trainer)
    where = folder or Path.cwd()
    provenance = Provenance(
        python=platform.python_version(),
        platform=platform.platform(),
        cores=available_cores(),
        working_directory=str(where),
        git=git_state(where),
        packages=_packages() if shutil.which(trainer.arguments[0]) == sys.executable else {},
        not_kept=not_kept,
    )
    return Keepsakes(provenance, {SWEEP_FILE: spec, **texts})


def git_state(folder: Path) -> GitState | None:
    """The checkout that the folder is in; None where there is none."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    return GitState(commit=commit.strip(), changed=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; empty where it fails."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _packages() -> dict[str, str]:
    found = {str(each.name): each.version for each in metadata.distributions() if each.name}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def computing_packages(trainer: TrainerCommand) -> dict[str, str]:
    """Versions of the packages that compute, of the Python that runs the trainer; empty where it is not known which one does."""
    program = shutil.which(trainer.own_arguments[0])
    if program is None or not PYTHON.fullmatch(Path(program).name):
        return {}
    places = None if program == sys.executable else _site_packages(Path(program).parent.parent)
    return {name: each.version for name in COMPUTING for each in _distributions(name, places)}


def _distributions(name: str, places: list[str] | None) -> Iterable[metadata.Distribution]:
    return metadata.distributions(name=name) if places is None else metadata.distributions(name=name, path=places)


def _site_packages(prefix: Path) -> list[str]:
    """Of a virtual environment; empty: it is none."""
    if not (prefix / "pyvenv.cfg").is_file() and not (prefix / "conda-meta").is_dir():
        return []
    return [str(path) for path in prefix.glob("lib/python3*/site-packages")]


def _source(trainer: TrainerCommand) -> tuple[dict[str, str], list[str]]:
    """(texts of the files that the command names, names of those that are none)."""
    program, *arguments = trainer.arguments
    start = _text(Path(program)) if os.sep in program else None  # an interpreter is binary, and no source
    texts = {Path(program).name: start} if start is not None else {}
    not_kept: list[str] = []
    for path, name in _named(_files(arguments)):
        text = _text(path) if len(texts) < MOST_SOURCE_FILES else None
        if text is None:
            not_kept.append(str(path))
        else:
            texts[_free_name(name, texts)] = text
    return texts, not_kept


def _named(files: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """(file, its name in the source folder), the modules beside a Python script that it imports among them."""
    for file in files:
        path = Path(file)
        home = module_folder(path)
        yield from (
            (member, path.name if member == path else member.relative_to(home).as_posix())
            for member in with_modules(path)
        )


def _files(arguments: Iterable[str]) -> list[str]:
    found = []
    for argument in arguments:
        try:
            if os.sep not in argument and not Path(argument).suffix:
                continue  # a word such as `train` is an argument, even where a file happens to have that name
            if Path(argument).is_file():
                found.append(argument)
        except (OSError, ValueError):  # too long for a name, or with a NUL
            continue
    return found


def _text(path: Path) -> str | None:
    """The file's text; None where it is binary, too large or unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_SOURCE_BYTES + 1)
        return None if len(content) > MOST_SOURCE_BYTES or b"\0" in content else content.decode()
    except (OSError, UnicodeDecodeError):
        return None


def _free_name(name: str, taken: Iterable[str]) -> str:
    """The name, or `name.2` and so on where another file of the command has it."""
    taken = {SWEEP_FILE, *taken}
    free, number = name, 2
    while free in taken:
        free, number = f"{name}.{number}", number + 1
    return free
