"""A trainer as a process with a guard over it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL: a trainer finishes its step and writes the replicates that it has."""


def oom_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """Number of processes that the kernel has killed for lack of memory since it started; 0 if unknown."""
    try:
        lines = vmstat.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


class TrainerProcess:
    """A running trainer. Ends with this process, come what may: see the guard."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._oom_kills_before = oom_kills()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        held: Sequence[int] = (),
        grace_seconds: float = GRACE_SECONDS,
    ) -> TrainerProcess:
        """Starts the command; all that it writes goes into `log`.

        held: file descriptors that stay open as long as the guard lives, such as a lock.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(GUARD),
                str(grace_seconds),
                *command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                pass_fds=tuple(held),
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id of the guard."""
        return self._process.pid

    @property
    def memory_ran_out(self) -> bool:
        """Whether the kernel has killed any process for want of memory since this one started."""
        return oom_kills() > self._oom_kills_before

    async def wait(self) -> int:
        """The exit status, 128 + N where signal N ended the trainer; 137 also where its guard was killed."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Asks the trainer to end, and lets it be killed after the grace."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kills the trainer at once."""
        self._signal(signal.SIGUSR1)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            try:
                os.kill(self._process.pid, number)
            except ProcessLookupError:  # ended, and not reaped yet
                return
