"""Runs one trainer and ensures that none of its processes outlives `regsweep run`, however that ends.

Run as a script, once per trainer, with the standard library alone (it costs some 15 ms):

    python -I -S guard.py GRACE_SECONDS COMMAND [ARGUMENT ...]

Standard input is the control: a pipe whose other end only `regsweep run` holds. End of file means that it is gone, SIGKILL included.
Then, and at TERMINATE or SIGTERM, the trainer's process group gets SIGTERM, and after GRACE_SECONDS SIGKILL; at KILL it gets SIGKILL at
once. When the trainer ends, what it left of its group is killed. Exits as the trainer did, 128 + N where signal N ended it, or 127 where
it could not be started. On Linux the trainer also dies with the guard, should that one be killed.

`forkserver.py` uses `prepare` and `watch` for trainers that it forks.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

TERMINATE, KILL = b"T", b"K"
"""What the control says."""
CANNOT_START = 127
PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that the kernel sends to this process when its parent dies. Linux alone has it."""
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM)


def main(arguments: list[str]) -> int:
    """Runs the command to its end and returns the exit status as a shell would give it."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    woken, _ = prepare()
    try:
        # The guard has one thread, so that the function between fork and exec is safe.
        trainer = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201  # into the process' output file
        return CANNOT_START
    return watch(trainer.pid, sys.stdin.fileno(), woken, grace_seconds)


def prepare() -> tuple[int, int]:
    """Lets signals arrive through a pipe, whose descriptors are returned: the one to read from, and the one that signals write to."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for expected in SIGNALS:
        signal.signal(expected, _nothing)
    return woken, wake


def watch(trainer: int, control: int, woken: int, grace_seconds: float) -> int:
    """Waits until the trainer has ended, a child that leads a process group, and returns its exit status as a shell would give it."""
    watched = [control, woken]
    while (code := _ended(trainer)) is None:
        ready, _, _ = select.select(watched, [], [])
        if control in ready:
            words = _read(control)
            if not words:
                watched.remove(control)
            if KILL in words:
                kill_group(trainer, signal.SIGKILL)
            elif not words or TERMINATE in words:
                _terminate(trainer, grace_seconds)
        for number in os.read(woken, 64) if woken in ready else b"":
            if number == signal.SIGTERM:
                _terminate(trainer, grace_seconds)
            elif number == signal.SIGALRM:
                kill_group(trainer, signal.SIGKILL)
    kill_group(trainer, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _ended(trainer: int) -> int | None:
    """The exit code, minus N where signal N ended it; None while it lives."""
    pid, status = os.waitpid(trainer, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _read(control: int) -> bytes:
    """What the control says; empty when its other end is gone."""
    try:
        return os.read(control, 64)
    except ConnectionResetError:  # a socket's, where its other end had not read all
        return b""


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler, since an ignored signal would be inherited by the trainer and would not wake the guard."""


def _terminate(group: int, grace_seconds: float) -> None:
    kill_group(group, signal.SIGTERM)
    signal.setitimer(signal.ITIMER_REAL, grace_seconds)


def kill_group(group: int, number: int) -> None:
    """Sends the signal to the whole group; it is no error if the group has ended."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies; elsewhere than on Linux it does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
