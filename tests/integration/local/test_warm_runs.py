"""`regsweep run` forks runs from a process that has imported what they need: the same results, and a bad run harms no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, Workplace, alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs are forked on Linux alone")

SCRIPT = """
import sys
forked = "scipy" in vars(sys)["modules"]
import os, time
import scipy
import regsweep_kit as kit
flags = kit.flags(l2=0.1, epochs=2)
print("forked" if forked else "fresh", flush=True)
hoard = []
for replicate in kit.replicates():
    rows = replicate.rows(60)
    for epoch in range(1, flags.epochs + 1):
        loss = abs(flags.l2 - 0.01) + 0.001 * (replicate.seed % 7) + 1 / epoch
        if flags.l2 == 0.5:
            {bad}
        replicate.report(epoch, train={{"average_loss": loss}}, val={{"average_loss": loss}}, stop={{"average_loss": loss}})
"""
LEAKS = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31)); hoard.extend(bytearray(1 << 28) for _ in range(99))"
LEAVES = "os.fork() or os.execvp('sleep', ['sleep', '98764'])"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    flags = [{"name": "l2", "values": [0, 0.01, 0.5]}]
    return Workplace(tmp_path, {"flags": flags, "replicates": 2, "parallelism": 2, "trainer": {"gpus": 0}})


def command(place: Workplace, *options: str, bad: str = "pass") -> list[str]:
    script = place.path / "train.py"
    script.write_text(SCRIPT.format(bad=bad))
    return place.command("--output", "json", *options, trainer=(sys.executable, str(script)))


def run(place: Workplace, *options: str, bad: str = "pass") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(place, *options, bad=bad), capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=place.path
    )


def until(holds: Callable[[], bool]) -> None:
    """Looks again and again until it holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


def consoles(place: Workplace) -> set[str]:
    """The first lines of what the runs have printed."""
    return {path.read_text().partition("\n")[0] for path in place.runs.glob("*/output.log")}


def test_a_script_that_imports_much_is_forked_and_its_results_are_the_same(place: Workplace, tmp_path: Path) -> None:
    warm = run(place)
    assert warm.returncode == 0, warm.stderr
    assert consoles(place) == {"forked"}
    place.path = tmp_path / "other"
    place.path.mkdir()
    fresh = run(place, "--no-warm")
    assert consoles(place) == {"fresh"}
    assert json.loads(warm.stdout)["results"] == json.loads(fresh.stdout)["results"]


@pytest.mark.parametrize(
    ("bad", "reason", "message"),
    [
        pytest.param("sys.exit(0)", "TrainerFailed", "before replicate 0 was finished", id="it calls sys.exit(0)"),
        pytest.param("continue", "NothingReported", "without reporting an epoch", id="it never reports"),
        pytest.param("os._exit(0)", "NoRecord", "wrote no termination message", id="it ends behind Python's back"),
        pytest.param("raise ValueError('broken')", "TrainerFailed", "ValueError: broken", id="it fails"),
        pytest.param(
            "flags.dropuot", "TrainerFailed", "no flag dropuot was declared", id="it reads a flag that it does not have"
        ),
        pytest.param("import ctypes; ctypes.string_at(0)", "TrainerFailed", "SIGSEGV", id="it crashes in C"),
        pytest.param(LEAKS, "TrainerFailed", "MemoryError", id="it leaks memory"),
        pytest.param("time.sleep(1000)", "Timeout", "spec.runTimeoutSeconds", id="it hangs"),
        pytest.param(
            "os.fork() and os._exit(0); time.sleep(9)",
            "NoRecord",
            "wrote no termination message",
            id="it goes on in a forked process",
        ),
    ],
)
def test_a_bad_run_has_a_clear_reason_and_the_others_their_results(
    place: Workplace, bad: str, reason: str, message: str
) -> None:
    place.spec["runTimeoutSeconds"] = 3 if reason == "Timeout" else 50
    done = run(place, bad=bad)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert consoles(place) == {"forked"}
    assert sorted(row["flags"]["l2"] for row in found["results"] if "rank" in row) == [0, 0.01]
    (failure,) = found["failures"]
    assert failure["reason"] == reason
    assert message in failure["message"]


def test_a_run_that_reports_no_number_has_diverged(place: Workplace) -> None:
    found = json.loads(run(place, bad="loss = float('nan')").stdout)
    assert {row["flags"]["l2"]: row.get("diverged", 0) for row in found["results"]} == {0: 0, 0.01: 0, 0.5: 2}


def test_a_run_may_print_100_megabytes_and_leave_processes_behind(place: Workplace) -> None:
    done = run(place, bad=f"sys.stdout.write('x' * 25_000_000 + chr(10)); {LEAVES}")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["results"]) == 3
    assert max(path.stat().st_size for path in place.runs.glob("*/output.log")) > 100_000_000
    until(lambda: alive("sleep 98764") == [])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_outlives_the_command(place: Workplace, number: signal.Signals, code: int) -> None:
    mark = place.path / "waiting"
    line = command(place, bad=f"open({str(mark)!r}, 'w').close(); time.sleep(1000)")
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place.path)
    until(mark.exists)
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == code, err
    until(lambda: alive(str(place.path)) == [])


def test_the_real_trainer_trains_to_the_digit_as_a_fresh_one(place: Workplace, tmp_path: Path) -> None:
    place.spec["flags"] = [{"name": "dropout", "values": [0, 0.5]}]
    place.spec["trainer"] = {"gpus": 0, "parameters": {"dataset": "iris", "units": [4], "epochs": 3}}
    messages = []
    for folder, option in (("warm", "--warm"), ("fresh", "--no-warm")):
        place.path = tmp_path / folder
        place.path.mkdir()
        line = place.command(option, trainer=None)
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=place.path)
        assert done.returncode == 0, done.stderr
        messages.append({path.parent.name: _untimed(path) for path in place.runs.glob("*/message.json")})
    assert len(messages[0]) == 2
    assert messages[0] == messages[1]


KERAS = """
import sys
print("forked" if "keras" in vars(sys)["modules"] else "fresh", flush=True)
import regsweep_kit as kit
flags = kit.flags(dropout=0.1)
import keras
import numpy as np
x = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
y = (x[:, 0] > 0).astype("float32")
for replicate in kit.replicates():
    rows = replicate.split(x, y)
    noise = np.random.normal(size=5)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(flags.dropout), keras.layers.Dense(1)])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    rows = rows.map(lambda part: part + noise)
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=[replicate.keras(rows)])
"""


def test_a_keras_script_trains_to_the_digit_as_a_fresh_one(place: Workplace, tmp_path: Path) -> None:
    place.spec["flags"] = [{"name": "dropout", "values": [0, 0.5]}]
    messages = []
    for option, console in (("--warm", "forked"), ("--no-warm", "fresh")):
        place.path = tmp_path / console
        place.path.mkdir()
        (place.path / "train.py").write_text(KERAS)
        line = place.command(option, trainer=(sys.executable, str(place.path / "train.py")))
        environment = {**os.environ, "KERAS_HOME": str(tmp_path), "TF_ENABLE_ONEDNN_OPTS": "0"}
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment, cwd=place.path)
        assert done.returncode == 0, done.stderr
        assert consoles(place) == {console}
        messages.append({path.parent.name: _untimed(path) for path in place.runs.glob("*/message.json")})
    assert len(messages[0]) == 2
    assert list(messages[0].values()) == list(messages[1].values())


def _untimed(path: Path) -> dict[str, object]:
    message: dict[str, object] = json.loads(path.read_text())
    del message["times"]
    return message
