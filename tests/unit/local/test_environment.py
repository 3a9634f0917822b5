"""The environment of a local process: a pod's, with folders beside the run in the place of volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regsweep.api.spec import SweepSpec
from regsweep.api.status import Resolved
from regsweep.core.grid import Combination
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.local.environment import local_environment


def environment(folder: Path, final: bool = False, histogram_epochs: int = 0, **trainer: Any) -> dict[str, str]:
    spec = SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0]}], "trainer": trainer})
    resolved = Resolved(image="t", parameters={}, gpus=0, gpu_resource="nvidia.com/gpu", seed=1, operator_version="1")
    run = RunRequest("r", Point("k", Combination("c", {"l2": 0}, 1), final), 0, 1, 1, attempt=0, linger_seconds=0)
    return local_environment(Sweep("s", "ml", "uid", 1, spec, resolved, points=()), run, 0, folder, histogram_epochs)


def test_checkpoints_are_beside_the_runs_and_by_point(tmp_path: Path) -> None:
    for run in ("r1", "r2"):
        kept = environment(tmp_path / "sweep" / run, checkpoints={"volumeName": "any"})
        assert kept["REGSWEEP_CHECKPOINTS"] == str(tmp_path / "sweep" / "checkpoints" / "k")
    assert "REGSWEEP_CHECKPOINTS" not in environment(tmp_path / "sweep" / "r1")


def test_only_a_final_training_saves_its_models_and_does_so_in_its_run(tmp_path: Path) -> None:
    assert "REGSWEEP_MODELS" not in environment(tmp_path)
    assert environment(tmp_path, final=True)["REGSWEEP_MODELS"] == str(tmp_path / "model")


def test_histograms_are_noted_only_if_they_are_asked_for(tmp_path: Path) -> None:
    assert not [name for name in environment(tmp_path) if "HISTOGRAM" in name]
    asked = environment(tmp_path, histogram_epochs=5)
    assert asked["REGSWEEP_HISTOGRAMS"] == str(tmp_path / "histograms.jsonl")
    assert asked["REGSWEEP_HISTOGRAM_EPOCHS"] == "5"
