"""A script of one's own as a cluster runs it: the whole contract, kept by kit.flags and kit.replicates to whatever end the script comes."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.trainer_process import Start, completed, exposed, poll, refused, surroundings, written

USUAL = '''"""Trains nothing."""
import os, signal, sys, threading, time
import regsweep_kit as kit

flags = kit.flags(scale=kit.flag(1.0, "of the losses"), epochs=3, seconds=0.0, data=kit.file(None, "a table"), mode="usual")
for replicate in kit.replicates():
    rows = replicate.rows(100)
    for epoch in range(1, flags.epochs + 1):
        threading.Event().wait(flags.seconds)
        loss = flags.scale * ((epoch - 2.5) ** 2 + replicate.number)
        {inner}
        test = None if rows.test is None else {{"average_loss": loss + 3}}
        replicate.report(epoch, train={{"average_loss": loss}}, val={{"average_loss": loss + 1}}, stop={{"average_loss": loss}}, test=test)
{after}
'''


@pytest.fixture
def script(start: Start, tmp_path: Path) -> Callable[..., Start]:
    """A way to start a script with more in its loop, or after it."""

    def made(inner: str = "pass", after: str = "", arguments: tuple[str, ...] = (), text: str | None = None) -> Start:
        path = tmp_path / "train.py"
        path.write_text(USUAL.format(inner=inner, after=after) if text is None else text)
        return partial(start, command=(sys.executable, str(path), *arguments))

    return made


def test_from_the_environment_to_the_last_scrape(script: Callable[..., Start], port: int) -> None:
    environment = {"REGSWEEP_REPLICATES": "2", "REGSWEEP_FIRST_REPLICATE": "4", "REGSWEEP_FLAG_NAMES": '["scale"]'}
    trainer = script()({"scale": 2, "epochs": 3}, port, REGSWEEP_LINGER_SECONDS="100", **environment)
    last = trainer.until(lambda text: completed(text) == 2)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["columns"] == ["train_average_loss", "val_average_loss", "late_gain"]
    assert message["records"] == [
        [4, "Ok", 3, [8.5, 9.5, 0], [2, 8.5, 9.5]],
        [5, "Ok", 3, [10.5, 11.5, 0], [2, 10.5, 11.5]],
    ]
    assert exposed(last, 5, "late_gain", "") == 0
    assert message["rows"] == {"train": 48, "stop": 16, "val": 16, "test": 20}
    assert message["rule"] == {"metric": "val_average_loss", "goal": "Minimize"}
    assert len(message["times"]["replicates"]) == 2
    assert exposed(last, 5, "average_loss", "val") == 11.5
    assert 'regsweep_trainer_info{flag_scale="2",replicate="4",run="r",sweep="s"} 1.0' in last
    assert 'regsweep_trainer_rows{replicate="4",run="r",split="val",sweep="s"} 16.0' in last


KERAS = """
import regsweep_kit as kit
flags = kit.flags(l2=0.0)
import keras, numpy as np
x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
for replicate in kit.replicates():
    rows = replicate.split(x, x[:, 0])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="out")])
    model.compile("adam", "mse")
    model.fit(*rows.train, epochs=4, verbose=0, callbacks=[replicate.keras(rows)])
