"""The facts that a run's directory holds about it, one small file per kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from regsweep.api.canonical import digest
from regsweep.api.model import ApiModel
from regsweep.api.spec import Flags, Goal
from regsweep.core.timestamps import parse_timestamp

RUN_FILE = "run.json"
ASKED_FILE = "sweep.json"
"""In the sweep's folder: the sweep whose results were shown last."""
MODEL_FOLDER = "model"
"""Folder of the models of a run's replicates, where it saves them: `replicate-0.keras` and so on."""


def message_file(index: int) -> str:
    """Name of the file that the process of this index writes its termination message to."""
    return "message.json" if index == 0 else f"message-{index}.json"


def output_file(index: int) -> str:
    """Name of the file that takes what the process of this index prints."""
    return "output.log" if index == 0 else f"output-{index}.log"


def history_file(index: int) -> str:
    """Name of the file that the process of this index appends each epoch's metrics to."""
    return "history.jsonl" if index == 0 else f"history-{index}.jsonl"


def histograms_file(index: int) -> str:
    """Name of the file that the process of this index appends histograms of weights to, where they are asked for."""
    return "histograms.jsonl" if index == 0 else f"histograms-{index}.jsonl"


def _checked(text: str) -> str:
    parse_timestamp(text)
    return text


Moment = Annotated[str, AfterValidator(_checked)]
"""A time that can be read."""


class ProcessFacts(ApiModel):
    """One process of a run; most runs have one."""

    index: int
    """Its completion index: which of the run's replicates it trains."""
    started_at: Moment
    """RFC 3339."""
    ended_at: Moment | None = None
    """RFC 3339; None while it trains, or when `regsweep run` ended without seeing its end."""
    exit_code: int | None = None
    """As a shell gives it: 128 + N where signal N ended it."""


class RuleFacts(ApiModel):
    """The rule by which the trainer chooses best epochs."""

    metric: str
    """Split first."""
    goal: Goal
    ranked: bool = False
    """The objective is taken at the best epoch, so that the rule is part of the key."""


class DataFacts(ApiModel):
    """What a run rests on beside its flags; see `identify`."""

    digest: str = ""
    """Of the data's bytes; empty: nothing is known of the data."""
    generation: int | None = None
    """Of the trainer's semantics; None: unknown."""
    backend: str = ""
    """What computed, where it was not the trainer's usual one."""
    by_trainer: bool = False
    """The trainer itself has named the digest."""
    answers: bool = False
    """The trainer knows the question."""
    files: dict[str, str] = Field(default_factory=dict)
    """Of data that the trainer has not named: each file's digest, by its name as written."""
    settings: dict[str, str] | None = None
    """What of the environment decided how it computed; None: a version wrote it that did not note them."""


class OuterFacts(ApiModel):
    """An outer fold of nested resampling."""

    fold: int
    """From 0."""
    folds: int


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
    """Base of all seeds: the sweep's, or the final evaluation's own."""
    trainer: str
    """What trains, part of the point key: the reference trainer, or the command and its files' digest."""
    trainer_version: str = ""
    """Version of the reference trainer; empty: another trained."""
    point_key: str
    first_replicate: int
    replicates: int
    replicates_per_pod: int
    attempt: int
    lost: int = 0
    """How often the replicates were trained before without a record that could be read."""
    final: bool = False
    """It belongs to the final evaluation."""
    outer: OuterFacts | None = None
    """Outer fold on the other rows of which it trains; None: it trains on all but the test rows."""
    key_version: int | None = None
    """Version of the formula of the point's key; None: the first one, of versions that knew nothing of the data."""
    resampling: dict[str, JsonValue] = Field(default_factory=dict)
    """How each replicate's rows are chosen."""
    rule: RuleFacts | None = None
    """None: a version wrote it that did not note the rule."""
    data: DataFacts | None = None
    """None: a version wrote it that knew nothing of the data."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of the packages that compute; empty: not known."""
    command: list[str]
    processes: list[ProcessFacts] = Field(default_factory=list)
    completed: bool = False
    """True only once every replicate has been trained."""

    @property
    def settings(self) -> dict[str, str]:
        """What of the environment decided how it computed; empty: nothing, or it was not noted."""
        return (self.data.settings if self.data is not None else None) or {}

    @property
    def image(self) -> str:
        """What in a cluster the image's digest is; empty: not known."""
        return f"packages@sha256:{digest(self.packages, 64)}" if self.packages else ""

    @property
    def processes_wanted(self) -> int:
        """How many processes train all of its replicates."""
        return -(-self.replicates // self.replicates_per_pod)
