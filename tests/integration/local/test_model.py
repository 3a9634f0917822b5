"""`regsweep model`: the pick's model and its card, from the final evaluation or trained once more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.local.sweeps import Workplace

DEADLINE_SECONDS = 300.0
SCRIPT = """
import json
import regsweep_kit as kit
flags = kit.flags(l2=0.1, noise=0.0)
for replicate in kit.replicates():
    rows = replicate.rows(60)
    loss = abs(flags.l2 - 0.01) + 0.001 * (replicate.seed % 7) + flags.noise
    test = None if rows.test is None else {"average_loss": loss}
    replicate.report(1, train={"average_loss": loss}, val={"average_loss": loss}, stop={"average_loss": loss}, test=test)
    SAVE
"""
SAVE = """replicate.save(lambda path: path.write_text(json.dumps([flags.l2, loss])), ".txt")"""
FRESH = """
import json, sys
import keras, numpy as np
from sklearn.datasets import load_iris
assert not any(name.startswith("regsweep") for name in sys.modules)
x, y = load_iris(return_X_y=True)
rows = json.loads(sys.argv[2])
answer = np.asarray(keras.models.load_model(sys.argv[1])(x[rows]))
print(repr(float(-np.mean(np.log(answer[np.arange(len(rows)), y[rows]])))))
"""


def rows_of_test() -> list[int]:
    """The test rows, which are the same ones in every replicate."""
    from regsweep_kit.contract import read_contract
    from regsweep_trainer.data.sources import load
    from regsweep_trainer.flags import parse_flags
    from regsweep_trainer.run import plan_run

    flags = parse_flags({"dataset": "iris"})
    return [int(row) for row in plan_run(read_contract({}), flags, load(flags)).splits[0].test]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(
        tmp_path, {"flags": [{"name": "l2", "values": [0, 0.01]}], "replicates": 3, "trainer": {"gpus": 0}}
    )


def run(place: Workplace, script: str | None) -> None:
    trainer = None
    if script is not None:
        (place.path / "train.py").write_text(script)
        trainer = (sys.executable, str(place.path / "train.py"))
    done = subprocess.run(
        place.command(trainer=trainer), capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=place.path
    )
    assert done.returncode == 0, done.stderr


def model(place: Workplace, *options: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "regsweep.cli", "model", "mine", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=place.path)
    assert done.returncode == code, done.stderr + done.stdout
    return " ".join((done.stdout + done.stderr).split())


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return found


def test_of_a_final_evaluation_it_is_the_model_that_was_saved(place: Workplace) -> None:
    place.spec["final"] = {"evaluate": "Test", "replicates": 4}
    run(place, SCRIPT.replace("SAVE", SAVE))
    assert "replicate 0 of the final evaluation, which saved it" in model(place, "--pick", "best", "-o", "it")
    l2, loss = json.loads((place.path / "it" / "model.txt").read_text())
    found = card(place.path / "it")
    assert (l2, found["flags"]) == (0.01, {"l2": 0.01})
    assert found["metrics"]["test_average_loss"] == pytest.approx(loss, rel=1e-5)
    assert found["metricsOverReplicates"]["test_average_loss"]["replicates"] == 4
    assert found["metricsOverReplicates"]["test_average_loss"]["standardError"] > 0
    assert found["chosen"] == "the best mean of val_average_loss over 3 replicates"
    readme = (place.path / "it" / "README.md").read_text()
    assert readme.startswith("# mine: l2=0.01\nThe best mean of val_average_loss")
    assert not list(place.runs.glob("*/model/.half*"))


def test_without_one_the_pick_is_trained_once_more_and_that_is_said(place: Workplace) -> None:
    run(place, SCRIPT.replace("SAVE", SAVE))
    said = model(place, "-o", "it")
    assert "the sweep has no final evaluation, so that replicate 0 is trained once more" in said
    assert "Its metrics are those of the sweep's own training, digit by digit" in said
    assert json.loads((place.path / "it" / "model.txt").read_text())[0] == 0.01
    assert card(place.path / "it")["pick"] == "OneStandardError"
    assert "it: exists already. Give --yes" in model(place, "-o", "it", code=2)
    model(place, "-o", "it", "--yes")


def test_a_training_that_comes_out_otherwise_is_told_with_both_figures(place: Workplace) -> None:
    run(place, SCRIPT.replace("SAVE", SAVE))
    (place.path / "train.py").write_text(SCRIPT.replace("SAVE", SAVE).replace("loss = abs", "loss = 0.5 + abs"))
    assert "Its metrics differ from the sweep's own training: val_average_loss is 0.5" in model(place)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(SCRIPT.replace("SAVE", "pass"), "the trainer saved no model", id="nothing is saved"),
        pytest.param("raise SystemExit('broken')", "Training it once more failed: ", id="the script fails by now"),
        pytest.param(
            SCRIPT.replace("SAVE", "replicate.save(lambda path: (path.parent / 'no' / 'such').write_text(''))"),
            "cannot write",
            id="it cannot be written",
        ),
    ],
)
def test_without_a_model_it_is_said_why(place: Workplace, script: str, says: str) -> None:
    run(place, SCRIPT.replace("SAVE", SAVE))
    (place.path / "train.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-m", "regsweep.cli", "model", "mine", "-o", "it"],
        capture_output=True,
        text=True,
        cwd=place.path,
    )
    assert done.returncode != 0
    assert says in " ".join(done.stderr.split())
    assert not (place.path / "it").exists()


def test_a_diverged_training_has_no_model(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 0, "parameters": {"noise": 0.0}}
    run(place, SCRIPT.replace("SAVE", SAVE).replace("+ flags.noise", "+ (float('nan') if flags.l2 == 0.01 else 0)"))
    assert "l2=0" in model(place, "-o", "it"), "the one that has not diverged is picked"
    assert card(place.path / "it")["flags"] == {"l2": 0}


def test_the_reference_trainers_model_gives_the_recorded_metric_from_raw_rows(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 0, "parameters": {"dataset": "iris", "units": [8], "epochs": 3}}
    place.spec["final"] = {"evaluate": "Test", "replicates": 3}
    run(place, None)
    model(place, "--pick", "best", "-o", "it")
    found = card(place.path / "it")
    rows = json.dumps(rows_of_test())
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(place.path / "it" / "model.keras"), rows], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # The record has six digits.
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(found["metrics"]["test_average_loss"], rel=5e-6)
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    assert found["dataDigest"]
