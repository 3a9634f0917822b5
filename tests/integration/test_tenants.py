"""Tenants who write what the API server takes and nobody expects, against a real one: each harms its own sweep at most."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import pytest

from integration.laboratory import Lab, eventually, is_complete, lab, operating
from regsweep.adapters.kubeapi import EVENTS, JOBS, PODS, SWEEPS, KubeObject, name_of, uid_of
from regsweep.api import constants as names
from regsweep.errors import ApiError

__all__ = ["lab"]


async def _apply(lab: Lab, name: str, **spec: Any) -> KubeObject:
    flags = [{"name": "l2", "values": [0, 0.1]}]
    meta = {"name": name, "namespace": lab.namespace}
    body = {"flags": flags, "replicates": 1, "trainer": {"gpus": 0}, **spec}
    sweep = {"apiVersion": names.API_VERSION, "kind": names.SWEEP_KIND, "metadata": meta, "spec": body}
    return await lab.api.create(SWEEPS, sweep)


async def _state(lab: Lab, name: str) -> str:
    sweep = await lab.api.get(SWEEPS, lab.namespace, name)
    state: str = (sweep.get("status") or {}).get("state", "")
    return state


async def _is_told(lab: Lab, reason: str) -> bool:
    """Whether an event has this reason."""
    return any(event["reason"] == reason for event in await lab.all(EVENTS))


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [200, 900, 3000, 9000])
async def test_a_sweep_that_is_nested_too_deeply_stops_no_other(lab: Lab, levels: int) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        json.dumps(_nested(levels))
        try:
            await _apply(lab, "deep", template=_nested(levels))
        except ApiError:
            pytest.skip(f"this API server takes no object of {levels} levels")
        finally:
            sys.setrecursionlimit(limit)
        async with operating(lab):
            await lab.apply()
            await lab.train_until(is_complete)
    finally:
        sys.setrecursionlimit(limit)
        lab.cluster.kubectl("delete", "regularizationsweep", "-n", lab.namespace, "deep", "--ignore-not-found")


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"flags": [{"name": "l2", "values": ["x" * 60_000, "y"]}]}, id="a value of 60 kB"),
        pytest.param({"flags": [{"name": "l2", "values": [0.1, "1e999999999"]}]}, id="a number of a gigabyte"),
        pytest.param({"trainer": {"gpus": 0, "parameters": {"x": "y" * 900_000}}}, id="parameters of 900 kB"),
        pytest.param({"template": {"spec": {"x": ["y" * 100] * 9000}}}, id="a template of 900 kB"),
        pytest.param(
            {"flags": [{"name": f"f{k}", "values": ["x", 1, None, {}] * 200} for k in range(20)]},
            id="thousands of problems",
        ),
    ],
)
async def test_a_sweep_that_is_too_large_is_refused_in_its_status(lab: Lab, spec: dict[str, Any]) -> None:
    async with operating(lab):
        await _apply(lab, "large", **spec)

        async def is_refused() -> bool:
            return await _state(lab, "large") == "Invalid"

        await eventually(is_refused)
        await lab.apply()
        await lab.train_until(is_complete)


async def test_of_a_job_whose_annotations_somebody_changed_nothing_is_taken(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(parallelism=1)

        await eventually(lambda: lab.all(JOBS))
        (job,) = await lab.all(JOBS)
        edit = {"metadata": {"annotations": {names.REPLICATES_ANNOTATION: "999999999"}}}
        await lab.api.patch(JOBS, lab.namespace, name_of(job), edit)

        await eventually(lambda: _is_told(lab, "JobAltered"))
        assert not await lab.records()
        await lab.api.delete(JOBS, lab.namespace, name_of(job), uid=uid_of(job))
        await lab.train_until(is_complete)
    records = await lab.records()
    assert len(set(records)) == len(records) == 8


async def test_of_two_operators_exactly_one_runs_a_sweep_and_the_other_says_so(lab: Lab) -> None:
    """Two releases that watch one namespace, each with a Lease and a default image of its own."""
    async with (
        operating(lab, lease_name="one", identity="one", trainer_image="one:1"),
        operating(lab, lease_name="two", identity="two", trainer_image="two:2"),
    ):
        await lab.apply()

        await eventually(lambda: _is_told(lab, "ManagedElsewhere"))
        await lab.train_until(is_complete)
    status = await lab.status()
    winner = {f"{lab.namespace}/one": "one:1", f"{lab.namespace}/two": "two:2"}[status["managedBy"]["lease"]]
    assert status["resolved"]["image"] == winner
    jobs = await lab.all(JOBS)
    assert {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in jobs} == {winner}
    assert len(lab.seen) == len(set(lab.seen.values())) == 4
    assert len(lab.trained) == len(set(lab.trained)) == 8


async def test_the_sweeps_of_an_operator_that_was_killed_are_taken_over_by_another(lab: Lab) -> None:
    short = {"lease_duration_seconds": 2, "lease_renew_deadline_seconds": 1.5, "lease_retry_seconds": 0.3}
    async with operating(lab, lease_name="one", identity="one", **short) as one:
        await lab.apply()

        async def has_jobs() -> bool:
            return len(await lab.all(JOBS)) == 2

        await eventually(has_jobs)
        await one.end(signal.SIGKILL)
    async with operating(lab, lease_name="two", identity="two", trainer_image="two:2", **short):
        await lab.train_until(is_complete)
    status = await lab.status()
    assert status["managedBy"]["lease"] == f"{lab.namespace}/two"
    assert status["resolved"]["image"] == "trainer:1"
    assert len(lab.trained) == len(set(lab.trained)) == 8


async def test_who_is_to_run_a_sweep_cannot_be_changed(lab: Lab) -> None:
    await lab.apply(managedBy="regsweep.dev/team-a")
    for managed_by in ("regsweep.dev/team-b", None):
        with pytest.raises(ApiError, match="cannot be changed"):
            await lab.api.patch(SWEEPS, lab.namespace, "demo", {"spec": {"managedBy": managed_by}})


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({"spec": {"completions": 5}}, id="completions"),
        pytest.param(
            {"spec": {"template": {"spec": {"containers": [{"name": "trainer", "image": "t", "env": []}]}}}},
            id="the contract of its pods",
        ),
    ],
)
async def test_what_a_run_is_known_by_the_api_server_lets_nobody_change(lab: Lab, patch: dict[str, Any]) -> None:
    async with operating(lab):
        await lab.apply(parallelism=1)

        await eventually(lambda: lab.all(JOBS))
    (job,) = await lab.all(JOBS)
    with pytest.raises(ApiError):
        await lab.api.patch(JOBS, lab.namespace, name_of(job), patch)


async def test_of_a_job_that_somebody_makes_larger_nothing_is_taken(lab: Lab) -> None:
    """An Indexed Job's completions are not immutable: they may change together with its parallelism."""
    async with operating(lab):
        await lab.apply(parallelism=4, replicates=2, replicatesPerPod=1, flags=[{"name": "l2", "values": [0, 0.1]}])

        async def is_started() -> bool:
            return len(await lab.all(PODS)) == 4

        await eventually(is_started)
        job, other = await lab.all(JOBS)
        larger = {"spec": {"completions": 3, "parallelism": 3}}
        assert (await lab.api.patch(JOBS, lab.namespace, name_of(job), larger))["spec"]["completions"] == 3

        await eventually(lambda: _is_told(lab, "JobAltered"))
        await lab.train()
        await eventually(lab.records)
        assert {point for point, _ in await lab.records()} == {
            other["metadata"]["annotations"][names.POINT_KEY_ANNOTATION]
        }
        await lab.api.delete(JOBS, lab.namespace, name_of(job), uid=uid_of(job))
        await lab.train_until(is_complete)
    records = await lab.records()
    assert len(set(records)) == len(records) == 4
