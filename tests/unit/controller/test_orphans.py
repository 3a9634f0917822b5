"""Pods whose Job is gone: until they have ended they hold a GPU, and so take a slot."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import KubeObject
from regsweep.adapters.memory import MemoryApi
from regsweep.api import constants as names
from regsweep.controller.clocks import SYSTEM_CLOCKS
from regsweep.controller.process.assembly import build_caches
from unit.controller.fake_cluster import NAMESPACE, stamp

SWEEP: KubeObject = {"metadata": {"name": "demo", "namespace": NAMESPACE, "uid": "sweep"}}
ENDED = {"phase": "Failed"}
RUNNING = {"phase": "Running"}


def made(name: str, kind: str, owner: str, namespace: str = NAMESPACE, **fields: Any) -> KubeObject:
    """An object with the sweep's label and a controller; without one where `owner` is empty."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": name,
            "resourceVersion": "1",
            "creationTimestamp": stamp(),
            "labels": {names.SWEEP_UID_LABEL: "sweep"},
            "ownerReferences": [{"kind": kind, "uid": owner, "controller": True}] if owner else [],
        },
        **fields,
    }


def pod(status: dict[str, Any], **fields: Any) -> KubeObject:
    return made("pod", "Job", "job", spec={"containers": [{"name": "trainer"}]}, status=status, **fields)


@pytest.mark.parametrize(
    ("status", "job_is_there", "namespace", "orphans"),
    [
        pytest.param(RUNNING, False, NAMESPACE, 1, id="its Job is gone"),
        pytest.param(RUNNING, True, NAMESPACE, 0, id="its Job counts it"),
        pytest.param(ENDED, False, NAMESPACE, 0, id="it has ended"),
        pytest.param(RUNNING, False, "elsewhere", 0, id="it is of another namespace"),
    ],
)
def test_pods_of_jobs_that_are_gone(status: dict[str, Any], job_is_there: bool, namespace: str, orphans: int) -> None:
    caches = build_caches(MemoryApi(), SYSTEM_CLOCKS)
    caches.runs.jobs.upsert(made("job", names.SWEEP_KIND, "sweep", spec={}, status={}))
    caches.runs.pods.upsert(pod(status, namespace=namespace))
    if not job_is_there:
        caches.runs.job_deleted("job")
    assert caches.runs.orphans_of(SWEEP) == orphans


def test_a_pod_that_was_left_behind_without_an_owner_holds_its_gpu_too() -> None:
    """As `kubectl delete job --cascade=orphan` leaves it, and clients that name no propagation policy."""
    caches = build_caches(MemoryApi(), SYSTEM_CLOCKS)
    caches.runs.pods.upsert(made("pod", "Job", "", spec={"containers": [{"name": "trainer"}]}, status=RUNNING))
    assert caches.runs.orphans_of(SWEEP) == 1


def test_a_pod_that_is_gone_is_no_orphan() -> None:
    caches = build_caches(MemoryApi(), SYSTEM_CLOCKS)
    caches.runs.pods.upsert(pod(RUNNING))
    caches.runs.pods.delete(pod(RUNNING))
    assert caches.runs.orphans_of(SWEEP) == 0


def test_what_a_sweep_has_is_made_again_after_each_change_be_it_our_own_and_only_then() -> None:
    caches = build_caches(MemoryApi(), SYSTEM_CLOCKS)
    runs = caches.runs

    def seen() -> tuple[int, int]:
        return len(runs.runs_of(SWEEP)) + len(runs.altered_of(SWEEP)), runs.orphans_of(SWEEP)

    assert seen() == (0, 0)
    runs.jobs.upsert_from_write(made("job", names.SWEEP_KIND, "sweep", spec={}, status={}))
    assert seen() == (1, 0)
    runs.pods.upsert(pod(RUNNING))
    assert seen() == (1, 0)
    before = runs.altered_of(SWEEP)
    assert runs.altered_of(SWEEP) is before
    runs.job_deleted("job")
    assert seen() == (0, 1)
    runs.pods.delete(pod(RUNNING))
    assert seen() == (0, 0)
    runs.forget_sweep("sweep")
    assert seen() == (0, 0)
