"""Other versions of this project: commits that this one comes from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster import paths


def source_of(commit: str, folder: Path) -> Path:
    """A checkout of the operator's source and its CRDs, below `folder`. Skips the test where git does not have the commit."""
    return extracted(commit, folder / "other", "operator/src", "manifests/crd")


def extracted(commit: str, folder: Path, *paths_in_it: str) -> Path:
    """The folder, which is made, with these paths as the commit has them. Skips the test where git does not have it."""
    archive = subprocess.run(
        ["git", "-C", str(paths.CHECKOUT), "archive", commit, *paths_in_it], capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip(f"git does not have commit {commit[:7]} here: {archive.stderr.decode().strip()}")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder
