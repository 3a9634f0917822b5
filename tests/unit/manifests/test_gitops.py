"""What Argo CD and Flux make of a sweep in each of its states: the shipped Lua script, and kstatus by its published rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa  # type: ignore[import-untyped]  # it has no types
import pytest

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition, SweepStatus
from regsweep.core.conditions import ConditionUpdate, conditions
from regsweep.core.status import refused_status
from regsweep.errors import Problem
from unit.core.simulation import START
from unit.core.test_budget import metered

SCRIPT = Path(__file__).parents[3] / "manifests" / "gitops" / "argocd-health.lua"


def argo_cd(obj: dict[str, Any]) -> str:
    """The health that the script gives the object."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(obj, recursive=True)
    return str(lua.execute(SCRIPT.read_text())["status"])


def kstatus(obj: dict[str, Any]) -> str:
    """The status by sigs.k8s.io/cli-utils/pkg/kstatus: its generic rules, in their order."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return "InProgress"
    found = {each["type"]: each["status"] for each in status.get("conditions") or ()}
    if found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "Current" if found.get("Ready", "True") == "True" else "InProgress"


def seen(status: SweepStatus, generation: int = 1) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "status": status.to_json()}


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


@pytest.mark.parametrize(
    ("status", "flux", "argo"),
    [
        pytest.param(training, "Current", "Progressing", id="it trains"),
        pytest.param(lambda: metered({}, suspend=True).status, "Current", "Suspended", id="it is suspended"),
        pytest.param(complete, "Current", "Healthy", id="it is complete"),
        pytest.param(exhausted, "Current", "Healthy", id="its budget is exhausted"),
        pytest.param(failed, "Failed", "Degraded", id="it was stopped by failures"),
        pytest.param(refused, "Failed", "Degraded", id="its spec is refused"),
    ],
)
def test_both_tools_read_the_state_of_a_sweep(status: Any, flux: str, argo: str) -> None:
    obj = seen(status())
    assert (kstatus(obj), argo_cd(obj)) == (flux, argo)


def test_an_edit_that_the_operator_has_not_seen_is_in_progress_whatever_was_before() -> None:
    obj = seen(complete(), generation=2)
    assert (kstatus(obj), argo_cd(obj)) == ("InProgress", "Progressing")
    assert argo_cd({"metadata": {"generation": 1}}) == "Progressing"


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
