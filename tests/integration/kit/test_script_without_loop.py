"""kit.replicate: a script without a loop over its replicates is run from its top to its end for each of them."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.trainer_process import Start, refused, surroundings

TOP = '''"""Trains nothing."""
import random, sys
import regsweep_kit as kit
flags = kit.flags(scale=1.0, epochs=2)
print("from the top")
'''
TRAINING = """
rows = replicate.rows(100)
for epoch in range(1, flags.epochs + 1):
    loss = flags.scale * (random.random() + rows.train[0] / epoch + replicate.seed % 1000)
    replicate.report(epoch, train={"average_loss": loss}, val={"average_loss": loss}, stop={"average_loss": loss})
"""
FLAT = TOP + "replicate = kit.replicate()" + TRAINING
LOOP = TOP + "for replicate in kit.replicates():" + TRAINING.replace("\n", "\n    ")


@pytest.fixture
def script(start: Start, tmp_path: Path) -> Callable[..., Start]:
    """A way to start this text as a script."""

    def made(text: str) -> Start:
        (tmp_path / "train.py").write_text(text)
        return partial(
            start, command=(sys.executable, str(tmp_path / "train.py")), cwd=tmp_path, REGSWEEP_REPLICATES="3"
        )

    return made


def test_it_reports_what_the_same_script_with_a_loop_does(script: Callable[..., Start]) -> None:
    trainers = []
    for text in (FLAT, LOOP):
        trainers.append(script(text)({"scale": 2}))
        assert trainers[-1].wait() == 0, trainers[-1].err
    flat, loop = (trainer.message for trainer in trainers)
    assert len(flat["records"]) == 3
    assert (flat["records"], flat["columns"], flat["rows"]) == (loop["records"], loop["columns"], loop["rows"])
    assert trainers[0].out.count("from the top") == 4, "once until it is known, and once for each"


@pytest.mark.parametrize("how", [["train.py"], ["-m", "train"]])
def test_by_itself_it_is_an_ordinary_script(how: list[str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FLAT + "print('the end', sys.argv)")
    command = [sys.executable, *how, "--epochs", "1"]
    done = subprocess.run(command, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    end, summary = done.stdout.splitlines()[-2:]
    assert end.startswith("the end")
    assert end.endswith("'--epochs', '1']")
    assert summary.startswith("replicate 0: after epoch 1, train_average_loss ")


def test_each_call_of_a_turn_gives_the_same_replicate_and_leaves_the_generators(script: Callable[..., Start]) -> None:
    text = FLAT + "before = random.getstate()\nassert kit.replicate() is replicate and random.getstate() == before"
    trainer = script(text)({})
    assert trainer.wait() == 0, trainer.err


def test_an_error_in_a_later_turn_keeps_the_earlier_records(script: Callable[..., Start]) -> None:
    trainer = script(FLAT.replace("rows =", "if replicate.number == 2: raise ValueError('broken')\nrows ="))({})
    assert trainer.wait() == 1
    assert [record[0] for record in trainer.message["records"]] == [0, 1]
    assert trainer.message["error"] == {"reason": "TrainerFailed", "message": "ValueError: broken"}


@pytest.mark.parametrize(
    ("text", "code", "reason", "message"),
    [
        pytest.param(TOP + "kit.replicate()\nsys.exit(0)", 1, "TrainerFailed", "called sys.exit", id="it exits early"),
        pytest.param(TOP + "kit.replicate()", 64, "NothingReported", "without reporting an epoch", id="it reports nothing"),
        pytest.param(
            FLAT + "\nfor again in kit.replicates(): pass", 64, "InvalidContract", "two ways to the same", id="a loop too"
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_said(
    script: Callable[..., Start], text: str, code: int, reason: str, message: str
) -> None:
    trainer = script(text)({})
    assert trainer.wait() == code, trainer.err
    assert trainer.message["error"]["reason"] == reason
    assert message in trainer.message["error"]["message"]


def test_where_there_is_no_file_it_is_refused(start: Start) -> None:
    trainer = start({}, command=(sys.executable, "-c", "import regsweep_kit as kit; kit.flags(); kit.replicate()"))
    assert "in a notebook train in `for replicate in kit.replicates():`" in refused(trainer, 64, "InvalidContract")


def test_a_process_that_the_script_starts_trains_nothing(script: Callable[..., Start]) -> None:
    parallel = """
if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
"""
    trainer = script(FLAT + parallel)({})
    assert trainer.wait() == 0, trainer.err
    assert [record[0] for record in trainer.message["records"]] == [0, 1, 2]
