"""Pods that do not start, or do not end as they should: the status says why, and what was lost runs again."""

from __future__ import annotations

import json

from support.stage import Lab


def test_more_gpus_than_exist_is_reported(lab: Lab) -> None:
    made = lab.sleepers("s", [0.1])
    made["spec"]["trainer"]["gpus"] = 9
    lab.apply(made)
    condition = lab.until_condition("s", "Progressing", "False", "Unschedulable")
    assert "nvidia.com/gpu" in condition["message"]
    assert lab.status("s")["runs"]["pending"] == 1


def test_an_image_that_does_not_exist_is_reported(lab: Lab) -> None:
    made = lab.sleepers("s", [0.1])
    made["spec"]["trainer"]["image"] = "localhost:1/no-such-image:1"
    lab.apply(made)
    condition = lab.until_condition("s", "Progressing", "False", "ImageUnavailable")
    assert "no-such-image" in condition["message"] and "pull secret" in condition["message"]


def test_a_volume_that_names_nothing_is_reported(lab: Lab) -> None:
    variable = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "no-such-secret", "key": "token"}}}
    template = {"spec": {"containers": [{"name": "trainer", "env": [variable]}]}}
    lab.apply(lab.sleepers("s", [0.1], template=template))
    condition = lab.until_condition("s", "Progressing", "False", "ConfigError")
    assert "no-such-secret" in condition["message"]


def test_a_command_that_is_not_there_is_reported_and_charged_no_gpu_time(lab: Lab) -> None:
    made = lab.sleepers("s", [0.1], template={"spec": {"containers": [{"name": "trainer", "command": ["/no-such"]}]}})
    made["spec"]["trainer"]["gpus"] = 1
    lab.apply(made)
    condition = lab.until_condition("s", "Failed", reason="RunsFailAlike")
    assert "ConfigError" in condition["message"] and "/no-such" in condition["message"]
    assert {record["gpuSeconds"] for record in lab.records("s")} == {0}
    assert lab.status("s").get("gpuSeconds", 0) == 0


def test_an_evicted_pod_runs_again_and_costs_no_retry(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [4]))
    lab.until("it trains", lambda: lab.pods("Running"))
    pod = lab.pods("Running")[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": lab.namespace}}
    path = f"/api/v1/namespaces/{lab.namespace}/pods/{pod}/eviction"
    lab.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))
    lab.until_condition("s", "Complete")
    assert lab.status("s")["runs"]["succeeded"] == 1
    assert list(lab.created_jobs().values()) == [1], "the same Job went on"
    assert lab.get("api/v1/{}/pods", pod) is None or len(lab.pods()) == 2


def test_a_pod_that_somebody_deletes_runs_again(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [4, 4.1], parallelism=2))
    lab.until("both train", lambda: len(lab.pods("Running")) == 2)
    lab.kubectl("delete", "pod", lab.pods("Running")[0]["metadata"]["name"], "--wait=false")
    lab.until_condition("s", "Complete")
    assert lab.status("s")["runs"]["succeeded"] == 2


def test_a_job_that_somebody_deletes_is_made_once_more(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [4, 4.1], parallelism=2))
    lab.until("both train", lambda: len(lab.pods("Running")) == 2)
    lab.kubectl("delete", "job", lab.jobs("s")[0]["metadata"]["name"])
    lab.until_condition("s", "Complete")
    assert lab.status("s")["runs"]["succeeded"] == 2
    assert len(lab.records("s")) == 2


def test_jobs_deleted_after_their_end_cost_nothing(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2, 60]))
    lab.until("two have ended", lambda: len(lab.records("s")) == 2)
    ended = {record["run"] for record in lab.records("s")}
    lab.kubectl("delete", "jobs", *sorted(ended))
    lab.edit("s", flags=[{"name": "seconds", "values": [0.1, 0.2, 0.3]}])
    lab.until_condition("s", "Complete")
    assert set(lab.created_jobs().values()) == {1}
    assert len(lab.status("s")["results"]) == 3


def test_finished_jobs_are_deleted_beyond_what_is_kept_and_their_results_stay(lab: Lab) -> None:
    kept = {"succeededJobs": 1, "failedJobs": 1}
    lab.apply(lab.sleepers("s", [0.1, 0.2, 0.3, 0.4], retention=kept))
    lab.until_condition("s", "Complete")
    lab.until("one Job is kept", lambda: len(lab.jobs("s")) == 1)
    assert len(lab.status("s")["results"]) == 4
    assert set(lab.created_jobs().values()) == {1}


def test_a_finished_sweep_is_deleted_when_its_time_has_come_and_takes_its_jobs_along(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2], ttlSecondsAfterFinished=10))
    lab.until("two have ended", lambda: len(lab.records("s")) == 2)
    lab.until("the sweep is gone", lambda: lab.kubectl("get", "rsweep", "-o", "name").strip() == "")
    lab.until("its Jobs are gone", lambda: not lab.jobs())
