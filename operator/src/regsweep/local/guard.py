"""Runs one trainer and ensures that none of its processes outlives `regsweep run`, however that ends.

Run as a script, once per trainer, with the standard library alone (it costs some 15 ms):

    python -I -S guard.py GRACE_SECONDS COMMAND [ARGUMENT ...]

Standard input is a pipe whose other end only `regsweep run` holds: end of file means that it is gone, SIGKILL included.
Then, and at SIGTERM, the trainer's process group gets SIGTERM, and after GRACE_SECONDS SIGKILL; at SIGUSR1 SIGKILL at once.
When the trainer ends, what it left of its group is killed. Exits as the trainer did, 128 + N where signal N ended it, or
127 where it could not be started. On Linux the trainer also dies with the guard, should that one be killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

CANNOT_START = 127
PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that the kernel sends to this process when its parent dies. Linux alone has it."""


def main(arguments: list[str]) -> int:
    """Runs the command to its end and returns the exit status as a shell would give it."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for expected in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
        signal.signal(expected, _nothing)  # arrives through the wake-up pipe
    try:
        # The guard has one thread, so that the function between fork and exec is safe.
        trainer = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201  # into the process' output file
        return CANNOT_START
    watched = [sys.stdin.fileno(), wake_read]
    while trainer.poll() is None:
        ready, _, _ = select.select(watched, [], [])
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
            watched.remove(sys.stdin.fileno())
            _terminate(trainer.pid, grace_seconds)
        for number in os.read(wake_read, 64) if wake_read in ready else b"":
            if number == signal.SIGTERM:
                _terminate(trainer.pid, grace_seconds)
            elif number in (signal.SIGUSR1, signal.SIGALRM):
                kill_group(trainer.pid, signal.SIGKILL)
    kill_group(trainer.pid, signal.SIGKILL)
    return trainer.returncode if trainer.returncode >= 0 else 128 - trainer.returncode


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
