"""What 40 small trainings cost by `regsweep run` and by other tools, and 200 runs' memory: `python -m bench.overhead [TOOL ...]`.

Every tool trains the same network for the same steps, eight combinations five times, on two cores; its time is that of its whole process,
imports included. The other tools are in an environment of their own in the cache, which is made when it is missing.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ENVIRONMENT = Path(os.environ["REGSWEEP_CACHE"]) / "peers" / "local-overhead"
DEADLINE_SECONDS = 3600
REGSWEEP = [sys.executable, "-m", "regsweep.cli", "run"]
FLAGS = [
    {"name": "dropout", "values": [0.0, 0.2, 0.4, 0.5]},
    {"name": "activation", "values": ["relu", "elu"]},
]
REFERENCE = {
    "flags": FLAGS,
    "replicates": 5,
    "parallelism": 2,
    "trainer": {
        "gpus": 0,
        "parameters": {
            "dataset": "breast_cancer",
            "units": [64, 64],
            "epochs": 20,
            "val_fraction": 0.5,
            "test_fraction": 0,
        },
    },
}
MANY = {
    "flags": [{"name": "l2", "range": {"from": 0, "to": 0.0199, "points": 200}}],
    "parallelism": 2,
    "trainer": {"gpus": 0, "parameters": {"dataset": "iris", "units": [8], "epochs": 1}},
}
SCRIPT = [
    *("--script", str(HERE / "by_regsweep.py"), "--replicates", "5", "--parallelism", "2"),
    *("--flag", "dropout=[0.0, 0.2, 0.4, 0.5]", "--flag", "activation=[relu, elu]"),
]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a tool."""

    wall: float
    cpu: float
    """Seconds of processors, of all processes that were waited for."""


def cost(command: list[str], folder: Path) -> Cost:
    """Runs it to its end. Raises CalledProcessError."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    with (folder / "log").open("w") as log:
        subprocess.run(
            command, cwd=folder, env=environment, stdout=log, stderr=log, check=True, timeout=DEADLINE_SECONDS
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - began, cpu)


def manifest(folder: Path, spec: dict[str, object]) -> str:
    path = folder / "sweep.yaml"
    head = {"apiVersion": "regsweep.dev/v1alpha1", "kind": "RegularizationSweep", "metadata": {"name": "bench"}}
    path.write_text(yaml.safe_dump({**head, "spec": spec}))
    return str(path)


def command_of(tool: str, folder: Path) -> list[str]:
    """Its command line."""
    match tool.split():
        case ["regsweep", "script", *options]:
            return [*REGSWEEP, *SCRIPT, *options]
        case ["regsweep", "reference", *options]:
            return [*REGSWEEP, manifest(folder, REFERENCE), *options]
        case _:
            return [str(peers() / "bin" / "python"), str(HERE / f"by_{tool}.py")]


def peers() -> Path:
    """The environment of the other tools."""
    if not (ENVIRONMENT / "complete").exists():
        uv = os.environ["UV"]
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python")]
        subprocess.run([*install, "-r", str(HERE / "requirements.txt")], check=True)
        (ENVIRONMENT / "complete").touch()
    return ENVIRONMENT


class Memory(threading.Thread):
    """Resident memory of `regsweep run` and of the process that it forks from, each half second, in MiB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.command: list[float] = []
        self.server: list[float] = []

    def run(self) -> None:
        while (own := _resident(self._pid)) is not None:
            servers = [
                _resident(child) for child in _children(self._pid) if b"forkserver.py" in _file(child, "cmdline")
            ]
            if servers and servers[0] is not None:
                self.command.append(own)
                self.server.append(servers[0])
            time.sleep(0.5)


def _children(pid: int) -> list[int]:
    return [int(child) for child in _file(pid, f"task/{pid}/children").split()]


def _resident(pid: int) -> float | None:
    pages = _file(pid, "statm").split()
    return int(pages[1]) * resource.getpagesize() / 2**20 if pages and pages[1] != b"0" else None


def _file(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def many_runs() -> None:
    """200 runs of one command: what it and its server hold on the way, and at most (the analysis comes at the end)."""
    with tempfile.TemporaryDirectory(prefix="regsweep-bench-") as name:
        began = time.monotonic()
        process = subprocess.Popen(
            [*REGSWEEP, manifest(Path(name), MANY)], cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        memory = Memory(process.pid)
        memory.start()
        process.wait(DEADLINE_SECONDS)
        wall = time.monotonic() - began
        done = len(list(Path(name).glob("runs/bench/*/message.json")))
    print(
        f"{done} runs in {wall:.0f} s, exit code {process.returncode}; resident MiB after each quarter of the time, and the most:"
    )
    for what, seen in (("regsweep run", memory.command), ("what it forks from", memory.server)):
        ways = [seen[len(seen) * quarter // 4] for quarter in (1, 2, 3)]
        print(f"  {what}: {', '.join(f'{each:.0f}' for each in [*ways, max(seen)])}")


TOOLS = ("regsweep reference", "regsweep script", "regsweep script --no-warm", "joblib", "kerastuner", "raytune")


def main() -> None:
    tools = sys.argv[1:] or [*TOOLS, "memory"]
    costs: dict[str, Cost] = {}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}", flush=True)
    for tool in tools:
        if tool == "memory":
            many_runs()
            continue
        with tempfile.TemporaryDirectory(prefix="regsweep-bench-") as name:
            command = command_of(tool, Path(name))
            try:
                costs[tool] = cost(command, Path(name))
            except subprocess.CalledProcessError:
                print(f"{tool}: failed\n{(Path(name) / 'log').read_text()[-2000:]}", flush=True)
                continue
        base = next(iter(costs.values()))
        found = costs[tool]
        print(
            f"{tool}: {found.wall:.1f} s ({found.wall / base.wall:.2f} of the first), {found.cpu:.1f} s of processors "
            f"({found.cpu / base.cpu:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
