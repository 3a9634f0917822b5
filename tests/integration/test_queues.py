"""Kueue by hand on a real API server: its Workloads, a Job controller that suspends, and how few writes the operator makes.

tests/third_party runs the real Kueue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from integration.chart_release import released, take_away
from integration.laboratory import Lab, Process, eventually, is_complete, lab, operating, says
from regsweep.adapters.kubeapi import JOBS, PODS, KubeObject, name_of
from support.crds import wait_established
from support.kueue import CRD, PREEMPTED, WAITS, KueueByHand
from support.metrics import patches_sent

__all__ = ["lab"]

TWO = {"flags": [{"name": "l2", "values": [0, 0.1]}], "parallelism": 2}
QUEUE = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "training"}}}


@pytest.fixture
def workloads_crd(with_crds: Cluster) -> Iterator[None]:
    """The API server knows Workloads, for this test."""
    with_crds.kubectl("apply", "-f", "-", input=yaml.safe_dump(CRD))
    wait_established(with_crds)
    yield
    with_crds.kubectl("delete", "crd", CRD["metadata"]["name"])


async def queued(lab: Lab, kueue: KueueByHand) -> list[KubeObject]:
    """The first Jobs, which Kueue has taken."""
    await eventually(partial(_are_there, lab, 2))
    jobs = await lab.all(JOBS)
    for job in jobs:
        await kueue.take(job)
    return jobs


async def _are_there(lab: Lab, count: int) -> bool:
    return len(await lab.all(JOBS)) == count


async def edit(lab: Lab, **spec: Any) -> None:
    lab.cluster.kubectl(
        "-n", lab.namespace, "patch", "rsweep", "demo", "--type", "merge", "-p", json.dumps({"spec": spec})
    )


async def patches(operator: Process) -> dict[str, int]:
    return patches_sent((await operator.get("/metrics"))[1])


@pytest.mark.usefixtures("workloads_crd")
async def test_a_queue_holds_admits_evicts_and_a_pause_goes_by_its_workloads(lab: Lab) -> None:
    kueue = KueueByHand(lab.api, marks=False)
    async with operating(lab, kueue_version="v1beta2") as operator:
        await lab.apply(**TWO, template=QUEUE)
        first, second = await queued(lab, kueue)
        await eventually(partial(says, lab, "Queued", WAITS))
        for job in (first, second):
            await kueue.admit(job)
        await eventually(partial(says, lab, "RunsStarting"))
        await kueue.evict(first)
        await kueue.evict(second)
        await eventually(partial(says, lab, "Requeued", PREEMPTED))
        assert await patches(operator) == {}
        await kueue.admit(second)
        await edit(lab, suspend=True)
        await eventually(partial(says, lab, "Suspending", "1 run is still", "Suspended"))
        await kueue.evict(second, "Deactivated", "The workload is deactivated")
        await eventually(partial(says, lab, "SuspendedBySpec", "2 runs suspended.", "Suspended"))
        await edit(lab, suspend=False)
        await eventually(partial(says, lab, "Requeued", "1 run waits for a queue to admit it"))
        assert await patches(operator) == {"workloads": 4}
        for job in (first, second):
            await kueue.admit(job)
        await lab.train_until(is_complete)
    assert len(lab.trained) == 4


@pytest.mark.usefixtures("workloads_crd")
@pytest.mark.parametrize("missing", ["", "list", "patch"])
async def test_the_rights_that_the_chart_gives_for_kueue_are_those_that_a_pause_takes(
    lab: Lab, tmp_path: Path, missing: str
) -> None:
    kueue = KueueByHand(lab.api, marks=False)
    release = released(lab.cluster, f"{lab.namespace}-system", tmp_path, "kueue.enabled=true")
    if missing:
        take_away(lab.cluster, f"regsweep.{release.namespace}", "kueue.x-k8s.io", "workloads", missing)
    async with release.operator("only") as operator:
        await lab.apply(**TWO, template=QUEUE)
        for job in await queued(lab, kueue):
            await kueue.admit(job)
        await edit(lab, suspend=True)
        await eventually(partial(_has_tried, operator, missing or "patch", "403" if missing else "200"))
        refused = 'code="403"' in (await operator.get("/metrics"))[1]
        stopped = [not (await kueue.workload(job))["spec"]["active"] for job in await lab.all(JOBS)]
    assert (refused, any(stopped)) == (bool(missing), not missing)


async def _has_tried(operator: Process, verb: str, code: str) -> bool:
    """Whether it has sent such a request about Workloads, and was answered so."""
    return f'requests_total{{code="{code}",resource="workloads",verb="{verb}"}}' in (await operator.get("/metrics"))[1]


@pytest.mark.parametrize("settings", [{}, {"kueue_version": "v1beta2"}], ids=["plain", "Kueue is not there"])
async def test_a_person_suspends_a_job_over_a_pause_and_resumes_it(lab: Lab, settings: dict[str, object]) -> None:
    async with operating(lab, **settings) as operator:
        await lab.apply(**TWO)
        await eventually(partial(_are_there, lab, 2))
        first, second = await lab.all(JOBS)
        await lab.api.patch(JOBS, lab.namespace, name_of(first), {"spec": {"suspend": True}})
        await eventually(partial(says, lab, "JobsSuspended", f"somebody has suspended Job {name_of(first)}"))
        await edit(lab, suspend=True)
        await eventually(partial(says, lab, "SuspendedBySpec", "2 runs suspended.", "Suspended"))
        await eventually(partial(_no_pods, lab))
        await edit(lab, suspend=False)
        await eventually(partial(_is_suspended, lab, name_of(second), False))
        assert await _is_suspended(lab, name_of(first), True), "it is not ours to resume"
        assert await patches(operator) == {"jobs": 2}
        await lab.api.patch(JOBS, lab.namespace, name_of(first), {"spec": {"suspend": False}})
        await lab.train_until(is_complete)


async def _is_suspended(lab: Lab, job: str, suspended: bool) -> bool:
    return bool((await lab.api.get(JOBS, lab.namespace, job))["spec"].get("suspend")) is suspended


async def _no_pods(lab: Lab) -> bool:
    return not [pod for pod in await lab.all(PODS) if "deletionTimestamp" not in pod["metadata"]]
