"""How a run's processes are started: by a fork of one that has imported what they need, else afresh."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from regsweep.local.forkserver import Job
from regsweep.local.gpus import VISIBLE, Gpus
from regsweep.local.preloading import Warmth
from regsweep.local.process import FreshProcess, Process
from regsweep.local.settings import backend_of
from regsweep.local.trainer import TrainerCommand
from regsweep.local.warm import ForkServer, inherited_environment

MEASURED: Final = frozenset({"tensorflow", "jax"})


@dataclass(frozen=True, slots=True)
class Launch:
    """One process of a run."""

    arguments: Sequence[str]
    """After those of the trainer's command."""
    environment: Mapping[str, str]
    log: Path
    """Gets all that it prints."""
    held: Sequence[int]
    """File descriptors that its guard holds as long as it lives, such as a lock."""
    grace_seconds: float


class Starter:
    """Starts the processes of one trainer."""

    def __init__(self, trainer: TrainerCommand, *, warm: bool, gpus: Gpus | None = None) -> None:
        """warm: processes may be forked. gpus: dealt to them; none of those is forked, since what is imported beforehand hides GPUs."""
        self._trainer = trainer
        self._gpus = gpus
        self._warmth = trainer.warmth if warm and gpus is None and sys.platform == "linux" else None
        self._server: ForkServer | None = None

    async def start(self, launch: Launch) -> Process:
        """Starts it. That it has been started does not say that it has begun."""
        if self._gpus is None:
            return await self._start(launch)
        taken = self._gpus.take()
        try:
            process = await self._start(replace(launch, environment={**launch.environment, VISIBLE: ",".join(taken)}))
        except BaseException:
            self._gpus.give_back(taken)
            raise
        return _OnGpus(process, self._gpus, taken)

    async def _start(self, launch: Launch) -> Process:
        async def afresh() -> Process:
            command = [*self._trainer.arguments, *launch.arguments]
            return await FreshProcess.start(
                command, launch.environment, launch.log, held=launch.held, grace_seconds=launch.grace_seconds
            )

        if self._warmth is None or not _is_measured(self._warmth, launch.environment):
            return await afresh()
        if self._server is None:
            self._server = ForkServer(self._warmth, inherited_environment(launch.environment))
        job = Job(list(launch.arguments), dict(launch.environment), launch.grace_seconds)
        return await self._server.start(job, launch.log, launch.held, afresh)

    async def close(self) -> None:
        """Ends what was started to be forked. The runs' own processes are not ended."""
        if self._server is not None:
            await self._server.close()


class _OnGpus:
    """A process that gives its GPUs back once somebody has waited for its end."""

    def __init__(self, process: Process, gpus: Gpus, taken: Sequence[str]) -> None:
        self._process, self._gpus, self._taken = process, gpus, taken

    @property
    def memory_ran_out(self) -> bool:
        return self._process.memory_ran_out

    async def wait(self) -> int:
        code = await self._process.wait()
        self._gpus.give_back(self._taken)
        self._taken = ()
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _is_measured(warmth: Warmth, environment: Mapping[str, str]) -> bool:
    """Whether it was seen that a fork trains as a fresh process does, with the backend that Keras computes with."""
    imports_keras = any(name.partition(".")[0] == "keras" for name in warmth.modules)
    return warmth.script is None or not imports_keras or backend_of(environment) in MEASURED
