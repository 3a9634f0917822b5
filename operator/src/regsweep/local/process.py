"""A trainer as a process with a guard over it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from regsweep.local.guard import KILL, TERMINATE

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


class Process(Protocol):
    """A trainer that has been started. Ends with this process, come what may: see the guard."""

    @property
    def memory_ran_out(self) -> bool:
        """Whether the kernel has killed any process for want of memory since this one started."""

    async def wait(self) -> int:
        """The exit status, 128 + N where signal N ended the trainer; 137 also where its guard was killed."""

    def terminate(self) -> None:
        """Asks the trainer to end, and lets it be killed after the grace."""

    def kill(self) -> None:
        """Kills the trainer at once."""


class FreshProcess:
    """A trainer in a process that has been started afresh."""

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
    ) -> FreshProcess:
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
    def memory_ran_out(self) -> bool:
        return oom_kills() > self._oom_kills_before

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        self._tell(TERMINATE)

    def kill(self) -> None:
        self._tell(KILL)

    def _tell(self, word: bytes) -> None:
        control = self._process.stdin
        if control is not None and not control.is_closing():
            control.write(word)
