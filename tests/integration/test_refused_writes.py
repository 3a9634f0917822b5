"""Writes of the operator that a policy refuses, on a real API server: the status is written and says so, and nothing is lost by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cluster import ClusterError, binaries
from integration.laboratory import Lab, eventually, is_complete, lab, operating
from regsweep.adapters.kubeapi import EVENTS, JOBS, PODS, name_of
from support.minors import KUBERNETES

__all__ = ["lab"]

SAID = "nothing of that kind in this namespace"
pytestmark = pytest.mark.skipif(
    KUBERNETES is binaries.KUBE_OLDEST, reason="policies of this version are there from Kubernetes 1.30 on"
)


@asynccontextmanager
async def refusing(lab: Lab, group: str, resource: str, *operations: str) -> AsyncIterator[None]:
    """A policy that refuses such writes in the lab's namespace, in force from the beginning to the end."""
    meta = {"metadata": {"name": f"{lab.namespace}-{resource}"}}
    api = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": list(operations), "resources": [resource]}
    # Kubernetes' own controllers are not meant: they write as nobody that is called an administrator.
    validations = [{"expression": "!request.userInfo.groups.exists(g, g == 'system:masters')", "message": SAID}]
    only = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}}}
    binding = {"policyName": meta["metadata"]["name"], "validationActions": ["Deny"], "matchResources": only}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": validations}
    objects: list[dict[str, Any]] = [
        {**api, "kind": "ValidatingAdmissionPolicy", **meta, "spec": spec},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", **meta, "spec": binding},
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    lab.cluster.kubectl("apply", "-f", "-", input=text)
    try:
        yield
    finally:
        lab.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", input=text)


async def in_force(tried: Callable[[], object], *, refused: bool = True) -> None:
    """Waits until the API server, which is some time after in following policies, refuses the dry run, or takes it again."""

    async def holds() -> bool:
        try:
            tried()
        except ClusterError as error:
            return refused and SAID in str(error)
        return not refused

    await eventually(holds)


async def is_told(lab: Lab, words: str) -> bool:
    events = [event for event in await lab.all(EVENTS) if event["reason"] == "WriteRefused"]
    return any(words in event["message"] and SAID in event["message"] for event in events)


async def generation_is_seen(lab: Lab, generation: int) -> bool:
    return (await lab.status()).get("observedGeneration") == generation


def edit(lab: Lab, **spec: Any) -> None:
    lab.cluster.kubectl(
        "-n", lab.namespace, "patch", "rsweep", "demo", "--type", "merge", "-p", json.dumps({"spec": spec})
    )


async def test_a_sweep_whose_results_are_refused_for_a_while_has_each_of_them_once_in_the_end(lab: Lab) -> None:
    result = {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "SweepResult",
        "metadata": {"name": "tried", "namespace": lab.namespace},
    }

    def tried() -> object:
        more = {"sweepName": "x", "sweepUid": "x", "sequence": 1, "points": [], "records": []}
        text = json.dumps({**result, **more})
        return lab.cluster.kubectl("create", "--dry-run=server", "--validate=false", "-f", "-", input=text)

    async with operating(lab):
        async with refusing(lab, "regsweep.dev", "sweepresults", "CREATE", "UPDATE"):
            await in_force(tried)
            await lab.apply()
            await lab.train_until(lambda _: len(lab.trained) == 8)
            await eventually(lambda: is_told(lab, "refused to store results"))
            edit(lab, parallelism=1)
            await eventually(lambda: generation_is_seen(lab, 2))
            assert (await lab.status())["progress"] == "0/4"
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert len(lab.trained) == len(set(lab.trained)) == 8


async def test_owners_of_results_that_may_not_be_changed_keep_nothing_else_from_being_written(lab: Lab) -> None:
    async with operating(lab, refusal_retry_seconds=1):
        await lab.apply(parallelism=1)
        await eventually(lambda: lab.all(PODS))
        await lab.train(1)
        await eventually(lambda: _has_progress(lab, "1/4"))
        name = lab.cluster.kubectl("-n", lab.namespace, "get", "sweepresults", "-o", "name").split()[0]
        label = ("-n", lab.namespace, "label", name, "tried=yes", "--dry-run=server", "--overwrite")
        async with refusing(lab, "regsweep.dev", "sweepresults", "UPDATE"):
            await in_force(lambda: lab.cluster.kubectl(*label))
            edit(lab, retention={"results": "Retain"})
            await eventually(lambda: is_told(lab, "refused to store results"))
            await eventually(lambda: generation_is_seen(lab, 2))
        await lab.train_until(is_complete)
        await eventually(lambda: _nobody_owns_results(lab))
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert len(lab.trained) == len(set(lab.trained)) == 8


async def _has_progress(lab: Lab, progress: str) -> bool:
    return (await lab.status()).get("progress") == progress


async def _nobody_owns_results(lab: Lab) -> bool:
    owners = "-o=jsonpath={.items[*].metadata.ownerReferences}"
    return not lab.cluster.kubectl("-n", lab.namespace, "get", "sweepresults", owners).strip()


async def test_jobs_that_may_not_be_deleted_do_not_keep_the_status_from_being_written(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(retention={"succeededJobs": 0, "failedJobs": 0}, parallelism=1)
        await eventually(lambda: lab.all(JOBS))
        job = name_of((await lab.all(JOBS))[0])
        delete = ("-n", lab.namespace, "delete", "job", job, "--dry-run=server")
        async with refusing(lab, "batch", "jobs", "DELETE"):
            await in_force(lambda: lab.cluster.kubectl(*delete))
            await lab.train_until(is_complete)
            await eventually(lambda: is_told(lab, "a change to a Job"))
            assert len(await lab.all(JOBS)) == 4
        await eventually(lambda: _has_no_job(lab))
    assert sorted(await lab.records()) == sorted(lab.trained)


async def _has_no_job(lab: Lab) -> bool:
    return not await lab.all(JOBS)


async def test_jobs_that_may_not_be_changed_do_not_keep_the_status_from_being_written(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply()
        await eventually(lambda: lab.all(JOBS))
        job = name_of((await lab.all(JOBS))[0])
        label = ("-n", lab.namespace, "label", "job", job, "tried=yes", "--dry-run=server", "--overwrite")
        async with refusing(lab, "batch", "jobs", "UPDATE"):
            await in_force(lambda: lab.cluster.kubectl(*label))
            edit(lab, suspend=True)
            await eventually(lambda: is_told(lab, "a change to a Job"))
            await eventually(lambda: _suspended_says(lab, "Suspending", "still being trained"))
        await eventually(lambda: _suspended_says(lab, "SuspendedBySpec", ""))
        edit(lab, suspend=False)
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert len(lab.trained) == len(set(lab.trained)) == 8


async def _suspended_says(lab: Lab, reason: str, words: str) -> bool:
    condition = await lab.condition("Suspended")
    return condition.get("reason") == reason and words in condition["message"]
