"""Sweeps beside the real Kueue: what it admits, preempts, drains and stops, and how few writes that takes of the operator.

Its webhooks and controllers are the real ones; pods are started by the real Job controller, and ended by hand.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from integration.laboratory import Lab, Process, eventually, is_complete, laboratory, operating, says
from integration.test_real_jobs import container, end
from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    KubeObject,
    controller_uid_of,
    is_deleting,
    name_of,
    uid_of,
    workloads,
)
from regsweep.api.constants import FIRST_REPLICATE_ANNOTATION, REPLICATES_ANNOTATION, SUSPENDED_ANNOTATION
from regsweep.core.moves import SIDECAR_GRACE
from regsweep.errors import NotFound
from support.metrics import patches_sent
from support.training import message_of
from third_party.kueue import Kueue
from unit.controller.fake_cluster import SPREAD, replicates_of, stamp

WORKLOADS = workloads("v1beta2")
FOUR = {"flags": [{"name": "l2", "values": [0, 0.1, 0.2, 0.3]}], "replicates": 1, "parallelism": 2}
CPU = {"spec": {"containers": [{"name": "trainer", "resources": {"requests": {"cpu": "1"}}}]}}
READS = {"kueue_version": "v1beta2"}


@pytest.fixture
async def lab(kueue: Kueue) -> AsyncIterator[Lab]:
    """A fresh namespace with a queue that has quota for two pods."""
    async with laboratory(kueue.cluster) as fresh:
        kueue.queue(fresh.namespace, cpus=2)
        yield fresh


def template(priority: str = "low", queue: str = "training") -> dict[str, Any]:
    labels = {"kueue.x-k8s.io/queue-name": queue, "kueue.x-k8s.io/priority-class": priority}
    return {**CPU, "metadata": {"labels": labels}}


async def jobs(lab: Lab, *, suspended: bool) -> list[KubeObject]:
    return [job for job in await lab.all(JOBS) if bool(job["spec"].get("suspend")) is suspended]


async def patches(operator: Process) -> dict[str, int]:
    return patches_sent((await operator.get("/metrics"))[1])


async def a_rival(lab: Lab, cpus: int) -> str:
    """Another Job in the queue, of a higher priority."""
    labels = {"kueue.x-k8s.io/queue-name": "training", "kueue.x-k8s.io/priority-class": "high"}
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": str(cpus)}}}
    job = await lab.api.create(
        JOBS,
        {
            "metadata": {"name": "rival", "namespace": lab.namespace, "labels": labels},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
        },
    )
    return uid_of(job)


async def own_workloads(lab: Lab) -> list[KubeObject]:
    return [w for w in await lab.all(WORKLOADS) if "rival" not in name_of(w)]


async def test_jobs_wait_for_quota_are_admitted_and_the_sweep_ends(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**{**FOUR, "parallelism": 3}, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        await eventually(lambda: says(lab, "Queued", "insufficient unused quota"))
        await lab.train_until(is_complete)
        assert await patches(operator) == {}
    assert len(lab.trained) == 4


async def count_jobs(lab: Lab, *, suspended: bool, count: int) -> bool:
    return len(await jobs(lab, suspended=suspended)) == count


async def test_a_preempted_run_is_told_of_keeps_its_slot_and_goes_on(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**FOUR, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        rival = await a_rival(lab, cpus=2)
        await eventually(lambda: says(lab, "Requeued", "Preempted to accommodate a workload"))
        assert len(await lab.all(JOBS)) == 3, "no other run is made in place of those"
        await lab.api.delete(JOBS, lab.namespace, "rival", uid=rival)
        await lab.train_until(is_complete)
        assert await patches(operator) == {}
    assert len(lab.trained) == 4
    assert (await lab.status())["runs"]["failed"] == 0


async def test_a_preempted_run_goes_on_with_what_it_has_not_brought_home(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        on_a_node = {**template(), "spec": {**CPU["spec"], "nodeName": "gpu-7"}}
        one = {"flags": [{"name": "l2", "values": [0]}], "replicates": 3, "parallelism": 1}
        await lab.apply(**one, template=on_a_node)
        first = await next_pod(lab)
        rival = await a_rival(lab, cpus=2)
        await eventually(partial(_is_preempted, lab, first, brought=2))
        await eventually(partial(_is_made_again, lab, {FIRST_REPLICATE_ANNOTATION: "2", REPLICATES_ANNOTATION: "1"}))
        await lab.api.delete(JOBS, lab.namespace, "rival", uid=rival)
        await lab.train_until(is_complete)
        assert await patches(operator) == {"jobs": 1}, "one was put at rest"
    assert [replicate for _, replicate in lab.trained] == [2]
    assert len(await lab.records()) == 3
    assert (await lab.status())["runs"]["failed"] == 0


async def _is_preempted(lab: Lab, pod: KubeObject, brought: int) -> bool:
    """Whether the pod is being deleted: then its trainer stores what it has, and ends."""
    live = await lab.api.get(PODS, lab.namespace, name_of(pod))
    if is_deleting(live):
        await end(lab, live, containerStatuses=[container("trainer", 143, message_of(range(brought), spread=SPREAD))])
    return is_deleting(live)


async def _is_made_again(lab: Lab, annotations: dict[str, str]) -> bool:
    """Whether the only Job of the sweep has these annotations."""
    own = [job for job in await lab.all(JOBS) if name_of(job) != "rival"]
    return len(own) == 1 and annotations.items() <= own[0]["metadata"]["annotations"].items()


async def test_a_drained_queue_is_waited_for(lab: Lab, kueue: Kueue) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**FOUR, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        kueue.stop_policy(lab.namespace, "HoldAndDrain")
        await eventually(lambda: says(lab, "Requeued", "The ClusterQueue is stopped"))
        await eventually(lambda: _running(lab, 0))
        kueue.stop_policy(lab.namespace, "None")
        await lab.train_until(is_complete)
        assert await patches(operator) == {}


async def _running(lab: Lab, count: int) -> bool:
    return bool((await lab.status())["runs"].get("running", 0) == count)


async def test_a_paused_sweep_stops_admitted_jobs_and_resumes_them(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**{**FOUR, "parallelism": 3}, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        before = {uid_of(job) for job in await lab.all(JOBS)}
        await edit(lab, suspend=True)
        await eventually(lambda: says(lab, "SuspendedBySpec", "3 runs suspended.", "Suspended"))
        await eventually(lambda: _gone(lab))
        assert {w["spec"]["active"] for w in await own_workloads(lab)} == {False}
        await edit(lab, suspend=False)
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        assert {uid_of(job) for job in await lab.all(JOBS)} == before
        assert await patches(operator) == {"workloads": 6}
        await lab.train_until(is_complete)


async def _gone(lab: Lab) -> bool:
    return not [pod for pod in await lab.all(PODS) if "deletionTimestamp" not in pod["metadata"]]


async def edit(lab: Lab, **spec: Any) -> None:
    lab.cluster.kubectl(
        "-n", lab.namespace, "patch", "rsweep", "demo", "--type", "merge", "-p", json.dumps({"spec": spec})
    )


async def test_a_workload_that_a_person_deactivates_waits_for_that_person(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**FOUR, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        workload = (await own_workloads(lab))[0]
        await lab.api.patch(WORKLOADS, lab.namespace, name_of(workload), {"spec": {"active": False}})
        await eventually(lambda: says(lab, "WorkloadDeactivated", name_of(workload)))
        for suspend in (True, False):
            await edit(lab, suspend=suspend)
            await eventually(partial(suspended_is, lab, str(suspend)))
        live = await lab.api.get(WORKLOADS, lab.namespace, name_of(workload))
        assert live["spec"]["active"] is False, "the pause of the sweep has not given it back"
        assert (await patches(operator)).get("workloads", 0) <= 2
        await lab.api.patch(WORKLOADS, lab.namespace, name_of(workload), {"spec": {"active": True}})
        await lab.train_until(is_complete)


async def suspended_is(lab: Lab, status: str) -> bool:
    return (await lab.condition("Suspended")).get("status") == status


@pytest.mark.parametrize(
    ("settings", "reason", "words"),
    [
        pytest.param(READS, "Queued", "No queue is named", id="with Workloads"),
        pytest.param({}, "JobsSuspended", "somebody has suspended Job", id="without"),
    ],
)
async def test_jobs_without_a_queue_that_kueue_manages_all_the_same_are_not_fought_for(
    lab: Lab, settings: dict[str, object], reason: str, words: str
) -> None:
    async with operating(lab, **settings) as operator:
        await lab.apply(**FOUR, template=CPU)
        await eventually(lambda: says(lab, reason, words))
        for suspend in (True, False):
            await edit(lab, suspend=suspend)
            await eventually(partial(suspended_is, lab, str(suspend)))
        await eventually(lambda: says(lab, reason, words))
        sent = await patches(operator)
    assert sent.get("jobs", 0) == 0
    assert sent.get("workloads", 0) <= 4
    assert {job["metadata"]["annotations"][SUSPENDED_ANNOTATION] for job in await lab.all(JOBS)} == {"false"}


SEVERAL_PODS = {"flags": [{"name": "l2", "values": [0, 0.1]}], "replicates": 3, "replicatesPerPod": 1, "parallelism": 3}


async def test_a_run_of_several_pods_is_not_widened_in_a_queue(lab: Lab) -> None:
    """Kueue stops a Job whose parallelism changes, and puts it at the end of its queue."""
    async with operating(lab, **READS) as operator:
        await lab.apply(**SEVERAL_PODS, template=template())
        await lab.train_until(is_complete)
        assert await patches(operator) == {}
        assert {job["spec"]["parallelism"] for job in await lab.all(JOBS)} == {1, 2}
    assert len(lab.trained) == 6


async def test_a_job_that_a_person_widens_is_put_back_and_ends_all_the_same(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**{**SEVERAL_PODS, "parallelism": 2}, template=template())
        await eventually(partial(count_jobs, lab, suspended=False, count=2))
        (job, _) = await lab.all(JOBS)
        before = {uid_of(workload) for workload in await own_workloads(lab)}
        await lab.api.patch(JOBS, lab.namespace, name_of(job), {"spec": {"parallelism": 2}})
        await eventually(partial(_changed, lab, before))
        await lab.train_until(is_complete)
        assert await patches(operator) == {}


async def _changed(lab: Lab, before: set[str]) -> bool:
    return bool({uid_of(workload) for workload in await own_workloads(lab)} - before)


BESIDE_A_SIDECAR = [{"name": "proxy", "image": "proxy:1"}, *CPU["spec"]["containers"]]


async def test_a_job_whose_pod_goes_on_for_a_sidecar_alone_is_put_at_rest_and_what_is_missing_is_trained(
    lab: Lab,
) -> None:
    async with operating(lab, **READS) as operator:
        in_a_queue = {**template(), "spec": {"containers": BESIDE_A_SIDECAR}}
        await lab.apply(
            **{**SEVERAL_PODS, "flags": [{"name": "l2", "values": [0]}], "replicates": 2, "parallelism": 1},
            template=in_a_queue,
        )
        first = await trained_beside_a_sidecar(lab, exit_code=0)
        await eventually(partial(_is_stopped, lab, first), 2 * SIDECAR_GRACE.total_seconds())
        second = await trained_beside_a_sidecar(lab, exit_code=1)
        assert controller_uid_of(second) != controller_uid_of(first)
        await eventually(partial(_is_stopped, lab, second), 2 * SIDECAR_GRACE.total_seconds())
        third = await next_pod(lab)
        assert controller_uid_of(third) != controller_uid_of(second), "its Job would not have counted it"
        await lab.train_until(is_complete)
        assert await patches(operator) == {"jobs": 2}, "two were put at rest"
    assert len(await lab.records()) == len(set(await lab.records())) == 2


async def trained_beside_a_sidecar(lab: Lab, *, exit_code: int) -> KubeObject:
    """The next pod that starts; its trainer ends so, and its proxy goes on."""
    pod = await next_pod(lab)
    (job,) = [job for job in await lab.all(JOBS) if uid_of(job) == controller_uid_of(pod)]
    running = {**container("proxy", 0), "state": {"running": {"startedAt": stamp()}}}
    message = message_of(replicates_of(job, pod), spread=SPREAD) if exit_code == 0 else ""
    await end(lab, pod, phase="Running", containerStatuses=[container("trainer", exit_code, message), running])
    return pod


async def next_pod(lab: Lab) -> KubeObject:
    """The next pod that starts: no other one waits."""
    await eventually(lambda: _pending(lab))
    (pod,) = await _pending(lab)
    return pod


async def _pending(lab: Lab) -> list[KubeObject]:
    return [pod for pod in await lab.all(PODS) if pod["status"]["phase"] == "Pending" and not is_deleting(pod)]


async def _is_stopped(lab: Lab, pod: KubeObject) -> bool:
    """Whether it was deleted: then its kubelet ends what is left of it."""
    live = next((each for each in await lab.all(PODS) if uid_of(each) == uid_of(pod)), None)
    if live is None or not is_deleting(live):
        return live is None
    trainer = live["status"]["containerStatuses"][0]
    with suppress(NotFound):  # a pod that no node has may go at once
        await end(lab, live, containerStatuses=[trainer, container("proxy", 143)])
    return True


async def test_without_the_right_settings_an_admitted_job_trains_on_and_the_sweep_says_so(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply(**{**FOUR, "parallelism": 3}, template=template())
        await eventually(lambda: count_jobs(lab, suspended=False, count=2))
        await edit(lab, suspend=True)
        await eventually(lambda: says(lab, "Suspending", "Kueue has admitted", "Suspended"))
        await eventually(lambda: count_jobs(lab, suspended=True, count=0))
        assert await patches(operator) == {}
        assert (await lab.status())["state"] != "Suspended"
