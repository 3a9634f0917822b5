"""Training on this machine's GPU beside its CPU: `PYTHONPATH=tests KERAS_BACKEND=jax python -m bench.gpu`, with PyTorch for its script.

Prints a page. Every check that fails is named at the end too, and the exit status is then 1.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from integration.local.sweeps import Workplace
from support.trainer_process import REFERENCE, Trainer, poll

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "images/kit/examples"
LARGE: Final = (60_000, 100)
"""Rows and columns of the large table."""
DIGITS: Final[Mapping[str, Any]] = {"dataset": "digits", "model": "cnn", "dropout": 0.3}
RUNS_AT_A_TIME: Final = (1, 4, 8)
HISTORY: Final = "history"
NEAR: Final = 0.02
"""Largest relative difference of losses between CPU and GPU after one epoch that is no fault: products on a GPU have 10 bits (TF32)."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of one process."""

    message: Mapping[str, Any]
    seconds: float
    """From its start to its end."""
    history: Path

    @property
    def records(self) -> Any:
        return self.message["records"]

    @property
    def per_replicate(self) -> Sequence[float]:
        return [to - begin for begin, to in self.message["times"]["replicates"]]

    def losses(self, epoch: int) -> list[float]:
        """Of the validation rows after this epoch, by replicate."""
        lines = [json.loads(line) for line in self.history.read_text().splitlines()]
        return [line["values"]["val_average_loss"] for line in lines if line.get("epoch") == epoch]


class Bench:
    """Trains in a folder of its own, and notes what was not as it should be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.failed: list[str] = []

    def begin(self, flags: Mapping[str, Any], command: Sequence[str] = REFERENCE, **environment: str) -> Trainer:
        """Starts a trainer with nothing compiled yet, unless the environment names a cache."""
        self._number += 1
        place = self._folder / f"trainer-{self._number}"
        place.mkdir()
        own = {"XDG_CACHE_HOME": str(place), "REGSWEEP_HISTORY": str(place / HISTORY), **environment}
        if backend := os.environ.get("KERAS_BACKEND"):
            own["KERAS_BACKEND"] = backend
        return Trainer(place, dict(flags), 0, command, None, **own)

    def train(self, flags: Mapping[str, Any], command: Sequence[str] = REFERENCE, **environment: str) -> Trained:
        began = time.monotonic()
        trainer = self.begin(flags, command, **environment)
        code = trainer.wait()
        self.check(f"a trainer ends well: {trainer.err[-2000:]}", code == 0)
        return Trained(trainer.message, time.monotonic() - began, trainer.log.with_name(HISTORY))

    def check(self, what: str, holds: bool) -> str:
        """The line about it."""
        if not holds:
            self.failed.append(what)
            print(f"FAILED: {what}", file=sys.stderr, flush=True)
        return f"- {'yes' if holds else 'NO'}: {what}"


def networks(folder: Path) -> dict[str, dict[str, Any]]:
    """By what they are called, flags of networks from small to large."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=LARGE).astype(np.float32)
    np.savez(folder / "large.npz", x=x, y=(np.sin(x[:, 0] * x[:, 1]) + x[:, 2] > 0).astype(np.int64))
    large = {"data_path": str(folder / "large.npz"), "target": "y", "units": [1024, 1024], "batch_size": 256}
    return {
        "breast_cancer, dense 64-64": {"dataset": "breast_cancer", "l2": 0.001, "dropout": 0.3, "epochs": 50},
        "digits, convolutions 32-64": {**DIGITS, "epochs": 10},
        "60,000 rows x 100, dense 1024-1024": {**large, "dropout": 0.3, "epochs": 3},
    }


