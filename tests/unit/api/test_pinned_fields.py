"""Which edits contradict what was pinned when a sweep was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.spec import Resampling, ResamplingKind, SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.validation import changed_pinned_fields, parse_sweep

PINNED = Resolved(
    image="trainer:1",
    parameters={"dataset": "iris", "epochs": 10},
    gpus=1,
    gpu_resource="nvidia.com/gpu",
    seed=3,
    operator_version="0.1.0",
)


def swept(seed: int = 3, gpus: int = 1, **trainer: Any) -> SweepSpec:
    trainer = {"parameters": {"dataset": "iris", "epochs": 10}, "gpus": gpus, **trainer}
    return parse_sweep({"spec": {"flags": [{"name": "l2", "values": [1]}], "seed": seed, "trainer": trainer}})


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        pytest.param(swept(), [], id="nothing changed"),
        pytest.param(swept(image="trainer:1"), [], id="the pinned image written out"),
        pytest.param(swept(parameters={"epochs": 10.0, "dataset": "iris"}), [], id="another order and spelling"),
        pytest.param(swept(image="trainer:2"), ["spec.trainer.image"], id="another image"),
        pytest.param(swept(dataRevision="2"), [], id="a data revision, which says that all is to be trained anew"),
        pytest.param(swept(seed=4), ["spec.seed"], id="another seed"),
        pytest.param(swept(gpuResource="nvidia.com/gpu"), [], id="the pinned GPU resource written out"),
        pytest.param(swept(gpuResource="amd.com/gpu"), ["spec.trainer.gpuResource"], id="another GPU resource"),
        pytest.param(swept(gpus=0), ["spec.trainer.gpus"], id="no GPU any more"),
        pytest.param(
            swept().model_copy(update={"resampling": Resampling(kind=ResamplingKind.KFOLD, folds=5)}),
            ["spec.resampling"],
            id="folds in the place of a holdout",
        ),
        pytest.param(swept(parameters={"dataset": "iris"}), ["spec.trainer.parameters.epochs"], id="a parameter less"),
        pytest.param(
            swept(parameters={"dataset": "wine", "epochs": 10, "l1": 1}),
            ["spec.trainer.parameters.dataset", "spec.trainer.parameters.l1"],
            id="a parameter changed and one more",
        ),
    ],
)
def test_what_is_pinned_cannot_change(spec: SweepSpec, fields: list[str]) -> None:
    changed = changed_pinned_fields(spec, PINNED)
    assert [problem.field for problem in changed] == fields
    assert all("cannot change" in problem.message and "new sweep" in problem.message for problem in changed)
