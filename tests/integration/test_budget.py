"""Budgets, the end of sweeps, and their way to another cluster, on a real API server. The test plays the kubelet."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster import Cluster
from integration.laboratory import Lab, eventually, is_complete, lab, operating
from regsweep.adapters.kubeapi import JOBS, PODS, RESULTS, SWEEPS, Resource, uid_of
from regsweep.cli.place import Place
from regsweep.cli.transfer import export_command, import_command
from regsweep.core.timestamps import timestamp

__all__ = ["lab"]

ONE_HUNDREDTH = 36
"""GPU-seconds of 0.01 GPU-hours."""


async def test_a_budget_of_a_hundredth_of_a_gpu_hour_stops_in_time_and_goes_on_when_it_is_raised(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply(
            parallelism=4,
            trainer={"gpus": 18},  # two seconds are 36 GPU-seconds
            budget={"maxGpuSeconds": ONE_HUNDREDTH, "onExhausted": "Stop"},
        )
        await eventually(lambda: lab.all(PODS))
        assert len(await lab.all(JOBS)) == 1, "nobody knows yet what a run takes"
        await _start(lab)
        await eventually(lambda: _reason(lab, "BudgetExhausted"))
        (job,) = await lab.all(JOBS)
        assert job["spec"]["suspend"]
        status = await lab.status()
        assert ONE_HUNDREDTH <= status["gpuSeconds"] < 10 * ONE_HUNDREDTH
        assert status["state"] == "Complete"
        assert "spec.budget.maxGpuSeconds" in (await lab.condition("Complete"))["message"]
        metrics = (await operator.get("/metrics"))[1]
        assert f'regsweep_operator_sweep_budget_gpu_seconds{{namespace="{lab.namespace}",sweep="demo"}} 36.0' in metrics
        await lab.api.patch(SWEEPS, lab.namespace, "demo", {"spec": {"budget": {"maxGpuSeconds": 36_000}}})
        await lab.train_until(lambda status: status.get("progress") == "4/4" and is_complete(status))
        assert (await lab.condition("Complete"))["reason"] == "AllRunsEnded"


async def test_a_finished_sweep_is_deleted_with_its_jobs_and_keeps_the_results_that_are_to_stay(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(ttlSecondsAfterFinished=2, retention={"results": "Retain"})
        await lab.train_until(is_complete)
        await eventually(lambda: _nothing_of(lab, SWEEPS))
        await eventually(lambda: _nothing_of(lab, JOBS))
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_exported_deleted_and_imported_it_has_the_same_results_and_trains_nothing(
    lab: Lab, with_crds: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with operating(lab):
        sweep = await lab.apply()
        await lab.train_until(is_complete)
        before = await lab.status()
        file = tmp_path / "sweeps.json"
        file.write_text(await asyncio.to_thread(_exported, lab, with_crds, capfd))
        await lab.api.delete(SWEEPS, lab.namespace, "demo", uid=uid_of(sweep))
        await eventually(lambda: _nothing_of(lab, JOBS))
        await eventually(lambda: _nothing_of(lab, RESULTS))
        target = Place(None, None, Path(with_crds.kubeconfig))
        assert await asyncio.to_thread(import_command, target, file, dry_run=False) == 0
        await eventually(lambda: _is_over(lab))
        assert not await lab.all(JOBS)
    after = await lab.status()
    for field in ("results", "best", "analysis", "runs", "resolved", "startTime"):
        assert after.get(field) == before.get(field), field
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert len(lab.trained) == 8


def _exported(lab: Lab, cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    assert export_command(Place(lab.namespace, None, Path(cluster.kubeconfig)), ["demo"], everywhere=False) == 0
    text = capfd.readouterr().out
    assert len(json.loads(text)["items"]) == 2
    return text


async def _start(lab: Lab) -> None:
    """Every pod runs."""
    started = timestamp(datetime.now(UTC))
    for pod in await lab.all(PODS):
        container = {
            "name": "trainer",
            "image": "t",
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": started}},
        }
        pod["status"] = {**pod["status"], "phase": "Running", "startTime": started, "containerStatuses": [container]}
        await lab.api.replace(PODS, pod, subresource="status")


async def _reason(lab: Lab, reason: str) -> bool:
    condition = await lab.condition("Complete")
    return (condition.get("status"), condition.get("reason")) == ("True", reason)


async def _nothing_of(lab: Lab, resource: Resource) -> bool:
    return not await lab.all(resource)


async def _is_over(lab: Lab) -> bool:
    return is_complete(await lab.status())
