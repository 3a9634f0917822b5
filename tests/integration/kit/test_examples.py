"""The scripts in images/kit/examples keep the contract, and somebody's own scripts do so after five changed lines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import ClusterError, prerequisites
from support import environments
from support.trainer_process import Start, surroundings

EXAMPLES = Path(__file__).parents[3] / "images" / "kit" / "examples"
KIT = Path(__file__).parents[3] / "images" / "kit" / "src"
OWN = {
    "digits": ("dropout", "accuracy"),
    "engines": ("l2", "sparse_categorical_accuracy"),
    "patients": ("dropout", "AUC"),
}
"""Somebody's script -> (a flag that it has afterwards, a metric that it reports)."""


def python_of(script: Path) -> str:
    """The Python that has what the script needs."""
    if script.stem.startswith("xgboost"):
        return environments.python_with("xgboost-cpu-3.2.0", ["xgboost-cpu==3.2.0"])
    if script.stem.startswith("torch"):
        python = environments.python_that_imports("torch", "REGSWEEP_TORCH_PYTHON")
        if python is None:
            pytest.skip(
                "PyTorch's wheels bring 3 GB of CUDA: `make test-all` takes Debian's as root; else name a Python that has it in "
                "REGSWEEP_TORCH_PYTHON"
            )
        return python
    return sys.executable


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_reports_every_replicate_on_all_parts(script: Path, start: Start) -> None:
    environment = {"REGSWEEP_REPLICATES": "2", "REGSWEEP_SCORE_TEST": "1", "PYTHONPATH": str(KIT)}
    trainer = start({"epochs": 2}, command=(python_of(script), str(script)), **environment)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert [record[:3] for record in message["records"]] == [[0, "Ok", 2], [1, "Ok", 2]]
    assert {"train_average_loss", "val_average_loss", "test_average_loss"} <= set(message["columns"])
    assert all(value is not None for record in message["records"] for value in record[3])


@pytest.mark.long
def test_the_pytorch_example_does_so_on_debians_pytorch(start: Start) -> None:
    try:
        prerequisites.ensure(environments.TORCH)
    except ClusterError as error:
        pytest.skip(str(error))
    test_an_example_reports_every_replicate_on_all_parts(EXAMPLES / "torch_digits.py", start)


@pytest.mark.parametrize("name", OWN)
def test_somebodys_script_trains_before_the_five_lines(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "before" / f"{name}.py")]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "val_loss" in done.stdout
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", OWN)
def test_after_the_five_lines_it_keeps_the_contract(name: str, start: Start) -> None:
    flag, metric = OWN[name]
    environment = {
        "REGSWEEP_REPLICATES": "2",
        "REGSWEEP_SCORE_TEST": "1",
        "REGSWEEP_FLAG_NAMES": json.dumps([flag]),
        "REGSWEEP_OBJECTIVE": json.dumps({"metric": f"val_{metric}", "goal": "Maximize", "epoch": "Best"}),
    }
    trainer = start({flag: 0.25}, command=(sys.executable, str(EXAMPLES / "after" / f"{name}.py")), **environment)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert [record[:2] for record in message["records"]] == [[0, "Ok"], [1, "Ok"]]
    assert {f"{part}_{metric}" for part in ("train", "val", "test")} <= set(message["columns"])
    assert all(value is not None for record in message["records"] for value in record[3])
    assert message["records"][0][3] != message["records"][1][3]