def beside_the_cpu(bench: Bench, folder: Path) -> Iterator[str]:
    """A table of times, and whether the losses agree."""
    yield (
        "| network | epochs | CPU, a replicate | GPU, a replicate | GPU, the first one | GPU, start to end of 3 "
        "| loss after one epoch, GPU against CPU | at the end | spread of seeds at the end |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for name, flags in networks(folder).items():
        cpu = bench.train(flags, REGSWEEP_REPLICATES="3")
        gpu = bench.train(flags, REGSWEEP_REPLICATES="3", REGSWEEP_GPUS="1")
        epochs = flags["epochs"]
        begun, ended = (_apart(gpu.losses(epoch), cpu.losses(epoch)) for epoch in (1, epochs))
        bench.check(f"losses of {name} after one epoch agree with the CPU's", begun < NEAR)
        first, *others = gpu.per_replicate
        spread = np.std(cpu.losses(epochs), ddof=1) / np.mean(cpu.losses(epochs))
        yield (
            f"| {name} | {epochs} | {min(cpu.per_replicate[1:]):.1f} s | {min(others):.1f} s | {first:.1f} s | {gpu.seconds:.1f} s "
            f"| {begun:.2%} | {ended:.2%} | {spread:.2%} |"
        )


def _apart(these: Sequence[float], others: Sequence[float]) -> float:
    """The largest relative difference."""
    return max(abs(a / b - 1) for a, b in zip(these, others, strict=True))


def contract(bench: Bench, folder: Path) -> Iterator[str]:
    """What is promised of a trainer with a GPU."""
    flags = {**DIGITS, "epochs": 30}
    whole = bench.train(flags, REGSWEEP_GPUS="1", REGSWEEP_REPLICATES="2")
    device = whole.message["device"]
    yield bench.check(f"the record names the GPU: {device}, gpus {whole.message['gpus']}", whole.message["gpus"] == 1)
    again = bench.train(flags, REGSWEEP_GPUS="1", REGSWEEP_REPLICATES="2")
    yield bench.check(
        "trained again in another process, compiled anew: the same to the bit", again.records == whole.records
    )

    kept = {"REGSWEEP_CHECKPOINTS": str(folder / "kept"), "REGSWEEP_HISTORY": str(folder / "history")}
    first = bench.begin(flags, REGSWEEP_GPUS="1", REGSWEEP_REPLICATES="2", REGSWEEP_CHECKPOINT_EPOCHS="1000", **kept)
    history = folder / "history"
    poll(lambda: history.exists() and history.read_text().count('"epoch":') >= 5)
    first.process.send_signal(signal.SIGTERM)
    code = first.wait()
    resumed = bench.train(flags, REGSWEEP_GPUS="1", REGSWEEP_REPLICATES="2", **kept)
    yield bench.check(
        f"ended by SIGTERM (exit status {code}) and resumed: the same to the bit",
        code == 143 and resumed.records == whole.records,
    )
    hidden = bench.begin(flags, REGSWEEP_GPUS="1", CUDA_VISIBLE_DEVICES="-1")
    code = hidden.wait()
    reason = hidden.message["error"]["reason"]
    yield bench.check(
        f"a GPU that is not visible: exit status {code}, {reason}", code == 1 and reason == "GpuNotVisible"
    )
    for name in ("digits_cnn.py", "torch_digits.py"):
        script = bench.train({"epochs": 3}, (sys.executable, str(EXAMPLES / name)), REGSWEEP_GPUS="1")
        said = f"{script.message['backend']} on {script.message['device']}"
        yield bench.check(f"the example {name}: {said}", script.message["gpus"] == 1)


def local_runs(bench: Bench, folder: Path) -> Iterator[str]:
    """A sweep by `regsweep run`, on the CPU and on the GPU."""
    flags = [{"name": "dropout", "values": [0, 0.2, 0.4, 0.6]}, {"name": "l2", "values": [0, 0.001]}]
    trainer = {"gpus": 1, "parameters": {"dataset": "digits", "model": "cnn", "epochs": 10}}
    spec: dict[str, object] = {"flags": flags, "replicates": 3, "parallelism": 8, "trainer": trainer}

    def swept(name: str, *options: str) -> tuple[list[Any], float]:
        place = Workplace(folder / name, spec)
        place.path.mkdir()
        environment = {**os.environ, "XDG_CACHE_HOME": str(place.path)}
        command = place.command("--output", "json", *options, trainer=None)
        began = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        bench.check(f"regsweep run ends well: {done.stderr[-2000:]}", done.returncode == 0)
        return json.loads(done.stdout)["results"], time.monotonic() - began

    usual, seconds = swept("cpu")
    yield "| 8 runs of 3 trainings | wall | best | its objective | combinations in another place than on the CPU |"
    yield "|---|---:|---|---:|---:|"
    for name, results, wall in [
        (f"CPU, {min(8, os.cpu_count() or 1)} at a time", usual, seconds),
        *((f"GPU, {n} at a time", *swept(f"gpu-{n}", "--gpus", "1", "--parallelism", str(n))) for n in RUNS_AT_A_TIME),
    ]:
        moved = sum(a["flags"] != b["flags"] for a, b in zip(results, usual, strict=True))
        best, objective = results[0], results[0]["objective"]
        values = ", ".join(f"{key} {value}" for key, value in best["flags"].items())
        error = f"{objective['mean']:.4f} ± {objective['standardError']:.4f}"
        yield f"| {name} | {wall:.0f} s | {values} | {error} | {moved} |"


def machine() -> str:
    """What it is measured on."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    gpu = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().replace(", ", ", driver ")
    packages = " ".join(f"{name} {metadata.version(name)}" for name in ("keras", "jax", "torch", "numpy"))
    return f"{gpu}; {os.cpu_count()} cores; Python {sys.version.split()[0]}; {packages}; {time.strftime('%d %B %Y')}."


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        bench, place = Bench(Path(folder)), Path(folder)
        print(machine(), end="\n\n", flush=True)
        for part in (contract, beside_the_cpu, local_runs):
            for line in part(bench, place):
                print(line, flush=True)
            print(flush=True)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
