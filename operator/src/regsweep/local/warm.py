"""Trainers that are forked from a process that has imported what they need: see `forkserver.py`. On Linux alone."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from regsweep.local.forkserver import BEGUN, ENDED, Job, Setup
from regsweep.local.guard import KILL, TERMINATE
from regsweep.local.preloading import Warmth
from regsweep.local.process import Process, oom_kills
from regsweep.local.trainer import is_contract

FORK_SERVER: Final = Path(__file__).with_name("forkserver.py")
MOST_DEATHS: Final = 3
"""Servers that something has killed, after which runs are started afresh."""

StartAfresh = Callable[[], Awaitable[Process]]


class ForkServer:
    """The process that is forked, started when first used and again where something has killed it."""

    def __init__(self, warmth: Warmth, environment: Mapping[str, str]) -> None:
        """environment: the runs', but for what differs between them."""
        self._warmth, self._environment = warmth, environment
        self._process: asyncio.subprocess.Process | None = None
        self._requests: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._deaths = 0

    async def start(self, job: Job, log: Path, held: Sequence[int], afresh: StartAfresh) -> Process:
        """The run, which may have to wait until the server has imported. afresh: how it is started where it cannot be forked."""
        async with self._starting:
            ready = await self._ready()
        if not ready or self._requests is None:
            return await afresh()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs, tempfile.TemporaryFile() as asked, log.open("ab") as output:
                asked.write(json.dumps(asdict(job)).encode())
                asked.seek(0)
                descriptors = [asked.fileno(), theirs.fileno(), output.fileno(), *held]
                socket.send_fds(self._requests, [b"J"], descriptors)
        except BrokenPipeError:  # it has ended just now
            ours.close()
            return await afresh()
        return WarmProcess(ours, self.stop, afresh)

    def stop(self) -> None:
        """Kills the server, with the runs that wait for it; those that have begun go on."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """Stops the server; on return it is gone."""
        self.stop()
        if self._process is not None:
            await self._process.wait()
        if self._requests is not None:
            self._requests.close()

    async def _ready(self) -> bool:
        """Whether there is a server; one that ended of itself is not started again."""
        if self._process is None:
            await self._start()
            return True
        code = self._process.returncode
        if code is None:
            return True
        if code != -signal.SIGKILL and code != -signal.SIGTERM:
            return False
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            return False
        await self._start()
        return True

    async def _start(self) -> None:
        if self._requests is not None:
            self._requests.close()
        warmth = self._warmth
        self._requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        setup = Setup(list(warmth.modules), warmth.script, warmth.module)
        with theirs, tempfile.TemporaryFile() as printed:
            self._process = await asyncio.create_subprocess_exec(
                *warmth.interpreter,
                str(FORK_SERVER),
                str(theirs.fileno()),
                json.dumps(asdict(setup)),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )


class WarmProcess:
    """A trainer in a forked process."""

    def __init__(self, control: socket.socket, stop_server: Callable[[], None], afresh: StartAfresh) -> None:
        self._control, self._stop_server, self._afresh = control, stop_server, afresh
        self._oom_kills_before = oom_kills()
        self._has_begun = False
        self._ended_by: signal.Signals | None = None
        self._fresh: Process | None = None

    @property
    def memory_ran_out(self) -> bool:
        return oom_kills() > self._oom_kills_before

    async def wait(self) -> int:
        with self._control:
            said = await self._heard()
        if said.startswith(ENDED):
            return int(said.removeprefix(ENDED))
        if self._has_begun:  # and its guard was killed
            return 128 + signal.SIGKILL
        if self._ended_by is not None:
            return 128 + self._ended_by
        return await self._waited_afresh()

    async def _waited_afresh(self) -> int:
        self._fresh = await self._afresh()
        if self._ended_by is not None:  # meanwhile
            self._fresh.terminate()
        return await self._fresh.wait()

    async def _heard(self) -> bytes:
        """All that the guard has said after that it has begun."""
        loop, said = asyncio.get_running_loop(), b""
        while words := await self._received(loop):
            said += words
            if said.startswith(BEGUN):
                self._has_begun, said = True, said.removeprefix(BEGUN)
        return said

    async def _received(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            return await loop.sock_recv(self._control, 64)
        except ConnectionResetError:  # it was killed before it had read all
            return b""

    def terminate(self) -> None:
        self._tell(TERMINATE, signal.SIGTERM)

    def kill(self) -> None:
        self._tell(KILL, signal.SIGKILL)

    def _tell(self, word: bytes, number: signal.Signals) -> None:
        if self._fresh is not None:
            self._fresh.kill() if word == KILL else self._fresh.terminate()
            return
        self._ended_by = number
        try:
            self._control.send(word)
        except OSError:  # it has ended
            return
        if not self._has_begun:
            self._stop_server()


def inherited_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the server gets of a run's environment: all but the contract's, which differs between runs."""
    return {name: value for name, value in environment.items() if not is_contract(name)}
