"""Pods that never come, on a real API server: what it says is in a condition within half a minute, and no Job is made again for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cluster import ClusterError, binaries
from integration.laboratory import DEADLINE_SECONDS, Lab, Process, eventually, is_complete, lab, operating, says
from integration.soundness import TWELVE
from regsweep.adapters.kubeapi import JOBS, PODS, SWEEPS, name_of
from regsweep.metrics import RUNS_CREATED
from support.minors import KUBERNETES

SOON_SECONDS = 30


__all__ = ["lab"]


def apply(lab: Lab, *objects: dict[str, Any]) -> None:
    """Quotas are in force afterwards: the API server goes by their status."""
    for each in objects:
        lab.cluster.kubectl("-n", lab.namespace, "apply", "-f", "-", input=json.dumps(each))
        for name, value in each["spec"].get("hard", {}).items():
            field = name.replace(".", r"\.")
            in_force = f"--for=jsonpath={{.status.hard.{field}}}={value}"
            lab.cluster.kubectl("-n", lab.namespace, "wait", in_force, "resourcequota/q", "--timeout=60s")


def limits(**limit: Any) -> dict[str, Any]:
    spec = {"limits": [{"type": "Container", **limit}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": spec}


def quota(**hard: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


def policy(namespace: str) -> list[dict[str, Any]]:
    """A policy of the cluster, for one namespace."""
    api = {"apiVersion": "admissionregistration.k8s.io/v1"}
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    validation = {"expression": "has(object.metadata.labels.team)", "message": "label team is missing"}
    spec = {"matchConstraints": {"resourceRules": [pods]}, "validations": [validation]}
    only = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": only}
    meta = {"metadata": {"name": namespace}}
    return [
        {**api, "kind": "ValidatingAdmissionPolicy", **meta, "spec": spec},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", **meta, "spec": binding},
    ]


ON_THE_HOST = {"spec": {"hostNetwork": True}}
ASKS_FOR_ONE_CPU = {"spec": {"containers": [{"name": "trainer", "resources": {"requests": {"cpu": "1"}}}]}}
FOREIGN = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "foreign"},
    "spec": {"containers": [{"name": "c", "image": "c", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
}
ASKS_FOR_ONE_GPU = {"spec": {"containers": [{"name": "trainer", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}}
HUNGRY = {"spec": {"containers": [{"name": "trainer", "resources": {"limits": {"memory": "2Gi"}}}]}}


@pytest.mark.parametrize(
    ("template", "objects", "words"),
    [
        pytest.param(ON_THE_HOST, [], "violates PodSecurity", id="pod-security"),
        pytest.param(HUNGRY, [limits(max={"memory": "1Gi"})], "maximum memory usage per Container", id="limit-range"),
        pytest.param({"spec": {"serviceAccountName": "robot"}}, [], 'serviceaccount "robot" not found', id="account"),
        pytest.param({"spec": {"priorityClassName": "high"}}, [], "no PriorityClass with name high", id="priority"),
        pytest.param({}, ["policy"], "label team is missing", id="policy"),
    ],
)
async def test_what_the_api_server_says_of_the_pods_is_told(
    lab: Lab, template: dict[str, Any], objects: list[Any], words: str
) -> None:
    if "policy" in objects and KUBERNETES is binaries.KUBE_OLDEST:
        pytest.skip("policies of this version are there from Kubernetes 1.30 on")
    lab.cluster.kubectl("label", "namespace", lab.namespace, "pod-security.kubernetes.io/enforce=baseline")
    for each in objects:
        apply(lab, *(policy(lab.namespace) if each == "policy" else [each]))
    await eventually(lambda: _a_pod_is_refused(lab, template, words))
    async with operating(lab, refusal_retry_seconds=2):
        await lab.apply(template=template)
        async with asyncio.timeout(SOON_SECONDS):
            await eventually(lambda: says(lab, "PodsRefused", words))
        await eventually(lambda: _has_jobs(lab, at_most=1))


async def _a_pod_is_refused(lab: Lab, template: dict[str, Any], words: str) -> bool:
    """By what was applied, which the API server is some time after in following."""
    spec = {"containers": [{"name": "trainer"}], **template.get("spec", {})}
    spec["containers"] = [{"image": "c", **container} for container in spec["containers"]]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "labels": {"a": "b"}}, "spec": spec}
    try:
        lab.cluster.kubectl("-n", lab.namespace, "create", "--dry-run=server", "-f", "-", input=json.dumps(pod))
    except ClusterError as error:
        return words in str(error)
    return False


async def _has_jobs(lab: Lab, at_most: int) -> bool:
    return len(await lab.all(JOBS)) <= at_most


async def test_among_hundreds_of_other_refused_jobs_a_sweep_is_told_why_its_pods_do_not_come(lab: Lab) -> None:
    others = [_failed_create(lab.namespace, f"another-{number}") for number in range(600)]
    lab.cluster.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": others}))
    async with operating(lab, refusal_retry_seconds=600):
        await lab.apply(template={"spec": {"priorityClassName": "high"}})
        async with asyncio.timeout(SOON_SECONDS):
            await eventually(lambda: says(lab, "PodsRefused", "high"))


def _failed_create(namespace: str, job: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{job}.1", "namespace": namespace},
        "involvedObject": {"kind": "Job", "name": job, "namespace": namespace, "uid": job},
        "reason": "FailedCreate",
        "message": "Error creating: no",
        "type": "Warning",
    }


async def test_a_template_that_is_corrected_trains(lab: Lab) -> None:
    async with operating(lab, refusal_retry_seconds=600):
        await lab.apply(template={"spec": {"priorityClassName": "high"}})
        await eventually(lambda: says(lab, "PodsRefused", "high"))
        lab.cluster.kubectl(
            "-n", lab.namespace, "patch", "rsweep", "demo", "--type=merge", "-p", '{"spec":{"template":null}}'
        )
        await lab.train_until(is_complete)


@pytest.mark.parametrize(
    ("hard", "parallelism"),
    [
        pytest.param({"pods": "1"}, 3, id="pods"),
        pytest.param({"requests.nvidia.com/gpu": "1"}, 3, id="gpus"),
        pytest.param({"requests.cpu": "2"}, 3, id="processors"),
        pytest.param({"count/jobs.batch": "2"}, 3, id="jobs"),
        pytest.param({"count/pods": "2"}, 3, id="pods that have ended, too"),
    ],
)
async def test_within_a_quota_a_sweep_goes_on_to_its_end(lab: Lab, hard: dict[str, str], parallelism: int) -> None:
    apply(lab, quota(**hard))
    async with operating(lab) as operator:
        await lab.apply(parallelism=parallelism, trainer={"gpus": 1}, template=ASKS_FOR_ONE_CPU)
        await eventually(lambda: says(lab, "QuotaExceeded", "exceeded quota: q"))
        await lab.train_until(is_complete)
        assert await _jobs_created(operator) == 4, "none was made again"
    assert (await lab.status())["runs"]["succeeded"] == 4
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_jobs_that_another_sweep_keeps_make_room_for_those_that_wait(lab: Lab) -> None:
    apply(lab, quota(**{"count/jobs.batch": "4"}))
    async with operating(lab):
        first = await lab.apply()
        await lab.train_until(is_complete)
        assert await _has_jobs(lab, at_most=4) and not await _has_jobs(lab, at_most=3)
        second = {**first, "metadata": {"name": "second", "namespace": lab.namespace}}
        lab.cluster.kubectl("create", "-f", "-", input=json.dumps({k: v for k, v in second.items() if k != "status"}))

        async def is_trained() -> bool:
            await lab.train()
            return is_complete((await lab.api.get(SWEEPS, lab.namespace, "second")).get("status") or {})

        await eventually(is_trained)
    assert len(lab.trained) == 16
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_a_quota_of_just_as_much_as_is_asked_for_is_no_trouble(lab: Lab) -> None:
    apply(lab, quota(**{"requests.nvidia.com/gpu": "2"}))
    async with operating(lab) as operator:
        await lab.apply(flags=TWELVE, parallelism=2, trainer={"gpus": 1})
        await lab.train_until(is_complete)
        assert await _jobs_created(operator) == 12
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_a_quota_that_others_share_and_that_changes_is_followed(lab: Lab) -> None:
    apply(lab, quota(**{"requests.nvidia.com/gpu": "5"}), FOREIGN)
    async with operating(lab) as operator:
        await lab.apply(flags=TWELVE, parallelism=4, trainer={"gpus": 1})
        await _until_pods(lab, 4)
        apply(lab, quota(**{"requests.nvidia.com/gpu": "3"}))
        await eventually(lambda: _a_pod_is_refused(lab, ASKS_FOR_ONE_GPU, "limited: requests.nvidia.com/gpu=3"))
        await lab.train()
        await eventually(lambda: says(lab, "QuotaExceeded", "limited: requests.nvidia.com/gpu=3"))
        await _until_pods(lab, 2)
        await lab.train(most=1)
        await _until_pods(lab, 2)
        lab.cluster.kubectl("-n", lab.namespace, "delete", "pod", "foreign", "--wait=false")
        await _until_pods(lab, 3)
        apply(lab, quota(**{"requests.nvidia.com/gpu": "8"}))
        await _until_pods(lab, 4)
        await eventually(lambda: says(lab, "RunsStarting", "pending"))
        await lab.train_until(is_complete)
        assert await _jobs_created(operator) == 12, "none was made again"
    assert sorted(await lab.records()) == sorted(lab.trained)


async def _until_pods(lab: Lab, number: int) -> None:
    """Waits for so many pods of the sweep that have not ended. A quota may let more through: what it counts lags behind."""
    await eventually(lambda: _has_pods(lab, number), 3 * DEADLINE_SECONDS)


async def _has_pods(lab: Lab, number: int) -> bool:
    """Whether at least so many pods of the sweep have not ended; more than its parallelism they are never."""
    waiting = [pod for pod in await lab.all(PODS) if pod["status"]["phase"] == "Pending" and name_of(pod) != "foreign"]
    assert len(waiting) <= 4
    return len(waiting) >= number


async def _jobs_created(operator: Process) -> int:
    _, text = await operator.get("/metrics")
    (line,) = (line for line in text.splitlines() if line.startswith(f"{RUNS_CREATED.name} "))
    return int(float(line.split()[1]))
