"""The end of finished sweeps: when they are deleted, and what stays of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from regsweep.adapters.kubeapi import JOBS, RESULTS, SWEEPS
from regsweep.adapters.memory import Write
from regsweep.errors import NotPermitted
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import stamp, sweep_object
from unit.controller.machinery import Machinery
from unit.controller.test_reconcile import ONE_COMBINATION, Stand
from unit.controller.virtual_operator import operator_on
from unit.controller.wire import Wire

MINUTE = timedelta(minutes=1)


@pytest.fixture
def stand() -> Stand:
    return Stand()


async def finished(stand: Stand, **spec: object) -> None:
    """A sweep of one combination, trained to its end."""
    for pod in await stand.start(flags=ONE_COMBINATION, replicates=1, **spec):
        await stand.cluster.succeed(pod)
    await stand.cluster.finish_jobs()
    for _ in range(4):
        stand.seconds += 60
        await stand.make_pass()
    assert stand.cluster.is_over()


def is_there(stand: Stand) -> bool:
    return bool(stand.cluster.api.objects(SWEEPS))


async def test_a_finished_sweep_is_deleted_when_its_time_has_come_and_not_before(stand: Stand) -> None:
    await finished(stand, ttlSecondsAfterFinished=600)
    _, delays = await stand.make_pass()
    assert 590 < max(delays) <= 600, "it comes again when its time has come"
    stand.ahead = 9 * MINUTE
    await stand.make_pass()
    assert is_there(stand)
    stand.ahead = 11 * MINUTE
    writes, _ = await stand.make_pass()
    assert writes == {"delete regularizationsweeps": 1}
    assert not is_there(stand)
    assert not stand.cluster.records(), "its results go with it"


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"replicates": 2}, id="an edit that asks for more"),
        pytest.param({"ttlSecondsAfterFinished": None}, id="one that keeps it"),
        pytest.param({"ttlSecondsAfterFinished": 6000}, id="one that keeps it longer"),
        pytest.param({"flags": [{"name": "l2", "values": []}]}, id="one that breaks a rule"),
    ],
)
async def test_an_edit_keeps_a_sweep_whose_time_has_come(stand: Stand, edit: dict[str, Any]) -> None:
    await finished(stand, ttlSecondsAfterFinished=600)
    stand.ahead = 11 * MINUTE
    await stand.cluster.edit(**edit)
    for _ in range(3):
        await stand.make_pass()
    assert is_there(stand)


async def test_an_edit_that_the_operator_has_not_seen_yet_keeps_the_sweep(stand: Stand) -> None:
    await finished(stand, ttlSecondsAfterFinished=600)
    stand.ahead = 11 * MINUTE
    stand.sync()
    await stand.cluster.edit(replicates=2)
    await stand.reconciler.reconcile(stand.uid)
    assert is_there(stand)


async def test_a_retry_that_a_person_asks_for_goes_first(stand: Stand) -> None:
    for pod in await stand.start(flags=ONE_COMBINATION, replicates=1, ttlSecondsAfterFinished=600):
        await stand.cluster.end(pod, "Failed", {"exitCode": 64, "reason": "Error", "message": ""})
    (job,) = stand.cluster.jobs()
    job["status"] = {
        "conditions": [
            {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "lastTransitionTime": stamp()}
        ]
    }
    await stand.cluster.api.replace(JOBS, job, subresource="status")
    for _ in range(4):
        stand.seconds += 60
        await stand.make_pass()
    assert stand.cluster.status()["state"] == "Failed"
    stand.ahead = 11 * MINUTE
    patch = {"metadata": {"annotations": {"regsweep.dev/retry": "1"}}}
    await stand.cluster.api.patch(SWEEPS, "lab", "demo", patch)
    await stand.make_pass()
    assert is_there(stand)


@pytest.mark.parametrize("state", ["running", "suspended"])
async def test_nothing_is_deleted_that_has_not_finished(stand: Stand, state: str) -> None:
    await stand.start(flags=ONE_COMBINATION, ttlSecondsAfterFinished=0, suspend=state == "suspended")
    stand.ahead = 1000 * MINUTE
    for _ in range(3):
        await stand.make_pass()
    assert is_there(stand)


async def test_a_deletion_that_is_refused_is_said_and_tried_again(stand: Stand) -> None:
    def refuse(write: Write) -> None:
        if write.verb == "delete":
            raise NotPermitted("User cannot delete resource", 403)

    await finished(stand, ttlSecondsAfterFinished=600)
    stand.ahead = 11 * MINUTE
    stand.cluster.api.before_write = refuse
    _, delays = await stand.make_pass()
    assert max(delays) == 60
    assert "ttlSecondsAfterFinished" in stand.cluster.events("WriteRefused")[0]["message"]


async def test_retained_results_outlive_the_sweep(stand: Stand) -> None:
    await finished(stand, retention={"results": "Retain"})
    (segment,) = stand.cluster.api.objects(RESULTS)
    assert not segment["metadata"].get("ownerReferences")
    await stand.cluster.api.delete(SWEEPS, "lab", "demo", uid=stand.uid)
    assert len(stand.cluster.records()) == 1


@pytest.mark.parametrize(("before", "after"), [("Delete", "Retain"), ("Retain", "Delete")])
async def test_the_choice_can_be_changed_after_the_end(stand: Stand, before: str, after: str) -> None:
    await finished(stand, retention={"results": before})
    await stand.cluster.edit(retention={"results": after})
    await stand.make_pass()
    (segment,) = stand.cluster.api.objects(RESULTS)
    assert bool(segment["metadata"].get("ownerReferences")) is (after == "Delete")
    assert len(segment["records"]) == 1
    writes, _ = await stand.make_pass()
    assert not [write for write in writes if "sweepresults" in write], "once"


async def test_a_job_is_kept_for_its_logs_until_it_is_too_old(stand: Stand) -> None:
    await finished(stand, retention={"maxAgeSeconds": 600})
    assert len(stand.cluster.jobs()) == 1
    stand.ahead = 9 * MINUTE
    _, delays = await stand.make_pass()
    assert len(stand.cluster.jobs()) == 1
    assert 50 < max(delays) <= 60
    stand.ahead = 11 * MINUTE
    await stand.make_pass()
    assert not stand.cluster.jobs()
    assert len(stand.cluster.records()) == 1


def test_who_comes_later_knows_when_the_time_of_a_finished_sweep_comes() -> None:
    """Restarts, take-overs and rolling updates: the timers of the process before are gone."""
    with VirtualTime() as time:
        cluster = Machinery(time)
        wire = Wire(cluster.api)

        async def lives() -> None:
            first = operator_on(cluster, wire)
            first.start()
            await cluster.apply(
                sweep_object(ttlSecondsAfterFinished=600, retention={"succeededJobs": 10, "maxAgeSeconds": 300})
            )
            await cluster.live(cluster.is_at_rest)
            await asyncio.sleep(30)
            await first.stop()
            successor = operator_on(cluster, wire)
            successor.start()
            for minutes, jobs, sweeps in ((4, True, True), (3, False, True), (4, False, False)):
                await asyncio.sleep(60 * minutes)
                assert (bool(cluster.jobs()), bool(cluster.api.objects(SWEEPS))) == (jobs, sweeps)
            await successor.stop()

        time.run(lives())
