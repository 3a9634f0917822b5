"""How a run's processes are started: by a fork of one that has imported what they need, else afresh."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.local.forkserver import Job
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

    def __init__(self, trainer: TrainerCommand, *, warm: bool) -> None:
        """warm: processes may be forked."""
        self._trainer = trainer
        self._warmth = trainer.warmth if warm and sys.platform == "linux" else None
        self._server: ForkServer | None = None

    async def start(self, launch: Launch) -> Process:
        """Starts it. That it has been started does not say that it has begun."""

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


def _is_measured(warmth: Warmth, environment: Mapping[str, str]) -> bool:
    """Whether it was seen that a fork trains as a fresh process does, with the backend that Keras computes with."""
    imports_keras = any(name.partition(".")[0] == "keras" for name in warmth.modules)
    return warmth.script is None or not imports_keras or backend_of(environment) in MEASURED
