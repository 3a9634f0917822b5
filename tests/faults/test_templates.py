"""Job templates that are missing, refused or wrong: nothing is started, the condition says why, and a correction is enough."""

from __future__ import annotations

from support.stage import Json, Lab


def pod_template(name: str, **spec: object) -> Json:
    # A stored PodTemplate needs an image, even though the sweep's own takes its place.
    container = {"name": "trainer", "image": "placeholder"}
    return {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": {"spec": {"containers": [container], **spec}},
    }


def test_a_template_that_does_not_exist_is_waited_for(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1], templateRef={"name": "shared"}))
    reported = lab.until_condition("s", "Accepted", "False", "TemplateNotFound")
    assert "spec.templateRef.name" in reported["message"] and "shared" in reported["message"]
    assert not lab.jobs()
    lab.apply(pod_template("shared", priority=0, nodeSelector={"kubernetes.io/os": "linux"}))
    lab.until_condition("s", "Complete")
    assert lab.jobs("s")[0]["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert lab.jobs("s")[0]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_a_template_that_the_api_server_refuses_is_reported_with_its_message(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2], template={"spec": {"dnsPolicy": "Sometimes"}}))
    reported = lab.until_condition("s", "Accepted", "False", "TemplateRefused")
    assert "dnsPolicy" in reported["message"] and "Sometimes" in reported["message"]
    assert not lab.created_jobs()
    lab.edit("s", template={"spec": {"dnsPolicy": "Default"}})
    lab.until_condition("s", "Complete")
    assert lab.condition("s", "Accepted")["status"] == "True"


def test_a_template_that_cannot_be_merged_names_its_field(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1], template={"spec": {"containers": [{"name": "trainer", "image": "another:1"}]}}))
    reported = lab.until_condition("s", "Accepted", "False", "TemplateRefused")
    assert "spec.trainer.image" in reported["message"]
    assert not lab.created_jobs()


def test_a_quota_that_is_full_is_reported(lab: Lab) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "jobs"}}
    lab.apply({**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})
    lab.until("the quota is in force", lambda: "hard" in lab.all("api/v1/{}/resourcequotas")[0].get("status", {}))
    lab.apply(lab.sleepers("s", [0.1]))
    reported = lab.until_condition("s", "Progressing", "False", "QuotaExceeded")
    assert "exceeded quota" in reported["message"]
    lab.kubectl("delete", "resourcequota", "jobs")
    # It is tried again once a minute, and at once when the template changes.
    lab.edit("s", template={"metadata": {"labels": {"try": "2"}}})
    lab.until_condition("s", "Complete")
