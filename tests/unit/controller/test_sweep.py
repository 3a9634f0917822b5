"""A sweep under the operator, against the API in memory: what a user may rely on from apply to the ranked status.

Covered: the whole way, pausing, draining, growing, edits of what is pinned, templates that are missing or refused, deletion, and
how many writes it takes. Restarts and crashes stand in test_crashes.py, what others do to Jobs and pods in test_meddling.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regsweep.adapters.kubeapi import POD_TEMPLATES, PODS, RESULTS, SWEEPS, KubeObject, uid_of
from regsweep.adapters.memory import Write
from regsweep.errors import Refused
from unit.controller.fake_cluster import (
    DEADLINE_SECONDS,
    NAMESPACE,
    FakeCluster,
    forget_soon,
    operating,
    settled,
    sweep_object,
    until,
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    forget_soon(monkeypatch)
    return FakeCluster()


async def test_a_sweep_is_trained_stored_and_ranked(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over, most_at_once=2)
        await settled(operator, cluster)
    status = cluster.status()
    assert status["state"] == "Complete"
    assert status["progress"] == "4/4"
    assert len(status["results"]) == 4
    assert cluster.condition("Complete")["status"] == "True"
    assert sorted(cluster.records()) == sorted(cluster.trained)
    assert len(cluster.records()) == 8
    assert len(set(cluster.created)) == len(cluster.created) == 4
    assert cluster.events("Complete")


async def test_nested_resampling_trains_the_grid_in_each_fold_and_freezes_what_is_chosen(cluster: FakeCluster) -> None:
    final = {"evaluate": "Nested", "folds": 3, "replicates": 3}
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(final=final, replicates=3, parallelism=8))
        await cluster.train_everything(cluster.is_over, most_at_once=8)
        await settled(operator, cluster)
    status = cluster.status()
    assert (status["state"], status["progress"]) == ("Complete", "4/4")
    picks = status["final"]["picks"]
    assert {pick["fold"] for pick in picks} == {0, 1, 2}
    assert status["analysis"]["final"]["nested"][0]["role"] == "Best"
    assert len(cluster.created) == 4 + 12 + len(picks)
    assert len(set(cluster.trained)) == len(cluster.trained)


async def test_refinement_adds_combinations_and_trains_what_is_tied_again(cluster: FakeCluster) -> None:
    flags = [{"name": "l2", "range": {"from": 0.001, "to": 0.1, "points": 3, "scale": "Log"}}]
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(flags=flags, refinement={"rounds": 1, "maxRuns": 2}, replicates=3))
        await cluster.train_everything(cluster.is_over, most_at_once=2)
        await settled(operator, cluster)
    status = cluster.status()
    assert (status["state"], status["progress"]) == ("Complete", "5/5")
    refinement = status["refinement"]
    assert len(refinement["rounds"]) == 1 and len(refinement["rounds"][0]["added"]) == 2
    assert len(cluster.created) == 5 + len(refinement["contenders"])
    assert len(set(cluster.trained)) == len(cluster.trained) == 3 * len(cluster.created)


async def test_references_are_trained_beside_the_grid_and_shown_outside_it(cluster: FakeCluster) -> None:
    references = [{"name": "linear", "flags": {"model": "linear"}}, {"name": "plain", "flags": {"l2": 0, "dropout": 0}}]
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(references=references, replicates=3))
        await cluster.train_everything(cluster.is_over, most_at_once=2)
        await settled(operator, cluster)
    status = cluster.status()
    assert (status["progress"], len(status["results"])) == ("4/4", 4)
    assert [(row["name"], row["replicates"]) for row in status["references"]] == [("linear", 3), ("plain", 3)]
    assert [row["name"] for row in status["analysis"]["references"]] == ["linear", "plain"]
    assert len(cluster.created) == 5, "plain is a combination of the grid"
    assert len(set(cluster.trained)) == len(cluster.trained) == 15


async def test_what_is_pinned_is_written_before_the_first_job(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await until(cluster.jobs)
    acting = [w for w in cluster.api.writes if w.resource in ("jobs", "regularizationsweeps/status") and not w.dry_run]
    assert acting[0].resource == "regularizationsweeps/status"
    assert cluster.status()["resolved"]["image"] == "trainer:1"


async def test_a_slot_is_filled_when_the_pod_ends_not_when_the_job_does(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await until(lambda: len(cluster.jobs()) == 2)
        assert not any(job.get("status") for job in cluster.jobs())


async def test_finished_jobs_beyond_retention_are_deleted_after_their_records_are_stored(cluster: FakeCluster) -> None:
    stored_at_delete: list[int] = []

    def watch(write: Write) -> None:
        if (write.verb, write.resource) == ("delete", "jobs"):
            stored_at_delete.append(len(cluster.records()))

    cluster.api.before_write = watch
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(retention={"succeededJobs": 1}))
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
    assert len(cluster.jobs()) == 1
    assert len(stored_at_delete) == 3
    assert min(stored_at_delete) >= 2
    assert len(cluster.records()) == 8


async def test_suspend_suspends_running_jobs_and_resume_lets_them_go_on(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
        await cluster.edit(suspend=True)
        await until(lambda: all(job["spec"].get("suspend") for job in cluster.jobs()))
        await until(lambda: cluster.condition("Suspended").get("status") == "True")
        assert len(cluster.jobs()) == 2
        await cluster.edit(suspend=False)
        await until(lambda: not any(job["spec"].get("suspend") for job in cluster.jobs()))
        await cluster.train_everything(cluster.is_over, most_at_once=2)
    assert len(cluster.created) == 4


async def test_parallelism_0_drains(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(parallelism=1))
        await until(cluster.jobs)
        await cluster.edit(parallelism=0)
        (pod,) = await cluster.start_pods()
        await cluster.succeed(pod)
        await until(lambda: len(cluster.records()) == 2)
        await settled(operator, cluster)
        assert len(cluster.jobs()) == 1


async def test_flags_added_to_a_complete_sweep_train_only_what_is_new(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        await cluster.edit(flags=[{"name": "l2", "values": [0, 0.1, 0.2]}, {"name": "dropout", "values": [0, 0.5]}])
        await cluster.train_everything(lambda: cluster.status().get("progress") == "6/6")
    assert len(cluster.created) == 6
    assert len(cluster.records()) == 12


async def test_a_spec_that_breaks_a_rule_is_not_accepted_and_says_why(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(flags=[{"name": "l2", "values": [0, 0]}]))
        await until(lambda: cluster.condition("Accepted").get("reason") == "Invalid")
        assert "spec.flags[0].values" in cluster.condition("Accepted")["message"]
        await cluster.edit(flags=[{"name": "l2", "values": [0, 1]}])
        await until(cluster.jobs)
        await until(lambda: cluster.condition("Accepted").get("status") == "True")


async def test_a_sweep_waits_for_its_template_and_says_so(cluster: FakeCluster) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object(templateRef={"name": "gpu"}))
        await until(lambda: cluster.condition("Accepted").get("reason") == "TemplateNotFound")
        assert not cluster.jobs()
        await cluster.api.create(POD_TEMPLATES, _template("gpu"))
        await until(cluster.jobs)
        assert cluster.jobs()[0]["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "gpu"}


async def test_a_template_that_the_server_refuses_stops_at_one_dry_run_and_is_tried_again_when_mended(
    cluster: FakeCluster,
) -> None:
    def admission(write: Write) -> None:
        spec = (write.object or {}).get("spec", {}).get("template", {}).get("spec", {})
        if write.resource == "jobs" and write.verb == "create" and "bad" in str(spec.get("nodeSelector")):
            raise Refused("nodeSelector: bad is not allowed here", 422)

    cluster.api.before_write = admission
    async with operating(cluster, refusal_retry_seconds=60):
        await cluster.apply(sweep_object(template={"spec": {"nodeSelector": {"pool": "bad"}}}))
        await until(lambda: cluster.condition("Accepted").get("reason") == "TemplateRefused")
        assert "bad is not allowed here" in cluster.condition("Accepted")["message"]
        tried = [w for w in cluster.api.writes if w.resource == "jobs"]
        assert [w.dry_run for w in tried] == [True]
        await cluster.edit(template={"spec": {"nodeSelector": {"pool": "good"}}})
        await until(cluster.jobs)
        await until(lambda: cluster.condition("Accepted").get("status") == "True")


async def test_a_refusal_is_tried_again_after_a_while_without_a_change(cluster: FakeCluster) -> None:
    full = True

    def quota(write: Write) -> None:
        if full and (write.verb, write.resource) == ("create", "jobs"):
            raise Refused("exceeded quota", 403)

    cluster.api.before_write = quota
    async with operating(cluster, refusal_retry_seconds=0.5) as operator:
        sweep = await cluster.apply(sweep_object())
        await until(lambda: "exceeded quota" in cluster.condition("Accepted").get("message", ""))
        operator.queues.sweeps.add(uid_of(sweep))  # news of the sweep, such as our own status, must not make it forget
        await until(lambda: operator.queues.sweeps.depth == 0)
        full = False
        await until(cluster.jobs)
        await until(lambda: cluster.condition("Accepted").get("status") == "True")


async def test_a_deleted_sweep_is_left_alone_at_once(cluster: FakeCluster) -> None:
    async with operating(cluster) as operator:
        sweep = await cluster.apply(sweep_object())
        await until(lambda: len(cluster.jobs()) == 2)
        await cluster.start_pods()
        await cluster.api.delete(SWEEPS, NAMESPACE, "demo", uid=uid_of(sweep))
        created = len(cluster.created)
        await settled(operator, cluster)
        assert len(cluster.created) == created
        assert not cluster.jobs()
        assert not cluster.api.objects(PODS)
        assert not cluster.api.objects(RESULTS)


async def test_a_new_sweep_of_a_deleted_ones_name_starts_from_nothing(cluster: FakeCluster) -> None:
    async with operating(cluster):
        first = await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        await cluster.api.delete(SWEEPS, NAMESPACE, "demo", uid=uid_of(first))
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
    assert len(set(cluster.created)) == 8
    assert len(cluster.records()) == 8


async def test_a_trainer_that_refuses_its_flags_stops_the_sweep_with_its_words(cluster: FakeCluster) -> None:
    error = '{"version":1,"columns":[],"records":[],"error":{"reason":"InvalidFlags","message":"l3: no such flag"}}'
    async with operating(cluster):
        await cluster.apply(sweep_object())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not cluster.is_over():
                for pod in await cluster.start_pods():
                    await cluster.end(pod, "Failed", {"exitCode": 64, "message": error})
                await asyncio.sleep(0.002)
    assert cluster.status()["state"] == "Failed"
    assert cluster.condition("Failed")["reason"] == "RunsFailAlike"
    assert "l3: no such flag" in cluster.condition("Failed")["message"]
    assert cluster.events("RunFailed")


async def test_no_status_says_that_it_failed_without_the_failures(cluster: FakeCluster) -> None:
    error = '{"version":1,"columns":[],"records":[],"error":{"reason":"InvalidFlags","message":"l3: no such flag"}}'
    flags = [{"name": "l3", "values": list(range(6))}]
    async with operating(cluster, store_interval_seconds=60):
        await cluster.apply(sweep_object(flags=flags, replicates=1, parallelism=4))
        await until(lambda: len(cluster.jobs()) == 4)
        # The fourth goes on, so that more records may come: those that stop the sweep are stored nevertheless.
        for pod in (await cluster.start_pods())[:3]:
            await cluster.end(pod, "Failed", {"exitCode": 64, "message": error})
        await until(cluster.is_over)
    written = [w.object["status"] for w in cluster.writes("update", "regularizationsweeps/status") if w.object]
    stopped = [status for status in written if any(c["reason"] == "RunsFailAlike" for c in status["conditions"])]
    assert stopped
    assert all(len(status["failures"]) >= 3 for status in stopped)


async def test_results_and_status_are_written_at_their_pace_and_not_per_run(cluster: FakeCluster) -> None:
    flags = [{"name": "l2", "values": list(range(24))}]
    retention = {"succeededJobs": 10}
    async with operating(cluster, store_interval_seconds=60, status_interval_seconds=60) as operator:
        await cluster.apply(sweep_object(flags=flags, replicates=1, parallelism=4, retention=retention))
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
    assert len(cluster.writes("create", "jobs")) == 24
    assert len(cluster.writes("delete", "jobs")) == 14
    assert len(cluster.writes("create", "sweepresults") + cluster.writes("update", "sweepresults")) <= 2
    assert len(cluster.writes("update", "regularizationsweeps/status")) <= 4
    assert len(cluster.writes("create", "events")) <= 3


async def test_nothing_is_written_about_a_complete_sweep_any_more(cluster: FakeCluster) -> None:
    async with operating(cluster, resync_seconds=0.05) as operator:
        await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
        before = len(cluster.writes("update", "regularizationsweeps/status"))
        operator.queues.sweeps.add(uid_of(cluster.sweep()))
        await settled(operator, cluster)
        assert len(cluster.writes("update", "regularizationsweeps/status")) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"trainer": {"gpus": 0, "image": "other:2"}}, "spec.trainer.image", id="another image"),
        pytest.param({"seed": 7}, "spec.seed", id="another seed"),
    ],
)
async def test_an_edit_of_what_is_pinned_is_refused_and_runs_go_on(
    cluster: FakeCluster, change: dict[str, Any], field: str
) -> None:
    async with operating(cluster):
        await cluster.apply(sweep_object())
        await until(cluster.jobs)
        pinned = cluster.status()["resolved"]
        await cluster.edit(**change)
        await until(lambda: cluster.condition("Accepted").get("reason") == "Immutable")
        assert field in cluster.condition("Accepted")["message"]
        await cluster.train_everything(cluster.is_over)
    assert len(cluster.created) == 4
    assert cluster.status()["resolved"] == pinned
    assert {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in cluster.jobs()} == {"trainer:1"}


def _template(name: str) -> KubeObject:
    container = {"name": "trainer", "image": "placeholder"}
    spec = {"nodeSelector": {"pool": "gpu"}, "containers": [container], "restartPolicy": "Always"}
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "template": {"spec": spec}}