"""


def test_histograms_of_a_keras_model_are_kept_where_they_are_asked_for(
    script: Callable[..., Start], tmp_path: Path
) -> None:
    asked = {"REGSWEEP_HISTOGRAMS": str(tmp_path / "h"), "REGSWEEP_HISTOGRAM_EPOCHS": "3", "REGSWEEP_REPLICATES": "2"}
    trainer = script(text=KERAS)({"l2": 0}, **asked)
    assert trainer.wait() == 0, trainer.err
    graph, *noted = [json.loads(line) for line in (tmp_path / "h").read_text().splitlines()]
    assert json.loads(graph["graph"])["class_name"] == "Sequential"
    assert [(each["replicate"], each["epoch"]) for each in noted] == [(0, 1), (0, 4)]
    assert {name: sum(counts) for name, (_, _, counts) in noted[0]["weights"].items()} == {
        "sequential/out/kernel": 4,
        "sequential/out/bias": 1,
    }


def test_by_itself_it_is_an_ordinary_script(script: Callable[..., Start], tmp_path: Path) -> None:
    script()
    command = [sys.executable, str(tmp_path / "train.py"), "--epochs", "2"]
    done = subprocess.run(command, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("replicate 0: after epoch 2, train_average_loss 0.25, val_average_loss 1.25")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.py"]
    helped = subprocess.run([*command, "--help"], env=surroundings(), capture_output=True, text=True, timeout=60)
    assert helped.returncode == 0
    assert "--scale FLOAT" in helped.stdout
    assert "of the losses" in helped.stdout
    assert "Trains nothing." in helped.stdout


def test_an_error_of_a_script_by_itself_is_an_ordinary_one(script: Callable[..., Start], tmp_path: Path) -> None:
    script("raise ValueError('broken')")
    command = [sys.executable, str(tmp_path / "train.py")]
    done = subprocess.run(command, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    wrong = subprocess.run([*command, "--epoch", "2"], env=surroundings(), capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 64
    assert wrong.stderr.startswith(
        'InvalidFlags: command line: unknown flag "epoch" (got "--epoch"), did you mean epochs?'
    )


def test_the_sweep_counts_before_the_command_line(script: Callable[..., Start]) -> None:
    trainer = script(arguments=("--scale=5", "--epochs=1"))({"scale": 2})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"][0][2:4] == [1, [4.5, 5.5, None]]


@pytest.mark.parametrize(
    ("flags", "environment", "code", "reason", "text"),
    [
        ({"scales": 1}, {}, 64, "InvalidFlags", 'unknown flag "scales" (got 1), did you mean scale?'),
        ({"epochs": "many"}, {}, 64, "InvalidFlags", 'flag epochs: got "many", want an integer'),
        ({}, {"REGSWEEP_FLAG_NAMES": '["l2"]'}, 64, "InvalidContract", "'l2' are not flags of this script"),
        ({}, {"REGSWEEP_REPLICATES": "many"}, 64, "InvalidContract", "REGSWEEP_REPLICATES"),
        (
            {},
            {"JOB_COMPLETION_INDEX": "1", "REGSWEEP_LAST_REPLICATE": "0"},
            65,
            "NothingToTrain",
            "too many completions",
        ),
        ({}, {"REGSWEEP_RESAMPLING": '{"kind":"KFold","folds":50}'}, 64, "BadData", "too few rows (100)"),
        (
            {},
            {"REGSWEEP_OBJECTIVE": '{"metric":"val_auc","goal":"Maximize","epoch":"Last"}'},
            64,
            "InvalidContract",
            "report auc too",
        ),
        ({"epochs": 0}, {}, 64, "NothingReported", "without reporting an epoch"),
        ({"data": "missing.csv"}, {}, 64, "BadData", "cannot read missing.csv"),
    ],
)
def test_each_refusal_has_its_reason_and_exit_code(
    script: Callable[..., Start],
    flags: dict[str, object],
    environment: dict[str, str],
    code: int,
    reason: str,
    text: str,
) -> None:
    assert text in refused(script()(flags, **environment), code, reason)


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        pytest.param("sys.exit(0)", "the script ended before replicate 0 was finished", id="sys.exit(0)"),
        pytest.param("raise SystemExit", "the script ended before replicate 0 was finished", id="SystemExit"),
        pytest.param("break", "without reporting an epoch", id="break out of the epochs"),
        pytest.param("raise MemoryError('no room')", "MemoryError: no room", id="an error"),
        pytest.param("raise KeyError('x')", "KeyError: 'x'", id="another error"),
    ],
)
def test_a_script_that_ends_early_says_why(script: Callable[..., Start], inner: str, text: str) -> None:
    trainer = script(inner)({})
    assert trainer.wait() in (1, 64)
    assert text in trainer.message["error"]["message"]
    assert trainer.message["records"] == []


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("import regsweep_kit as kit\nkit.flags(scale=1.0)\n", 1, "the script ended without kit.replicates()"),
        ("import regsweep_kit as kit\nkit.flags()\nkit.flags()\n", 64, "kit.flags was called twice"),
        ("import regsweep_kit as kit\nfor r in kit.replicates():\n    break\n", 1, "before replicate 0 was finished"),
        ("import regsweep_kit as kit\nkit.replicates()\n", 1, "the script ended"),
        ("import regsweep_kit as kit\nkit.flags(a=None)\n", 64, "give type="),
        (
            "import sys\nimport regsweep_kit as kit\nkit.flags()\nsys.excepthook = None\nraise ValueError\n",
            1,
            "the script ended",
        ),
    ],
)
def test_a_script_that_does_not_train_says_what_is_missing(
    script: Callable[..., Start], text: str, code: int, message: str
) -> None:
    trainer = script(text=text)({})
    assert trainer.wait() == code, trainer.err
    assert message in trainer.message["error"]["message"]


def test_finished_replicates_are_kept_when_a_later_one_fails(script: Callable[..., Start]) -> None:
    trainer = script("if replicate.number == 1: raise ValueError('broken')")({}, REGSWEEP_REPLICATES="3")
    assert trainer.wait() == 1
    assert [record[0] for record in trainer.message["records"]] == [0]
    assert trainer.message["error"]["message"] == "ValueError: broken"


def test_an_error_after_the_last_replicate_is_shown_and_costs_no_result(script: Callable[..., Start]) -> None:
    trainer = script(after="raise ValueError('cannot save')")({})
    assert trainer.wait() == 0
    assert "cannot save" in trainer.err
    assert "every replicate has its record" in trainer.err
    assert "error" not in trainer.message


def test_a_scripts_own_ending_still_runs(script: Callable[..., Start]) -> None:
    trainer = script("import atexit; atexit.register(print, 'goodbye'); raise ValueError")({})
    assert trainer.wait() == 1
    assert "goodbye" in trainer.out


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_a_loss_that_is_no_number_is_a_result(script: Callable[..., Start], value: str) -> None:
    trainer = script(f"loss = {value} if epoch == 2 else loss")({})
    assert trainer.wait() == 0
    assert trainer.message["records"] == [[0, "Diverged", 2, [None, None, None], [1, 2.25, 3.25]]]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_training_keeps_what_is_finished(
    script: Callable[..., Start], number: signal.Signals, code: int
) -> None:
    trainer = script()({"seconds": 0.05}, REGSWEEP_REPLICATES="16")
    poll(lambda: written(trainer, 1))
    trainer.process.send_signal(number)
    assert trainer.wait() == code
    assert trainer.message["error"]["reason"] == "Terminated"
    assert 1 <= len(trainer.message["records"]) < 16


FORKS = {
    "os.fork and sys.exit": "pid = os.fork()\n        if not pid: sys.exit(3)\n        assert os.waitpid(pid, 0)[1] == 3 << 8",
    "os.fork and an error": "pid = os.fork()\n        if not pid: raise ValueError('child')\n        os.waitpid(pid, 0)",
    "a child that is terminated": (
        "pid = os.fork()\n        if not pid: time.sleep(99)\n        os.kill(pid, signal.SIGTERM); os.waitpid(pid, 0)"
    ),
    "a pool of processes": (
        "import multiprocessing\n        with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(abs, range(4))"
    ),
}


@pytest.mark.parametrize("inner", FORKS.values(), ids=FORKS)
def test_a_script_that_forks_is_one_run(script: Callable[..., Start], inner: str) -> None:
    trainer = script(inner)({"epochs": 2})
    assert trainer.wait() == 0, trainer.err
    assert [record[:3] for record in trainer.message["records"]] == [[0, "Ok", 2]]
    assert "error" not in trainer.message
    assert "TrainerFailed" not in trainer.err, "a child says nothing of the run"


def test_processes_that_import_the_script_anew_report_nothing(script: Callable[..., Start]) -> None:
    text = """
