"""`regsweep run --gpus N`: each run is given GPUs of this machine, and what sees none of them does not train on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, FAKE_TRAINER, Workplace

TRAINER = ("sh", "-c", f'echo "given $REGSWEEP_GPUS $CUDA_VISIBLE_DEVICES"; exec {sys.executable} {FAKE_TRAINER} "$@"', "sh")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path, {"flags": [{"name": "l2", "values": [0, 0.01, 0.1]}], "replicates": 1, "parallelism": 3})


def run(place: Workplace, *options: str, visible: str, reference: bool = False) -> subprocess.CompletedProcess[str]:
    command = place.command(*options, trainer=None if reference else TRAINER)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": visible}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS)


def given(place: Workplace) -> set[str]:
    """What each run was given: how many GPUs, and which."""
    lines = [line for path in place.runs.glob("*/output.log") for line in path.read_text().splitlines()]
    return {line.removeprefix("given ") for line in lines if line.startswith("given ")}


def test_each_run_gets_a_gpu_and_no_more_train_at_a_time_than_there_are(place: Workplace) -> None:
    done = run(place, "--gpus", "1", visible="7,9")
    assert done.returncode == 0, done.stderr
    assert "2 at a time" in done.stderr
    assert "applies to clusters only" not in done.stderr
    assert given(place) <= {"1 7", "1 9"}
    assert given(place)


def test_more_at_a_time_share_them_which_is_said(place: Workplace) -> None:
    done = run(place, "--gpus", "2", "--parallelism", "3", visible="7,9")
    assert done.returncode == 0, done.stderr
    assert "note: 3 runs at a time share GPUs, since only 1 of them can have 2" in " ".join(done.stderr.split())
    assert given(place) == {"2 7,9"}


def test_without_the_option_none_is_asked_for_and_none_is_given(place: Workplace) -> None:
    done = run(place, visible="7,9")
    said = " ".join(done.stderr.split())
    assert "here each run uses the devices of this machine, or with --gpus on GPUs of its own" in said
    assert given(place) == {"0 7,9"}


def test_gpus_that_are_not_there_are_refused_before_anything_is_trained(place: Workplace) -> None:
    done = run(place, "--gpus", "1", visible="")
    assert done.returncode == 2
    assert "--gpus: got 1, but CUDA_VISIBLE_DEVICES names 0. Check the driver" in " ".join(done.stderr.split())
    assert not place.runs.exists()


def test_the_reference_trainer_says_where_it_computes_and_never_takes_the_cpu_for_a_gpu(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 1, "parameters": {"dataset": "iris", "units": [4], "epochs": 1}}
    done = run(place, "--gpus", "1", visible="0", reference=True)
    assert done.returncode == 1
    assert "sees no GPU; training does not fall back to the CPU" in " ".join((done.stdout + done.stderr).split())
    done = run(place, visible="0", reference=True)
    assert done.returncode == 0, done.stderr
    assert "here the reference trainer computes on the CPU, or with --gpus" in " ".join(done.stderr.split())
