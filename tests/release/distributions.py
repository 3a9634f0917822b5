"""The Python distributions as they are published: the sources with licence and page, and all of one version.

A folder of the checkout lacks what only a published distribution needs: images and environments are built from it many times.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from release.version import CHECKOUT

DISTRIBUTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "regsweep": ("operator", "README.md"),
    "regsweep-kit": ("images/kit", "images/kit/README.md"),
    "regsweep-trainer": ("images/trainer", "images/trainer/README.md"),
}
"""Distribution -> its folder, and the page that tells of it."""

_LICENSE: Final = 'license = "Apache-2.0"\n'
_OF_OURS: Final = r'(?<!name = )"((?:regsweep|regsweep-kit|regsweep-trainer)(?:\[\w+\])?)"'


def prepare(name: str, folder: Path, version: str, address: str) -> Path:
    """Write what that distribution is built from below `folder`; returns where. `address`: of the repository."""
    place, page = DISTRIBUTIONS[name]
    target = folder / name
    shutil.copytree(CHECKOUT / place / "src", target / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(CHECKOUT / "LICENSE", target / "LICENSE")
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    (target / "README.md").write_text(
        with_addresses(text, posixpath.dirname(page), f"{address}/blob/v{version}"), encoding="utf-8"
    )
    project = (CHECKOUT / place / "pyproject.toml").read_text(encoding="utf-8")
    (target / "pyproject.toml").write_text(as_published(project, version), encoding="utf-8")
    return target


def as_published(project: str, version: str) -> str:
    """A pyproject.toml that names licence and page, and wants our other distributions in the same version."""
    assert project.count(_LICENSE) == 1
    named = project.replace(_LICENSE, f'{_LICENSE}license-files = ["LICENSE"]\nreadme = "README.md"\n')
    return re.sub(_OF_OURS, rf'"\1=={version}"', named)


def with_addresses(page: str, folder: str, base: str) -> str:
    """A page of this folder of the repository with links that lead there from anywhere."""

    def absolute(match: re.Match[str]) -> str:
        return f"]({base}/{posixpath.normpath(posixpath.join(folder, match[1]))})"

    return re.sub(r"\]\((?!https?://|#|mailto:)([^)\s]+)\)", absolute, page)