import multiprocessing
import regsweep_kit as kit
flags = kit.flags()
if __name__ == "__main__":
    for replicate in kit.replicates():
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            losses = pool.map(abs, [1.0, 2.0])
        replicate.report(1, train={"average_loss": losses[0]}, val={"average_loss": losses[1]})
"""
    trainer = script(text=text)({})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"] == [[0, "Ok", 1, [1, 2], None]]
    assert "TrainerFailed" not in trainer.err, "a child says nothing of the run"


@pytest.mark.parametrize("names", [("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")])
def test_of_several_processes_rank_0_reports(script: Callable[..., Start], names: tuple[str, str]) -> None:
    other = script()({}, **{names[0]: "1", names[1]: "2"})
    assert other.wait() == 0, other.err
    assert not other.log.exists()
    assert other.out == ""
    first = script()({}, **{names[0]: "0", names[1]: "2"})
    assert first.wait() == 0, first.err
    assert len(first.message["records"]) == 1


def test_a_rank_without_others_is_somebody_elses_variable(script: Callable[..., Start]) -> None:
    trainer = script()({}, RANK="3")
    assert trainer.wait() == 0
    assert len(trainer.message["records"]) == 1


def test_test_rows_are_scored_only_when_asked(script: Callable[..., Start]) -> None:
    asked = script()({}, REGSWEEP_SCORE_TEST="1")
    assert asked.wait() == 0, asked.err
    assert asked.message["columns"] == ["train_average_loss", "val_average_loss", "test_average_loss"]
    assert asked.message["records"][0][3] == [0.25, 1.25, 3.25]
    unasked = script(
        "replicate.report(1, train={'average_loss': 1}, val={'average_loss': 1}, test={'average_loss': 1})"
    )({})
    assert "report it only where rows.test is not None" in refused(unasked, 64, "InvalidContract")


def test_data_are_identified_guarded_and_named_in_the_record(script: Callable[..., Start], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"new")
    old, new = hashlib.sha256(b"old").hexdigest(), hashlib.sha256(b"new").hexdigest()
    flags = {"data": str(tmp_path / "data.csv")}
    asked = script(arguments=("--identify",))(flags)
    assert asked.wait() == 0, asked.err
    assert json.loads(asked.out) == {"dataDigest": new, "generation": 1}
    assert not asked.log.exists()
    refused(script()(flags, REGSWEEP_DATA_DIGEST=old), 64, "DataChanged")
    same = script()(flags, REGSWEEP_DATA_DIGEST=new[:12])
    assert same.wait() == 0, same.err
    assert same.message["dataDigest"] == new[:16]


@pytest.mark.parametrize(
    ("flags", "code", "out"), [({}, 0, '{"generation": 1}\n'), ({"data": "missing.csv"}, 64, ""), ({"l2": 1}, 64, "")]
)
def test_the_question_for_data_is_answered_or_refused(
    script: Callable[..., Start], flags: dict[str, object], code: int, out: str
) -> None:
    asked = script(arguments=("--identify",))(flags)
    assert (asked.wait(), asked.out) == (code, out)
    assert "Traceback" not in asked.err


def test_replicate_k_has_the_same_seeds_and_rows_in_whatever_process(
    script: Callable[..., Start], tmp_path: Path
) -> None:
    text = """
import random, numpy
import regsweep_kit as kit
for replicate in kit.replicates():
    seen = [replicate.seed, random.random(), float(numpy.random.random()), replicate.rows(50).val.tolist()]
    print(replicate.number, seen)
    replicate.report(1, train={"average_loss": 1}, val={"average_loss": 1})
"""
    both, one = script(text=text)({}, REGSWEEP_REPLICATES="2"), script(text=text)({}, REGSWEEP_FIRST_REPLICATE="1")
    assert both.wait() == one.wait() == 0, (both.err, one.err)
    lines = [line for line in both.out.splitlines() if not line.startswith("replicate")]
    assert lines[1] == one.out.splitlines()[0]
    assert lines[0].split(" ", 1)[1] != lines[1].split(" ", 1)[1]


def test_a_record_that_cannot_be_written_ends_the_script_before_it_trains(
    script: Callable[..., Start], tmp_path: Path
) -> None:
    trainer = script()({}, REGSWEEP_TERMINATION_LOG=str(tmp_path / "no" / "log"))
    assert trainer.wait() == 1
    assert trainer.err.startswith("RecordUnwritable: ")
    assert trainer.out == ""
