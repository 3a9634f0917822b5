"""The forge's workflows, checked by its own linter, and by what this repository has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster import binaries
from release.version import CHECKOUT

WORKFLOWS = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def actionlint() -> Path:
    binaries.ensure([binaries.ACTIONLINT])
    return binaries.program(binaries.ACTIONLINT)


def test_the_linter_of_workflows_finds_nothing(actionlint: Path) -> None:
    done = subprocess.run([actionlint, "-no-color", *WORKFLOWS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_find_something(actionlint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs: {a: {runs-on: ubuntu-24.04, steps: [{run: 'echo ${{ matrix.none }}'}]}}\n")
    assert subprocess.run([actionlint, wrong], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_make_target_of_a_workflow_exists(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*##", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z0-9-]+)", workflow.read_text()))
    assert used and used <= targets


def test_the_pythons_that_are_tested_are_those_that_the_packages_admit() -> None:
    workflow = yaml.safe_load((CHECKOUT / ".github/workflows/test.yml").read_text())
    matrix = workflow["jobs"]["python"]["strategy"]["matrix"]
    declared = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (CHECKOUT / "operator/pyproject.toml").read_text()
    )
    assert declared is not None
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(declared[1]), int(declared[2]))]


def test_every_folder_of_go_modules_is_kept_up_to_date() -> None:
    updates = yaml.safe_load((CHECKOUT / ".github/dependabot.yml").read_text())["updates"]
    patterns = next(update["directories"] for update in updates if update["package-ecosystem"] == "gomod")
    modules = {path.parent for path in CHECKOUT.glob("tests/**/go.mod")}
    assert modules == {path for pattern in patterns for path in CHECKOUT.glob(pattern.lstrip("/")) if path in modules}
