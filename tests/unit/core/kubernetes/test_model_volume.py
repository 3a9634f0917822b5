"""Models of the final evaluation: on the volume that is named, in a folder of the pick, and of no other training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regsweep.api.spec import Models, Trainer
from regsweep.api.validation import parse_sweep
from regsweep.core.grid import Combination
from regsweep.core.kubernetes.models import with_models
from regsweep.core.sweep import Point
from regsweep.errors import InvalidSweep, InvalidTemplate
from support.training_pods import pod_of

VOLUME: dict[str, Any] = {
    "spec": {"volumes": [{"name": "models", "emptyDir": {}}], "containers": [{"name": "trainer"}]}
}
MODELS = Models(volume_name="models")
GRID = Point("k", Combination("c", {"l2": 0}, 1))


def test_a_final_training_gets_the_picks_folder() -> None:
    pod: Any = with_models(VOLUME, MODELS, replace(GRID, final=True))
    (trainer,) = pod["spec"]["containers"]
    assert trainer["env"] == [{"name": "REGSWEEP_MODELS", "value": "/regsweep/models/k"}]
    assert trainer["volumeMounts"] == [{"name": "models", "mountPath": "/regsweep/models"}]


def test_trainings_of_the_grid_save_nothing() -> None:
    assert with_models(VOLUME, MODELS, GRID) == VOLUME
    assert with_models(VOLUME, None, replace(GRID, final=True)) == VOLUME


def test_a_volume_that_is_not_there_is_missed_before_anything_trains() -> None:
    with pytest.raises(
        InvalidTemplate, match=r"spec\.trainer\.models\.volumeName: the pod template has no volume 'models'"
    ):
        pod_of({}, trainer=Trainer(models=MODELS))


@pytest.mark.parametrize(("models", "says"), [({}, "volumeName"), ({"volumeName": "a", "every": 1}, "every")])
def test_what_is_wrong_is_named(models: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSweep, match=f"spec.trainer.models.*{says}"):
        parse_sweep({"spec": {"flags": [{"name": "l2", "values": [1]}], "trainer": {"models": models}}})
