"""The job templates that the project brings: what a sweep's Job looks like that uses one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from regsweep.api.spec import SweepSpec
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.grid import Combination
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Point, Sweep

TEMPLATES = Path(__file__).parents[3] / "manifests" / "templates"
NAMES = sorted(path.stem for path in TEMPLATES.glob("*.yaml"))
IMAGE = "registry.test/trainer:1"


def pod_template(name: str) -> dict[str, Any]:
    document: dict[str, Any] = next(yaml.safe_load_all((TEMPLATES / f"{name}.yaml").read_text()))
    return document


def job(name: str, **trainer: Any) -> Any:
    """The Job of a sweep of one GPU that refers to the template. trainer: `spec.trainer`."""
    whole = {"flags": [{"name": "l2", "values": [0]}], "templateRef": {"name": name}, "trainer": trainer}
    spec = SweepSpec.model_validate(whole)
    resolved = Resolved(image=IMAGE, gpus=1, gpu_resource="nvidia.com/gpu", seed=0, operator_version="0")
    point = Point("key", Combination("id", {"l2": 0}, 0))
    return job_manifest(
        Sweep("s", "ml", "uid", 1, spec, resolved, (point,)),
        RunRequest("s-0", point, first_replicate=0, replicates=1, replicates_per_pod=1, attempt=0, linger_seconds=0),
        ObjectiveStatus.model_validate({"metric": "val_average_loss", "goal": "Minimize", "epoch": "Last"}),
        pod_template(name)["template"],
    )


def pod(name: str) -> Any:
    return job(name)["spec"]["template"]["spec"]


def trainer(name: str) -> Any:
    (container,) = pod(name)["containers"]
    return container


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_named_as_its_file_and_mentioned_in_the_readme(name: str) -> None:
    document = pod_template(name)
    assert (document["apiVersion"], document["kind"], document["metadata"]["name"]) == ("v1", "PodTemplate", name)
    assert f"({name}.yaml)" in (TEMPLATES / "README.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_sweeps_image_is_trained_whatever_the_template_names(name: str) -> None:
    assert trainer(name)["image"] == IMAGE


@pytest.mark.parametrize(
    ("name", "gpus"),
    [
        pytest.param("whole-gpu", {"nvidia.com/gpu": "1"}, id="a whole GPU"),
        pytest.param("time-sliced", {"nvidia.com/gpu": "1"}, id="a turn on a shared GPU"),
        pytest.param("spot", {"nvidia.com/gpu": "1"}, id="a whole GPU that may be taken away"),
        pytest.param("kueue", {"nvidia.com/gpu": "1"}, id="a whole GPU once the queue has one"),
        pytest.param("mig", {"nvidia.com/mig-1g.5gb": 1}, id="a slice, and no whole GPU beside it"),
        pytest.param("mps", {"nvidia.com/gpu": "1"}, id="a share of a GPU"),
        pytest.param("gpu-model", {"nvidia.com/gpu": "1"}, id="a whole GPU of one model"),
        pytest.param("dra", {}, id="a device by its claim, and no whole GPU beside it"),
    ],
)
def test_a_pod_asks_for(name: str, gpus: dict[str, object]) -> None:
    limits = trainer(name)["resources"]["limits"]
    assert {resource: count for resource, count in limits.items() if resource.startswith("nvidia.com/")} == gpus


@pytest.mark.parametrize("name", NAMES)
def test_a_template_says_when_to_take_it_and_every_container_keeps_the_restricted_standard(name: str) -> None:
    assert (TEMPLATES / f"{name}.yaml").read_text().startswith("# Job template: ")
    for container in (*pod(name)["containers"], *pod(name).get("initContainers", ())):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False and context["capabilities"]["drop"] == ["ALL"]
        assert container["resources"]["requests"]["cpu"] and container["resources"]["limits"]["memory"]


def test_a_data_volume_is_never_written() -> None:
    for name in ("data-volume", "object-store"):
        (mount,) = (mount for mount in trainer(name)["volumeMounts"] if mount["name"] == "data")
        assert mount["readOnly"] is True


def test_credentials_of_the_object_store_are_not_in_the_training_container() -> None:
    assert "object-store" not in str(trainer("object-store"))


def test_a_helper_that_goes_on_does_not_keep_the_pod() -> None:
    helpers = pod("native-sidecar")["initContainers"]
    assert [helper["restartPolicy"] for helper in helpers] == ["Always"]
    assert len(pod("native-sidecar")["containers"]) == 1


def test_a_spot_pods_checkpoints_are_found_again_by_the_pod_that_follows_it() -> None:
    (volume,) = pod("spot")["volumes"]
    (trainer,) = job("spot", checkpoints={"volumeName": volume["name"]})["spec"]["template"]["spec"]["containers"]
    assert trainer["volumeMounts"] == [{"name": volume["name"], "mountPath": "/regsweep/checkpoints"}]
    assert {"name": "REGSWEEP_CHECKPOINTS", "value": "/regsweep/checkpoints/key"} in trainer["env"]


def test_kueue_finds_its_queue_on_the_job_and_not_on_its_pods() -> None:
    kueue = job("kueue")
    assert kueue["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "training"
    assert "kueue.x-k8s.io/queue-name" not in kueue["spec"]["template"]["metadata"]["labels"]


def test_a_shared_gpus_memory_is_not_taken_whole() -> None:
    assert {"name": "TF_FORCE_GPU_ALLOW_GROWTH", "value": "true"} in trainer("time-sliced")["env"]
