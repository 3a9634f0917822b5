"""The guide in images/kit/README.md: every script in it trains, by itself and under its sweep."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.trainer_process import Start, surroundings

README = (Path(__file__).parents[3] / "images" / "kit" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's blocks of code in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


SCRIPTS = blocks("python")


def test_no_block_of_code_is_untested() -> None:
    all_blocks = re.findall(r"^```(\w+)$", README, re.MULTILINE)
    assert set(all_blocks) == {"python", "yaml", "sh", "diff", "dockerfile"}, "a Containerfile is not built"


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_script_is_an_ordinary_one_by_itself(number: int, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPTS[number])
    command = [sys.executable, "train.py", "--epochs", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "replicate 0: after epoch 2, train_average_loss " in done.stdout


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_script_keeps_the_contract(number: int, start: Start, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPTS[number])
    command = (sys.executable, str(tmp_path / "train.py"))
    trainer = start({"epochs": 2}, command=command, REGSWEEP_REPLICATES="2", REGSWEEP_SCORE_TEST="1")
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert [record[:3] for record in message["records"]] == [[0, "Ok", 2], [1, "Ok", 2]]
    assert {f"{part}_{metric}" for part in ("train", "val", "test") for metric in ("average_loss", "accuracy")} <= set(
        message["columns"]
    )
    assert all(value is not None for record in message["records"] for value in record[3])


def test_the_sweep_of_the_guide_ranks_its_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPTS[0])
    spec = yaml.safe_load(blocks("yaml")[0])
    spec["spec"]["trainer"]["parameters"] = {"epochs": 2}
    spec["spec"]["flags"] = spec["spec"]["flags"][:1]
    (tmp_path / "sweep.yaml").write_text(json.dumps(spec))
    first, second = blocks("sh")[0].splitlines()
    assert first == "regsweep run sweep.yaml --trainer-command 'python train.py'"
    assert second.startswith("regsweep run --script train.py --flag 'dropout=[0, 0.5]' --flag")
    command = [
        sys.executable,
        "-m",
        "regsweep.cli",
        "run",
        "sweep.yaml",
        "--trainer-command",
        f"{sys.executable} train.py",
        "-o",
        "json",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [row["rank"] for row in json.loads(done.stdout)["results"]] == [1, 2]


FOREIGN = """
import argparse, keras, numpy
parser = argparse.ArgumentParser()
parser.add_argument("--dropout", type=float)
parser.add_argument("--seed", type=int)
given = parser.parse_args()
keras.utils.set_random_seed(given.seed)
x = numpy.random.normal(size=(80, 3))
model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(given.dropout), keras.layers.Dense(1)])
model.compile("sgd", "mse")
logger = keras.callbacks.CSVLogger("log.csv")
model.fit(x, x[:, 0], validation_split=0.5, epochs=2, verbose=0, callbacks=[logger])
"""


def test_a_script_that_knows_nothing_of_it_is_ranked_as_the_guide_says(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FOREIGN)
    (tmp_path / "sweep.yaml").write_text(blocks("yaml")[2])
    command = [
        sys.executable,
        "-m",
        "regsweep.cli",
        "run",
        "sweep.yaml",
        "--trainer-command",
        f"{sys.executable} train.py",
        "-o",
        "json",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [row["flags"]["dropout"] for row in json.loads(done.stdout)["results"]] == [0, 0.5]


def test_one_file_with_script_and_sweep_is_run_on_a_laptop_as_in_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(blocks("yaml")[1])
    command = [sys.executable, "-m", "regsweep.cli", "run", "sweep.yaml", "-o", "json"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert {row["flags"]["l2"] for row in results} == {0, 10}
    assert all(row["replicates"] == 2 for row in results)
