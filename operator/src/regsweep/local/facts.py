"""The facts that a run's directory holds about it, one small file per kind."""

from __future__ import annotations

from pydantic import Field, JsonValue

from regsweep.api.model import ApiModel
from regsweep.api.spec import Flags

RUN_FILE = "run.json"


def message_file(index: int) -> str:
    """Name of the file that the process of this index writes its termination message to."""
    return "message.json" if index == 0 else f"message-{index}.json"


def output_file(index: int) -> str:
    """Name of the file that takes what the process of this index prints."""
    return "output.log" if index == 0 else f"output-{index}.log"


class ProcessFacts(ApiModel):
    """One process of a run; most runs have one."""

    index: int
    """Its completion index: which of the run's replicates it trains."""
    started_at: str
    """RFC 3339."""
    ended_at: str | None = None
    """RFC 3339; None while it trains, or when `regsweep run` ended without seeing its end."""
    exit_code: int | None = None
    """As a shell gives it: 128 + N where signal N ended it."""


class RunFacts(ApiModel):
    """`run.json`: what a run trains, and how far it came."""

    version: int = 1
    sweep: str
    run: str
    flags: Flags
    """The combination."""
    parameters: dict[str, JsonValue]
    """The trainer's fixed parameters."""
    seed: int
    trainer: str
    """What trains, part of the point key: the reference trainer and its version, or the command and its files' digest."""
    point_key: str
    first_replicate: int
    replicates: int
    replicates_per_pod: int
    attempt: int
    command: list[str]
    processes: list[ProcessFacts] = Field(default_factory=list)
    completed: bool = False
    """True only once every replicate has been trained."""
