"""JAX in TensorFlow's place, in an environment without TensorFlow: networks keep what they promise, and the contract holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster import paths
from integration.local.sweeps import Workplace
from regsweep_kit.contract import read_contract
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.run import plan_run
from support import environments
from support.trainer_process import DEADLINE_SECONDS, Start, Trainer, exposed, poll, surroundings

SOURCES = [str(paths.CHECKOUT / each) for each in ("images/kit/src", "images/trainer/src", "tests")]
SUITE = (
    "test_network.py", "test_regularization.py", "test_resuming.py",
)  # fmt: skip
WHOLE = "not process"
PART = "after_others and nadam or short_batch or not_finite_stops or to_the_bit and rmsprop or all_hidden_outputs or weights_of_rows"
"""Some of what a backend does; all of it takes three minutes of a processor."""
FLAGS: dict[str, Any] = {
    "dataset": "breast_cancer",
    "units": [16],
    "dropout": 0.3,
    "normalization": "batch",
    "l2": 0.01,
}
ANSWERS = """
import sys
import keras, numpy as np
from sklearn.datasets import load_breast_cancer
assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
x, _ = load_breast_cancer(return_X_y=True)
np.save(sys.argv[2], np.asarray(keras.models.load_model(sys.argv[1])(x)))
"""
SCRIPT = """
import keras
import regsweep_kit as kit
flags = kit.flags(l2=0.01, dropout=0.3)
for replicate in kit.replicates():
    keras.utils.set_random_seed(replicate.seed)
    import numpy as np
    x = np.random.default_rng(1).normal(size=(200, 5)).astype("float32")
    rows = replicate.split(x, x @ np.arange(5.0, dtype="float32"))
    kernel = keras.regularizers.L2(flags.l2)
    model = keras.Sequential([keras.layers.Dense(8, kernel_regularizer=kernel), keras.layers.Dropout(flags.dropout), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(*rows.train, epochs=3, verbose=0, callbacks=[replicate.keras(rows)])
    x, y = rows.val.x, rows.val.y
    print("val", float(np.mean((np.asarray(model(x))[:, 0] - y) ** 2)), float(flags.l2 * np.sum(model.layers[0].kernel.numpy() ** 2)))
"""


@pytest.fixture(scope="module")
def python() -> str:
    """Python of the environment."""
    return environments.python_of_trainer("jax")


@pytest.fixture
def begin(start: Start, python: str, tmp_path: Path) -> Callable[..., Trainer]:
    """Starts the trainer there, with nothing compiled yet."""

    def begin(flags: dict[str, Any], port: int = 0, **environment: str) -> Trainer:
        own = {"PYTHONPATH": os.pathsep.join(SOURCES[:2]), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return start(flags, port, command=(python, "-P", "-m", "regsweep_trainer"), **own, **environment)

    return begin


@pytest.mark.parametrize("which", [PART, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["a part", "all"])
def test_what_is_promised_of_networks_holds(python: str, which: str) -> None:
    files = [str(Path(__file__).with_name(name)) for name in SUITE]
    options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull, "--import-mode=importlib", "-k", which]
    environment = {**surroundings(), "PYTHONPATH": os.pathsep.join(SOURCES)}
    command = [python, "-m", "pytest", *options, f"--rootdir={paths.CHECKOUT}", *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS * 5)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_process_reports_is_interrupted_goes_on_and_saves_its_model(
    begin: Callable[..., Trainer], port: int, python: str, tmp_path: Path
) -> None:
    flags = {**FLAGS, "epochs": 40}
    whole = begin(flags, port, REGSWEEP_MODELS=str(tmp_path / "models"), REGSWEEP_LINGER_SECONDS="100")
    last = whole.until(lambda text: "_complete{" in text and "} 1.0" in text.split("_complete{")[1])
    assert whole.wait() == 0, whole.err
    assert (whole.message["backend"], whole.message["device"]) == ("jax", "cpu")
    values = dict(zip(whole.message["columns"], whole.message["records"][0][3], strict=True))
    assert exposed(last, 0, "average_loss", "val") == pytest.approx(values["val_average_loss"], rel=5e-6)

    kept = {"REGSWEEP_CHECKPOINTS": str(tmp_path / "kept"), "REGSWEEP_HISTORY": str(tmp_path / "history")}
    first = begin(flags, **kept, REGSWEEP_CHECKPOINT_EPOCHS="1000")
    poll(lambda: (tmp_path / "history").exists() and (tmp_path / "history").read_text().count('"epoch":') >= 2)
    first.process.send_signal(signal.SIGTERM)
    code = first.wait()
    assert code in (143, 0), first.err  # 0: it had just ended
    second = begin(flags, **kept)
    assert second.wait() == 0, second.err
    assert "goes on after epoch" in second.out
    assert second.message["records"] == whole.message["records"], "compiled anew, from the cache, and from a checkpoint"

    (model,) = (tmp_path / "models").glob("*.keras")
    command = [python, "-c", ANSWERS, str(model), str(tmp_path / "answers.npy")]
    environment = {**surroundings(), "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr
    assert loss_of(np.load(tmp_path / "answers.npy"), flags) == pytest.approx(values["val_average_loss"], rel=1e-4)


def loss_of(answers: Any, flags: dict[str, Any]) -> float:
    """The mean cross-entropy of the first replicate's validation rows, by its definition."""
    parsed = parse_flags(flags)
    plan = plan_run(read_contract({}), parsed, load(parsed))
    rows = plan.splits[0].val
    chances = np.where(plan.data.target[rows] == 1, answers[rows, 0], 1 - answers[rows, 0])
    return float(-np.mean(np.log(chances)))


def test_the_kits_callback_reports_losses_without_and_with_penalties(start: Start, python: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    environment = {"KERAS_BACKEND": "jax", "PYTHONPATH": SOURCES[0], "REGSWEEP_REPLICATES": "2"}
    trainer = start({"l2": 0.1}, command=(python, str(script)), **environment)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["backend"] == "jax"
    said = [list(map(float, line.split()[1:])) for line in trainer.out.splitlines() if line.startswith("val ")]
    for record, (loss, penalty) in zip(message["records"], said, strict=True):
        values = dict(zip(message["columns"], record[3], strict=True))
        assert values["val_average_loss"] == pytest.approx(loss, rel=1e-4)
        assert values["regularization_loss"] == pytest.approx(penalty, rel=1e-4)
        assert values["val_loss"] == pytest.approx(loss + penalty, rel=1e-4)


def test_results_of_both_backends_are_never_ranked_together(python: str, tmp_path: Path) -> None:
    packages = str(next(Path(python).parents[1].glob("lib/python3*/site-packages")))
    flags = [{"name": "l2", "values": [0, 0.01]}]
    parameters = {"dataset": "iris", "epochs": 2}
    spec: dict[str, object] = {"flags": flags, "replicates": 1, "trainer": {"gpus": 0, "parameters": parameters}}
    place = Workplace(tmp_path, spec)

    def run(**environment: str) -> tuple[list[Any], str]:
        command = place.command("--output", "json", trainer=None)
        every = {**surroundings(), "XDG_CACHE_HOME": str(tmp_path / "cache"), **environment}
        done = subprocess.run(command, env=every, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["results"], " ".join(done.stderr.split())

    usual, _ = run()
    on_jax = {"KERAS_BACKEND": "jax", "PYTHONPATH": packages}
    other, said = run(**on_jax)
    change = "the trainer's backend changed (its usual one -> jax): 2 of 2 trainings rest on the old backend and are trained again."
    assert change in said
    assert [each["objective"] for each in other] != [each["objective"] for each in usual]
    assert run()[0] == usual
    again, said = run(**on_jax)
    assert again == other
    assert "all done already" in said
    assert "generation 2 of the trainer on jax" in said


@pytest.mark.long
def test_a_script_on_jax_is_forked_and_its_results_are_those_of_fresh_processes(python: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        'forked = "forkserver" in open("/proc/self/cmdline").read()\n' + SCRIPT + 'print("forked", forked)\n'
    )
    spec: dict[str, object] = {"flags": [{"name": "l2", "values": [0, 0.1]}], "replicates": 2, "trainer": {"gpus": 0}}
    environment = {**surroundings(), "KERAS_BACKEND": "jax", "PYTHONPATH": SOURCES[0], "HOME": str(tmp_path)}
    results = []
    for option, forked in (("--warm", "True"), ("--no-warm", "False")):
        place = Workplace(tmp_path / option, spec)
        place.path.mkdir()
        command = place.command("--output", "json", option, trainer=(python, str(script)))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS * 2)
        assert done.returncode == 0, done.stderr
        assert {path.read_text().split()[-1] for path in place.runs.glob("*/output.log")} == {forked}
        results.append(json.loads(done.stdout)["results"])
    assert results[0] == results[1]
