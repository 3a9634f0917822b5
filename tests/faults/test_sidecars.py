"""Containers beside the trainer that go on, or fail, when training has ended: no GPU is held for them, and nothing trains twice."""

from __future__ import annotations

from typing import Any

from cluster import images
from support.stage import Lab


def beside(lab: Lab, image: images.Image, flags: str = "") -> dict[str, Any]:
    """A template with such a container beside the trainer. flags: those of a sleeping trainer."""
    sidecar = {"name": "proxy", "image": lab.stage.references.get(image.name) or images.reference(image)}
    return {
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{**sidecar, "env": [{"name": "REGSWEEP_FLAGS", "value": flags}]}],
        }
    }


def may_hold_gpu(pod: dict[str, Any]) -> bool:
    """Until all of its containers have ended; its phase may say Running for a moment longer."""
    statuses = pod["status"].get("containerStatuses", ())
    return not statuses or any("terminated" not in status["state"] for status in statuses)


def test_a_sidecar_that_goes_on_holds_its_slot_and_then_goes_with_its_job(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2], parallelism=1, template=beside(lab, images.PAUSE)))
    most = 0

    def is_complete() -> bool:
        nonlocal most
        most = max(most, sum(map(may_hold_gpu, lab.pods("Running", "Pending"))))
        return lab.condition("s", "Complete").get("status") == "True"

    lab.until("it is complete", is_complete, seconds=240)
    assert most == 1, "never two pods at parallelism 1"
    assert lab.until_event("SidecarGoesOn") >= 1
    lab.until("no pod holds anything", lambda: not lab.pods("Running", "Pending"), seconds=90)
    assert sorted(lab.created_jobs().values()) == [1, 1]
    assert len(lab.records("s")) == 2


def test_a_sidecar_that_fails_has_nothing_trained_again(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [2], template=beside(lab, images.SLEEP_TRAINER, '{"exit_code": 1}')))
    lab.until_condition("s", "Complete")
    lab.until("its Job is at rest", lambda: [job["spec"]["parallelism"] for job in lab.jobs("s")] == [0])
    assert [pod["status"]["phase"] for pod in lab.pods()] == ["Failed"]
    assert len(lab.records("s")) == 1
    assert lab.status("s")["runs"]["failed"] == 0
