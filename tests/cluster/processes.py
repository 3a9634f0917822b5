"""Starts, finds and ends the cluster's processes without ever mistaking another's for one of them.

A pid alone can come to belong to somebody else, a name is shared by everybody. So a process is its pid together with
the time it started, and whatever a cluster starts carries that cluster's mark in its environment: what an ``up`` that
was killed half way left behind is found again although nothing was written down about it.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "REGSWEEP_CLUSTER_STATE"
"""Name of the variable whose value is the state folder of the cluster that a process belongs to."""
COMPONENT = "REGSWEEP_CLUSTER_COMPONENT"
"""Name of the variable that holds what the process is: ``etcd``, ``kubelet``, ..."""

# Held so that Python does not take a daemon that outlives its starter for a mistake (ResourceWarning).
_started_here: list["subprocess.Popen[bytes]"] = []

_STARTED_FIELD = 22 - 3  # of /proc/PID/stat, counted behind the name in brackets (proc(5))


@dataclass(frozen=True, slots=True)
class Process:
    """``started`` is in clock ticks since boot."""

    pid: int
    started: int
    component: str = ""


def start(component: str, command: Sequence[str | Path], state: Path) -> None:
    """Start a daemon of the cluster whose state is in that folder; its output goes to ``logs/COMPONENT.log`` there."""
    words = [str(word) for word in command]
    noted = _command_file(state, component)
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(json.dumps(words))
    log = state / "logs" / f"{component}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, MARK: str(state), COMPONENT: component},
            cwd="/",
            start_new_session=True,
        )
    _started_here.append(daemon)


def start_again(component: str, state: Path) -> None:
    """Start one that has ended, by the command of its first start."""
    start(component, json.loads(_command_file(state, component).read_text()), state)


def find(state: Path, component: str | None = None, *, proc: Path = Path("/proc")) -> list[Process]:
    """The living processes of that cluster, or of one component of it. Those inside containers carry no mark."""
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        # Gone since it was listed, or another user's: neither is ours.
        with contextlib.suppress(OSError):
            started = _started(entry)
            environment = dict(
                variable.split("=", 1)
                for variable in (entry / "environ").read_bytes().decode(errors="replace").split("\0")
                if "=" in variable
            )
            if started is None or environment.get(MARK) != str(state):
                continue
            process = Process(int(entry.name), started, environment.get(COMPONENT, ""))
            if component in (None, process.component):
                found.append(process)
    return found


def is_alive(process: Process, *, proc: Path = Path("/proc")) -> bool:
    """False also for a zombie, and for another process that was given the pid since."""
    with contextlib.suppress(OSError):
        return _started(proc / str(process.pid)) == process.started
    return False


def kill(processes: Iterable[Process], *, seconds: float = 10) -> list[Process]:
    """SIGKILL them, and wait. Returns those that are still there, which is the kernel's doing (uninterruptible)."""
    waiting: dict[int, Process] = {}
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            # The descriptor is taken first and the start time compared then: no gap for another process to slip in.
            descriptor = os.pidfd_open(process.pid)
            if is_alive(process):
                waiting[descriptor] = process
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            else:
                os.close(descriptor)
    deadline = time.monotonic() + seconds
    try:
        for descriptor, process in list(waiting.items()):
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)  # one of this very process's children would stay a zombie
        return [process for process in waiting.values() if is_alive(process)]
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def first_child(process: Process, *, proc: Path = Path("/proc")) -> int | None:
    """Pid, seen from outside, of what ``unshare --fork`` or ``nsenter`` started."""
    with contextlib.suppress(OSError):
        children = (proc / str(process.pid) / "task" / str(process.pid) / "children").read_text().split()
        return int(children[0]) if children else None
    return None


def _command_file(state: Path, component: str) -> Path:
    return state / "commands" / f"{component}.json"


def _started(entry: Path) -> int | None:
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return int(fields[_STARTED_FIELD])
