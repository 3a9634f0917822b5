"""Other versions of this project: commits that this one comes from."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from cluster import paths


def source_of(commit: str, folder: Path) -> Path:
    """A checkout of the operator's source and its CRDs, below `folder`. Skips the test where git does not have the commit."""
    command = ["git", "-C", str(paths.CHECKOUT), "archive", commit, "operator/src", "manifests/crd"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"git does not have commit {commit[:7]} here: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder / "other", filter="data")
    return folder / "other"
