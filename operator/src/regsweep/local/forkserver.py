"""A process that has imported what trainers need, trains nothing itself, and forks a process for each run.

Run as a script by the trainers' interpreter, with the standard library alone, standard output and error in a file of its own:

    python forkserver.py DESCRIPTOR SETUP

DESCRIPTOR: of a socket, each of whose messages brings a run by its descriptors: the job (JSON), the control, the file of its output, and
any others that its guard holds. SETUP (JSON): `modules` to import, `script` or `module` to run. A run is a guard (see guard.py), forked
from here, and the trainer, forked from the guard; it writes `S` to the control before the trainer begins, and `E` with its exit status when
it has ended. So nothing that a run does is seen by another, nor here, and it lives on when this process ends.

Ends with UNSAFE where a fork might not be as good as a fresh process: a module beside the script has the name of one that is imported, or
threads are left that no fork would have.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import io
import json
import os
import runpy
import signal
import socket
import sys
import types
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING or __name__ != "__main__":
    from regsweep.local import guard
else:
    _spec = importlib.util.spec_from_file_location("guard", os.path.join(os.path.dirname(__file__), "guard.py"))
    guard = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(guard)

UNSAFE = 3
BEGUN, ENDED = b"S", b"E"
MOST_DESCRIPTORS = 16
MOST_PRINTED = 1024 * 1024
HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})
"""By name: Arrow's allocator makes its own again after a fork."""


@dataclass(frozen=True)
class Setup:
    """What the runs have in common."""

    modules: list[str]
    script: str | None
    module: str | None


@dataclass(frozen=True)
class Job:
    """One run, in its own process."""

    arguments: list[str]
    environment: dict[str, str]
    grace_seconds: float


def main(arguments: list[str]) -> None:
    """Serves until the socket's other end is closed; returns in a trainer's process, whose run is then to be made."""
    guard.die_with_parent()
    if not sys.flags.safe_path:
        del sys.path[0]  # where this file lies
    setup = Setup(**json.loads(arguments[1]))
    for name in setup.modules:
        importlib.import_module(name)
    if not _is_safe(setup):
        sys.exit(UNSAFE)
    sys.stdout.flush()
    sys.stderr.flush()
    printed = os.pread(1, MOST_PRINTED, 0)
    gc.collect()
    gc.freeze()  # the collector of a forked process does not touch, and so copy, what is here
    become(setup, serve(int(arguments[0]), printed))


def serve(descriptor: int, printed: bytes) -> Job:
    """Forks a guard for each message. Returns in a trainer's process alone."""
    requests = socket.socket(fileno=descriptor)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 1, MOST_DESCRIPTORS)
        if not message:
            os._exit(0)
        _reap()
        if _fork() == 0:
            requests.close()
            return _guarded(printed, *descriptors)
        for each in descriptors:
            os.close(each)


def _fork() -> int:
    """As os.fork; -1 where there can be no more processes now: whoever waits for the run sees its control close."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python counts threads without looking at them
        try:
            return os.fork()
        except OSError:
            return -1


def _reap() -> None:
    """Takes note of guards that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _guarded(printed: bytes, job: int, control: int, output: int, *held: int) -> Job:
    """In the guard's process: forks the trainer, in whose process alone it returns."""
    os.setsid()
    with open(job, encoding="utf-8") as file:
        asked = Job(**json.load(file))
    os.write(output, printed)  # what importing prints, as each run would have done
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    leads, led = os.pipe()
    woken, wake = guard.prepare()
    guardian = os.getpid()
    _say(control, BEGUN)  # from now on the run is not made anew, whatever becomes of it
    trainer = _fork()
    if trainer == 0:
        _lead_group(guardian)
        os.write(led, b"!")
        _forget_guard()
        for each in (leads, led, woken, wake, control, *held):
            os.close(each)
        return asked
    os.close(led)
    os.read(leads, 1)  # a signal to its group finds one
    code = guard.CANNOT_START if trainer < 0 else guard.watch(trainer, control, woken, asked.grace_seconds)
    _say(control, ENDED + str(code).encode())
    os._exit(code)


def _say(control: int, words: bytes) -> None:
    with contextlib.suppress(OSError):  # its other end is gone, as the guard will see
        os.write(control, words)


def _lead_group(guardian: int) -> None:
    os.setsid()
    guard.die_with_parent()
    if os.getppid() != guardian:  # it died before the kernel was asked
        os._exit(guard.CANNOT_START)


def _forget_guard() -> None:
    """Signals as a fresh process has them."""
    signal.set_wakeup_fd(-1)  # where asyncio was imported, Python 3.12 has done so at the fork
    for number in guard.SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def become(setup: Setup, job: Job) -> None:
    """Runs the script or module as Python's command line does, in this process, which then ends."""
    os.environ.clear()
    os.environ.update(job.environment)
    if "numpy.random" in sys.modules:
        sys.modules[
            "numpy.random"
        ].seed()  # or unseeded draws would be the same in all runs; Python's own generator sees to that itself
    if setup.module is not None:
        sys.argv = ["-m", *job.arguments]
        runpy.run_module(setup.module, run_name="__main__", alter_sys=True)
    elif setup.script is not None:
        _run_script(setup.script, job.arguments)


def _run_script(script: str, arguments: list[str]) -> None:
    sys.argv = [script, *arguments]
    sys.orig_argv = [sys.executable, *sys.argv]
    if not sys.flags.safe_path:
        sys.path.insert(0, _folder(script))
    path = os.path.abspath(script)  # as Python does it
    main_module = types.ModuleType("__main__")
    main_module.__file__ = path
    main_module.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    main_module.__dict__["__cached__"] = None
    sys.modules["__main__"] = main_module
    try:
        with io.open_code(path) as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        exec(code, main_module.__dict__)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - shown as Python shows it, without the lines of this file
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


def _folder(script: str) -> str:
    return os.path.dirname(os.path.realpath(script))


def _is_safe(setup: Setup) -> bool:
    if setup.script is not None and _shadows(_folder(setup.script)):
        return False
    probe = _fork()
    if probe == 0:
        os._exit(0)
    os.waitpid(probe, 0)
    return _threads() <= HARMLESS_THREADS


def _shadows(folder: str) -> bool:
    """Whether a module there has the name of one that is imported here: a fresh process might have taken it instead."""
    for entry in os.scandir(folder):
        name, dot, _ = entry.name.partition(".")
        is_package = entry.is_dir() and os.path.exists(os.path.join(entry.path, "__init__.py"))
        if name in sys.modules and (is_package or (dot and entry.name.endswith((".py", ".pyc", ".so")))):
            return True
    return False


def _threads() -> set[str]:
    """Names of the threads beside this one that a fork has not ended, as it ends those of OpenBLAS."""
    names = set()
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8") as file:
                names.add(file.read().strip())
    return names


if __name__ == "__main__":
    main(sys.argv[1:])
