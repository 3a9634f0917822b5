"""The accelerators of a training pod: what is counted, what a template asks for, and what is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from regsweep.api import constants as names
from regsweep.api.objective import objective_status
from regsweep.api.spec import SweepSpec
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.runs import RunRequest

DEFAULTS = Defaults(trainer_image="t:1", gpu_resource="nvidia.com/gpu", version="1")


def asking(resources: dict[str, Any]) -> dict[str, Any]:
    """A template whose trainer has these resources."""
    return {"spec": {"containers": [{"name": "trainer", "resources": resources}]}}


def resources_of(
    template: dict[str, Any], accelerators: Sequence[str] = names.ACCELERATORS, **trainer: Any
) -> dict[str, Any]:
    """The resources of the training container of a sweep with this template."""
    spec = SweepSpec.model_validate(
        {"flags": [{"name": "l2", "values": [0]}], "template": template, "trainer": trainer}
    )
    sweep, _ = accept(Identity("cancer", "lab", "uid", 1), spec, DEFAULTS)
    request = RunRequest("run", sweep.points[0], 0, 1, 1, 0, 0)
    job: Any = job_manifest(
        sweep, request, objective_status(spec.objective), None, JobDefaults(accelerators=accelerators)
    )
    (container,) = (c for c in job["spec"]["template"]["spec"]["containers"] if c["name"] == "trainer")
    assert {"name": "REGSWEEP_GPUS", "value": str(trainer.get("gpus", 1))} in container["env"]
    resources: dict[str, Any] = container["resources"]
    return resources


@pytest.mark.parametrize(
    ("gpus", "resources", "result"),
    [
        pytest.param(1, {}, {"limits": {"nvidia.com/gpu": "1"}}, id="whole GPUs by default"),
        pytest.param(0, {}, {}, id="none for a sweep on CPUs"),
        pytest.param(
            0,
            {"limits": {"nvidia.com/gpu": 1, "cpu": 2}, "requests": {"nvidia.com/gpu": 1}},
            {"limits": {"cpu": 2}},
            id="a sweep on CPUs takes the shared template's GPU away",
        ),
        pytest.param(
            2,
            {"limits": {"nvidia.com/gpu": 1}, "requests": {"nvidia.com/gpu": 1}},
            {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}},
            id="limit and request alike",
        ),
        pytest.param(
            1,
            {"limits": {"nvidia.com/mig-1g.10gb": 1}},
            {"limits": {"nvidia.com/mig-1g.10gb": 1}},
            id="a MIG slice stands instead of a whole GPU",
        ),
        pytest.param(1, {"claims": [{"name": "gpu"}]}, {"claims": [{"name": "gpu"}]}, id="a DRA claim stands too"),
        pytest.param(
            2,
            {"claims": [{"name": "rdma"}], "limits": {"nvidia.com/gpu": 1}},
            {"claims": [{"name": "rdma"}], "limits": {"nvidia.com/gpu": "2"}},
            id="a claim beside GPUs is none of them",
        ),
        pytest.param(
            1,
            {"claims": [{"name": "rdma"}], "limits": {"nvidia.com/mig-1g.10gb": 1}},
            {"claims": [{"name": "rdma"}], "limits": {"nvidia.com/mig-1g.10gb": 1}},
            id="a claim beside a MIG slice",
        ),
        pytest.param(1, {"claims": []}, {"claims": [], "limits": {"nvidia.com/gpu": "1"}}, id="no claim at all"),
        pytest.param(1, {"limits": {"amd.com/gpu": 1}}, {"limits": {"amd.com/gpu": 1}}, id="another vendor's"),
        pytest.param(2, {"limits": {"google.com/tpu": 4}}, {"limits": {"google.com/tpu": 4}}, id="a TPU"),
        pytest.param(
            0,
            {"limits": {"amd.com/gpu": 1, "nvidia.com/mig-1g.5gb": 1}},
            {},
            id="a sweep on CPUs takes every accelerator away",
        ),
        pytest.param(
            1,
            {"limits": {"nvidia.com/rdma_ib": 1}},
            {"limits": {"nvidia.com/rdma_ib": 1, "nvidia.com/gpu": "1"}},
            id="a network of the same vendor is no GPU",
        ),
        pytest.param(
            1,
            {"limits": {"rdma/hca": 1}},
            {"limits": {"rdma/hca": 1, "nvidia.com/gpu": "1"}},
            id="a device of another vendor is no GPU",
        ),
    ],
)
def test_gpus(gpus: int, resources: dict[str, Any], result: dict[str, Any]) -> None:
    assert resources_of(asking(resources), gpus=gpus) == result


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="nobody"),
        pytest.param([{"name": "mesh", "resources": {"claims": [{"name": "rdma"}]}}], id="a sidecar"),
    ],
)
def test_a_claim_that_the_trainer_does_not_name_is_none_of_its_gpus(others: list[dict[str, Any]]) -> None:
    claims = [{"name": "rdma", "resourceClaimTemplateName": "r"}]
    template = {"spec": {"resourceClaims": claims, "containers": [{"name": "trainer"}, *others]}}
    assert resources_of(template) == {"limits": {"nvidia.com/gpu": "1"}}


def test_a_sweep_that_names_its_gpus_gets_them_beside_a_claim() -> None:
    claim = {"claims": [{"name": "rdma"}]}
    assert resources_of(asking(claim), gpuResource="nvidia.com/gpu") == {**claim, "limits": {"nvidia.com/gpu": "1"}}


def test_what_counts_as_an_accelerator_is_the_installations_to_say() -> None:
    template = asking({"limits": {"lab.example/fpga-2": 1}})
    assert resources_of(template)["limits"] == {"lab.example/fpga-2": 1, "nvidia.com/gpu": "1"}
    assert resources_of(template, accelerators=["lab.example/fpga-*"])["limits"] == {"lab.example/fpga-2": 1}


def test_a_sweep_may_name_the_resource_that_its_gpus_are_counted_by() -> None:
    assert resources_of({}, gpus=2, gpuResource="amd.com/gpu") == {"limits": {"amd.com/gpu": "2"}}
    asked = asking({"limits": {"amd.com/gpu": 1}, "requests": {"amd.com/gpu": 1}})
    assert resources_of(asked, gpus=2, gpuResource="amd.com/gpu") == {
        "limits": {"amd.com/gpu": "2"},
        "requests": {"amd.com/gpu": "2"},
    }
