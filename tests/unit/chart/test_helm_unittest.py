"""charts/tests: what the chart promises in the form that people who write charts read, run by helm-unittest."""

from __future__ import annotations

import subprocess

import pytest

from cluster import binaries
from support.helm import CHART


def test_the_charts_own_suites_hold() -> None:
    program = binaries.program(binaries.HELM_UNITTEST)
    if not program.exists():
        pytest.skip("helm-unittest is not built here: `make programs` builds it, and `make test` does that first")
    suites = sorted((CHART.parent / "tests").glob("*_test.yaml"))
    assert len(suites) > 4
    options = ("--strict", "--file", "../tests/*_test.yaml")
    done = subprocess.run((program, *options, CHART), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Test Suites: {len(suites)} passed, {len(suites)} total" in done.stdout
