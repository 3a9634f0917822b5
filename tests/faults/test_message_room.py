"""Termination messages in pods of many containers: the kubelet divides the room among them, as `core/kubernetes/room.py` has it."""

from __future__ import annotations

from typing import Any

from cluster import images
from support.stage import Json, Lab

CONTAINERS, ROOM, REPLICATES = 4, 3072, 11
"""The least of which each has less room than a container may write, and how many records a message is sure to hold then."""
QUICK = [{"name": "REGSWEEP_FLAGS", "value": '{"seconds": 0}'}]


def of_four(lab: Lab) -> Json:
    """A template with one container of each kind beside the trainer. The first two end by themselves."""
    sleeps, pauses = (
        lab.stage.references.get(image.name) or images.reference(image)
        for image in (images.SLEEP_TRAINER, images.PAUSE)
    )
    before = {"name": "before", "image": sleeps, "env": QUICK}
    native = {"name": "native", "image": pauses, "restartPolicy": "Always"}
    beside = {"name": "beside", "image": sleeps, "env": QUICK}
    return {
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "initContainers": [before, native],
            "containers": [beside],
        }
    }


def trainer_of(containers: list[Json]) -> dict[str, Any]:
    return next(each for each in containers if each["name"] == "trainer")


def test_a_trainer_among_four_containers_is_told_its_room_and_all_its_records_come_home(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1], replicates=16, replicatesPerPod=16, template=of_four(lab)))
    lab.until_condition("s", "Complete")
    pods = lab.pods()
    for pod in pods:
        told = {entry["name"]: entry.get("value") for entry in trainer_of(pod["spec"]["containers"])["env"]}
        assert (told["REGSWEEP_MESSAGE_BYTES"], told["REGSWEEP_REPLICATES"]) == (str(ROOM), str(REPLICATES))
        assert len(pod["spec"]["containers"] + pod["spec"]["initContainers"]) == CONTAINERS
    assert len(pods) == 2, "16 records have no room in one"
    assert sorted(record["replicate"] for record in lab.records("s")) == list(range(16))
    assert set(lab.created_jobs().values()) == {1}


def test_the_kubelet_cuts_a_message_among_four_containers_where_the_operator_expects_it(lab: Lab) -> None:
    parameters = {"seconds": 0.1, "message": "x" * 4096}
    lab.apply(
        lab.sleepers("s", [], flags=[{"name": "number", "values": [1]}], parameters=parameters, template=of_four(lab))
    )
    lab.until("the run has failed", lambda: lab.status("s").get("failures"))
    (pod,) = lab.pods()
    assert len(trainer_of(pod["status"]["containerStatuses"])["state"]["terminated"]["message"]) == ROOM
    assert lab.status("s")["failures"][0]["reason"] == "InvalidRecord"
