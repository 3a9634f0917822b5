"""What Argo CD and Flux make of a sweep in each of its states, as docs/gitops.md says it: the shipped script, kstatus and CEL."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lupa  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from cluster import binaries
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.constants import API_VERSION, SWEEP_KIND
from regsweep.api.status import Condition, SweepStatus
from regsweep.core.conditions import ConditionUpdate, conditions
from regsweep.core.status import refused_status
from regsweep.errors import Problem
from support.flux import health
from unit.core.simulation import START
from unit.core.test_budget import metered

CHECKOUT = Path(__file__).parents[3]
SCRIPT = CHECKOUT / "manifests" / "gitops" / "argocd-health.lua"
PAGE = (CHECKOUT / "docs" / "gitops.md").read_text()


def argo_cd(obj: dict[str, Any]) -> str:
    """The health that the script gives the object."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return str(lua.execute(SCRIPT.read_text())["status"])


def expressions() -> dict[str, str]:
    """The health check of the page, which is for sweeps."""
    (block,) = re.findall(r"^```yaml\n(healthCheckExprs:.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (check,) = yaml.safe_load(block)["healthCheckExprs"]
    assert (check.pop("apiVersion"), check.pop("kind")) == (API_VERSION, SWEEP_KIND)
    return dict(check)


def flux(obj: dict[str, Any]) -> tuple[str, str]:
    """What Flux calls the object: by itself, and with the health check of the page."""
    if not binaries.program(binaries.HEALTH).exists():
        pytest.skip("Flux's health check is not built here: `make programs` builds it, and `make test` does that first")
    (found,) = health([obj], expressions())
    return found.kstatus, found.expressions


def seen(status: SweepStatus | None, generation: int = 1, **metadata: str) -> dict[str, Any]:
    about = {"name": "demo", "namespace": "lab", "generation": generation, **metadata}
    found = {"apiVersion": API_VERSION, "kind": SWEEP_KIND, "metadata": about, "spec": {}}
    return found if status is None else {**found, "status": status.to_json()}


def training() -> SweepStatus:
    world = metered({"maxRuns": 1})
    world.start_pods()
    world.rest()
    return world.status


def exhausted() -> SweepStatus:
    world = metered({"maxRuns": 1})
    world.train(1)
    return world.status


def complete() -> SweepStatus:
    world = metered({"maxRuns": 4})
    for _ in range(4):
        world.train(1)
    return world.status


def failed() -> SweepStatus:
    world = metered({"maxRuns": 4})
    for _ in range(4):
        world.start_pods()
        for name, run in list(world.runs.items()):
            for pod in run.pods:
                if pod.in_flight:
                    world.end_pod(name, pod.name, exit_code=64)
                    world.fail_job(name, "PodFailurePolicy")
        world.rest()
    return world.status


def refused() -> SweepStatus:
    return refused_status(Reason.INVALID, [Problem("spec.flags", "is wrong.")], training(), 1, START)


STATES: dict[str, Callable[[], dict[str, Any]]] = {
    "was never seen by the operator": lambda: seen(None),
    "was edited, and the operator has not seen it yet": lambda: seen(complete(), generation=2),
    "is not accepted": lambda: seen(refused()),
    "was stopped by failures": lambda: seen(failed()),
    "trains, waits for a queue or is analysed": lambda: seen(training()),
    "is paused by `spec.suspend`": lambda: seen(metered({}, suspend=True).status),
    "is Complete": lambda: seen(complete()),
    "is Complete, its budget exhausted": lambda: seen(exhausted()),
    "is being deleted": lambda: seen(complete(), deletionTimestamp="2026-11-26T06:00:00Z"),
}


def told() -> dict[str, tuple[str, ...]]:
    """The rows of the page's table: what Flux by itself, Flux with the expressions, and Argo CD make of each state."""
    (table,) = re.findall(r"^\| The sweep \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {state: tuple(re.match(r"\w+", cell)[0] for cell in cells) for state, *cells in rows}  # type: ignore[index]


def test_the_page_tells_of_each_state() -> None:
    assert list(told()) == list(STATES)


@pytest.mark.parametrize("state", STATES)
def test_both_tools_read_the_state_of_a_sweep_as_the_page_says(state: str) -> None:
    obj = STATES[state]()
    *by_flux, by_argo = told()[state]
    if "deletionTimestamp" not in obj["metadata"]:  # Argo CD asks no script then
        assert argo_cd(obj) == by_argo
    assert flux(obj) == tuple(by_flux)


def test_a_sweep_has_no_condition_that_kstatus_would_wait_for() -> None:
    assert not {"Ready", "Reconciling"} & set(ConditionType)


def test_what_a_person_has_to_do_is_gone_when_it_is_done() -> None:
    bad = ConditionUpdate(ConditionType.ACCEPTED, False, Reason.INVALID, "Wrong.")
    good = ConditionUpdate(ConditionType.ACCEPTED, True, Reason.VALID, "")
    before = conditions([bad], [], 1, START)
    (stalled,) = [each for each in before if each.type is ConditionType.STALLED]
    assert (stalled.status, stalled.reason, stalled.message) == (ConditionStatus.TRUE, "Invalid", "Wrong.")
    after: list[Condition] = conditions([good], before, 2, START)
    assert [each.type for each in after] == [ConditionType.ACCEPTED]
