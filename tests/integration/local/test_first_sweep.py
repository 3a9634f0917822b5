"""docs/first-sweep.md: its blocks, run as a reader runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "first-sweep.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the table and the manifest of the page."""
    folder = tmp_path_factory.mktemp("first-sweep")
    (program,) = blocks("python")
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    (manifest,) = blocks("yaml")
    (folder / "sweep.yaml").write_text(manifest, encoding="utf-8")
    return folder


def run(folder: Path, commands: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_manifest_is_right_and_its_plan_is_listed(folder: Path) -> None:
    checking, _ = blocks("sh")
    assert "6 runs x 5 replicates" in run(folder, checking)


def test_it_trains_and_says_what_the_page_says(folder: Path) -> None:
    _, training = blocks("sh")
    table = run(folder, training)
    assert "first · 6 combinations x 5 replicates" in table
    assert "overfit gap" in table and "What matters" in table
    assert run(folder, training) == table, "the same command again prints the same table"
