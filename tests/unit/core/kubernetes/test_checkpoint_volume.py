"""Checkpoints in a pod: the named volume is mounted, and a folder of it belongs to the point, whatever Job trains it."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.spec import Checkpoints, Trainer
from regsweep.api.validation import parse_sweep
from regsweep.core.kubernetes.checkpoints import checkpoint_environment
from regsweep.errors import InvalidSweep, InvalidTemplate
from support.training_pods import pod_of

VOLUME: dict[str, Any] = {"spec": {"volumes": [{"name": "ckpt", "emptyDir": {}}]}}


def trainer_of(pod: Any) -> dict[str, Any]:
    (trainer,) = (entry for entry in pod["spec"]["containers"] if entry["name"] == "trainer")
    return trainer  # type: ignore[no-any-return]


def environment(pod: Any) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in trainer_of(pod)["env"]}


def kept(every: int = 10) -> Trainer:
    return Trainer(checkpoints=Checkpoints(volume_name="ckpt", every_epochs=every))


def test_the_volume_is_mounted_and_the_folder_is_the_points() -> None:
    pod = pod_of(VOLUME, trainer=kept(5))
    assert trainer_of(pod)["volumeMounts"] == [{"name": "ckpt", "mountPath": "/regsweep/checkpoints"}]
    assert environment(pod)["REGSWEEP_CHECKPOINTS"] == "/regsweep/checkpoints/k"  # the point's key
    assert environment(pod)["REGSWEEP_CHECKPOINT_EPOCHS"] == "5"


def test_other_mounts_stay() -> None:
    template = {
        "spec": {
            **VOLUME["spec"],
            "containers": [{"name": "trainer", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        }
    }
    mounts = trainer_of(pod_of(template, trainer=kept()))["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts] == ["/data", "/regsweep/checkpoints"]


def test_a_volume_that_is_not_there_is_named() -> None:
    with pytest.raises(
        InvalidTemplate, match=r"checkpoints\.volumeName: the pod template has no volume 'ckpt'; it has none\."
    ):
        pod_of({}, trainer=kept())


def test_without_checkpoints_nothing_is_mounted() -> None:
    pod = pod_of(VOLUME)
    assert "volumeMounts" not in trainer_of(pod)
    assert "REGSWEEP_CHECKPOINTS" not in environment(pod)


@pytest.mark.parametrize(
    ("checkpoints", "says"),
    [
        ({}, "volumeName"),
        ({"volumeName": "a", "everyEpochs": 0}, "everyEpochs"),
        ({"volumeName": "a", "every": 1}, "every"),
    ],
)
def test_what_is_wrong_is_named(checkpoints: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSweep, match=f"spec.trainer.checkpoints.*{says}"):
        parse_sweep({"spec": {"flags": [{"name": "l2", "values": [1]}], "trainer": {"checkpoints": checkpoints}}})


def test_the_environment_is_the_contracts() -> None:
    assert checkpoint_environment(Checkpoints(volume_name="v", every_epochs=3), "/a/b") == {
        "REGSWEEP_CHECKPOINTS": "/a/b",
        "REGSWEEP_CHECKPOINT_EPOCHS": "3",
    }
