"""A training pod of a plain sweep, under the templates of an installation and of a namespace."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from regsweep.api.spec import SweepSpec, Trainer
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.grid import Combination
from regsweep.core.kubernetes.podtemplate import JobDefaults, pod_template
from regsweep.core.ownership import JsonObject
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Point, Sweep


def pod_of(
    installation: Mapping[str, JsonValue],
    shared: Mapping[str, JsonValue] | None = None,
    trainer: Trainer | None = None,
) -> JsonObject:
    """The pod. installation: REGSWEEP_TRAINER_TEMPLATE; shared: field `template` of a PodTemplate that the sweep names."""
    spec = SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0]}], "trainer": trainer or Trainer()})
    resolved = Resolved(image="t", parameters={}, gpus=0, gpu_resource="nvidia.com/gpu", seed=1, operator_version="1")
    sweep = Sweep("s", "ml", "uid", 1, spec, resolved, points=())
    run = RunRequest("r", Point("k", Combination("c", {"l2": 0}, 1)), 0, 1, 1, attempt=0, linger_seconds=0)
    objective = ObjectiveStatus.model_validate({"metric": "val_average_loss", "goal": "Minimize", "epoch": "Last"})
    return pod_template(sweep, run, objective, shared, JobDefaults(template=installation))
