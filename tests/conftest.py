"""What tests on a whole cluster share: one installation for all of them, a namespace for each, and what to show when one fails."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support import stage as stages
from support.stage import Lab, Stage

# How fast a machine draws and runs examples decides no test.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **UNTIMED)
settings.register_profile("fuzz", **UNTIMED)
settings.load_profile(os.environ.get("REGSWEEP_HYPOTHESIS", "repeatable"))

COLD_SECONDS = 2400
CLUSTERS = frozenset({"stage", "control_plane"})
"""The fixtures that bring one up."""


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A real node with everything installed; it goes when the session ends."""
    yield from stages.install()


@pytest.fixture
def lab(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A namespace of the test's own; all in it goes with the test."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")
    made = stage.lab(f"{readable}-{sha256(request.node.nodeid.encode()).hexdigest()[:6]}")
    yield made
    made.remove()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test is the first to need a cluster may have to build its programs and images, too."""
    for item in items:
        if not CLUSTERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(COLD_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of a cluster that failed shows what the cluster says."""
    report = yield
    if report.when == "call" and report.failed:
        for fixture in getattr(item, "funcargs", {}).values():
            if isinstance(fixture, Lab):
                report.sections.append((f"namespace {fixture.namespace}", fixture.tell()))
    return report
