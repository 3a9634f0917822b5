"""What the real Job controller makes of runs that are put at rest, moved, or followed by a sidecar that fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.laboratory import Lab, eventually, is_complete, lab, operating
from regsweep.adapters.kubeapi import JOBS, PODS, KubeObject, controller_uid_of, name_of, uid_of
from regsweep.api import constants as names
from support.training import message_of
from unit.controller.fake_cluster import replicates_of, stamp

ONE = {"flags": [{"name": "l2", "values": [0]}], "parallelism": 1}


__all__ = ["lab"]


async def first_pod(lab: Lab) -> tuple[KubeObject, KubeObject]:
    """The first pod, given to a node that there is not, and its Job."""
    await eventually(lambda: lab.all(PODS))
    pod = (await lab.all(PODS))[0]
    bind(lab, pod)
    pod = await lab.api.get(PODS, lab.namespace, name_of(pod))
    (job,) = [job for job in await lab.all(JOBS) if uid_of(job) == controller_uid_of(pod)]
    return pod, job


def bind(lab: Lab, pod: KubeObject) -> None:
    """The scheduler gives the pod to a node that there is not."""
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name_of(pod), "namespace": lab.namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "gpu-7"},
    }
    path = f"/api/v1/namespaces/{lab.namespace}/pods/{name_of(pod)}/binding"
    lab.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(binding))


async def end(lab: Lab, pod: KubeObject, **status: Any) -> None:
    """The pod's kubelet reports its end."""
    pod["status"] = {**pod["status"], "phase": "Failed", "startTime": stamp(), **status}
    await lab.api.replace(PODS, pod, subresource="status")


def container(name: str, exit_code: int, message: str = "") -> KubeObject:
    ended = {"exitCode": exit_code, "startedAt": stamp(), "finishedAt": stamp(), "message": message}
    known = {"image": "t", "imageID": "", "ready": False, "restartCount": 0}
    return {"name": name, **known, "state": {"terminated": ended}}


async def job_with(lab: Lab, annotation: str, value: str) -> list[KubeObject]:
    return [job for job in await lab.all(JOBS) if job["metadata"]["annotations"].get(annotation) == value]


async def test_a_pod_that_its_node_refused_is_not_tried_again_there(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply(**ONE)
        pod, first = await first_pod(lab)
        await end(lab, pod, reason="UnexpectedAdmissionError", message="Allocate failed, which is unexpected")
        await eventually(lambda: _is_at_rest(lab, name_of(first)))
        await eventually(lambda: job_with(lab, names.AVOIDED_NODES_ANNOTATION, "gpu-7"))
        await lab.train_until(is_complete)
        _, metrics = await operator.get("/metrics")
        assert len({controller_uid_of(each) for each in await lab.all(PODS)}) == 1, "the first Job is gone"
    assert "regsweep_operator_jobs_moved_total 1.0" in metrics
    assert len(lab.trained) == 2
    assert ((await lab.status())["runs"]["succeeded"], (await lab.status())["runs"]["failed"]) == (1, 0)


async def _is_at_rest(lab: Lab, job: str) -> bool:
    live = await lab.api.get(JOBS, lab.namespace, job)
    own = [pod for pod in await lab.all(PODS) if controller_uid_of(pod) == uid_of(live)]
    return live["spec"]["parallelism"] == 0 and [pod["status"]["phase"] for pod in own] == ["Failed"]


async def test_after_a_spot_node_is_taken_away_only_the_missing_replicates_are_trained(lab: Lab) -> None:
    """The Job controller replaces a disrupted pod at once: that one is stopped."""
    async with operating(lab):
        await lab.apply(**ONE, replicates=5)
        pod, job = await first_pod(lab)
        done = list(replicates_of(job, pod))[:4]
        disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
        await end(
            lab,
            pod,
            reason="Terminated",
            conditions=[{**disrupted, "lastTransitionTime": stamp()}],
            containerStatuses=[container("trainer", 143, message_of(done))],
        )
        await eventually(lambda: job_with(lab, names.FIRST_REPLICATE_ANNOTATION, "4"))
        await eventually(lambda: _nothing_else(lab))
        await lab.train_until(is_complete)
    assert [k for _, k in lab.trained] == [4]
    assert sorted(k for _, k in await lab.records()) == [0, 1, 2, 3, 4]


@pytest.mark.long
async def test_pods_that_another_scheduler_deletes_until_their_job_gives_up_are_not_charged_to_the_run(
    lab: Lab,
) -> None:
    """It takes as long as the Job controller's own back-off between the three pods: half a minute."""
    async with operating(lab) as operator:
        await lab.apply(**ONE)
        for _ in range(3):
            await eventually(lambda: _waiting(lab))
            (pod,) = await _waiting(lab)
            bind(lab, pod)
            await lab.api.delete(PODS, lab.namespace, name_of(pod), uid=uid_of(pod))
            live = await lab.api.get(PODS, lab.namespace, name_of(pod))
            assert "deletionTimestamp" in live["metadata"], "it is given time to end"
            await end(lab, live, containerStatuses=[container("trainer", 143)])
            lab.cluster.kubectl("delete", "pod", name_of(pod), "-n", lab.namespace, "--force", "--grace-period=0")
        await eventually(lambda: job_with(lab, names.MOVED_ANNOTATION, "1"))
        await lab.train_until(is_complete)
        _, metrics = await operator.get("/metrics")
    assert "regsweep_operator_jobs_moved_total 1.0" in metrics
    assert ((await lab.status())["runs"]["succeeded"], (await lab.status())["runs"]["failed"]) == (1, 0)


async def _waiting(lab: Lab) -> list[KubeObject]:
    """Pods that no node has."""
    return [
        pod
        for pod in await lab.all(PODS)
        if "nodeName" not in pod["spec"] and "deletionTimestamp" not in pod["metadata"]
    ]


async def _nothing_else(lab: Lab) -> bool:
    (*jobs,) = await lab.all(JOBS)
    waiting = [pod for pod in await lab.all(PODS) if pod["status"]["phase"] == "Pending"]
    return len(jobs) == 1 and {controller_uid_of(pod) for pod in waiting} == {uid_of(jobs[0])}


async def test_a_sidecar_that_fails_after_training_has_nothing_trained_again(lab: Lab) -> None:
    sidecar = {"name": "proxy", "image": "proxy:1"}
    async with operating(lab):
        await lab.apply(**ONE, template={"spec": {"containers": [sidecar]}})
        pod, job = await first_pod(lab)
        message = message_of(replicates_of(job, pod), spread=0.001)
        await end(lab, pod, containerStatuses=[container("trainer", 0, message), container("proxy", 1)])
        await eventually(lambda: _is_at_rest(lab, name_of(job)))
        await lab.train_until(is_complete)
        assert await _is_at_rest(lab, name_of(job)), "its Job and its logs are kept"
    assert lab.trained == []
    assert sorted(k for _, k in await lab.records()) == [0, 1]
