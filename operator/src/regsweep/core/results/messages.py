"""The termination message of a training container, read into types (docs/trainer-contract.md).

Reading a message never raises: it comes back as a `Message` or as a `MalformedMessage` that says in
words what is wrong. A replicate's record must not be lost because somebody wrote garbage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from regsweep.api.constants import METRIC_NAME
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.api.sweep_result import MAX_LOSSES_LENGTH, MAX_METRIC_NAME_LENGTH, MAX_METRICS
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Source, TestLosses
from regsweep.core.runs import ObservedPod, ObservedRun

MAX_MESSAGE_CHARACTERS: Final = 65_536
"""Far above the 4,096 bytes that the kubelet keeps; the bound is for local runs, whose message is a file."""
VERSION: Final = 1
DIGEST_LENGTH: Final = 16
"""Hex digits that are kept of a data digest; a trainer may report more."""
LATEST_START: Final = 4_102_444_800
"""Unix seconds of the year 2100: a later start is no time of training."""
LONGEST_SECONDS: Final = 315_360_000
"""Ten years: what a training takes at most."""
MOST_GPUS: Final = 65_536


@dataclass(frozen=True, slots=True)
class ReplicateResult:
    """One replicate's line in a message."""

    replicate: int
    outcome: Outcome
    epochs: int
    """Epochs trained."""
    metrics: dict[str, float]
    """Values at the last epoch, split first. An absent name was not a number."""
    best: BestEpoch | None
    test: TestLosses | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    gpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TrainerError:
    """Why the run could not be trained, in the trainer's words."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that keeps the contract."""

    results: tuple[ReplicateResult, ...]
    environment: Environment
    """All but the image, which the node knows."""
    error: TrainerError | None = None


@dataclass(frozen=True, slots=True)
class MalformedMessage:
    """A message that does not keep the contract, or none at all."""

    reason: str
    """What is wrong, as a sentence for people."""
    empty: bool = False
    """Nothing was written."""


_Short = Annotated[str, StringConstraints(max_length=200)]
_Column = Annotated[str, StringConstraints(pattern=rf"^{METRIC_NAME}$", max_length=MAX_METRIC_NAME_LENGTH)]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Blocks = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=MAX_LOSSES_LENGTH)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12,64}$")]
_Seconds = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]
_Epoch = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Best = tuple[_Epoch, float | None, float | None]
_Record = tuple[_Count, Literal["Ok", "Diverged"], _Count, list[float | None], _Best | None]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore", frozen=True)


class _WireError(_Strict):
    reason: _Short
    message: Annotated[str, StringConstraints(max_length=4096)]


class _WireRows(_Strict):
    train: _Count | None = None
    val: _Count | None = None


class _WireTest(_Strict):
    rows: _Short
    losses: Annotated[list[_Blocks | None], Field(max_length=10_000)]


class _WireRule(_Strict):
    metric: _Column
    goal: Literal["Minimize", "Maximize"]


class _WireTimes(_Strict):
    start: Annotated[int, Field(ge=0, le=LATEST_START)]
    replicates: Annotated[list[tuple[_Seconds, _Seconds] | None], Field(max_length=10_000)]


class _Wire(_Strict):
    version: int
    backend: _Short = ""
    device: _Short = ""
    gpus: Annotated[int | None, Field(ge=0, le=MOST_GPUS)] = None
    data: _Short = ""
    data_digest: Annotated[_Digest | None, Field(alias="dataDigest")] = None
    rule: _WireRule | None = None
    times: _WireTimes | None = None
    rows: _WireRows = Field(default_factory=_WireRows)
    test: _WireTest | None = None
    columns: Annotated[list[_Column], Field(max_length=MAX_METRICS)] = Field(default_factory=list)
    records: Annotated[list[_Record], Field(max_length=10_000)] = Field(default_factory=list)
    error: _WireError | None = None


def parse_message(text: str) -> Message | MalformedMessage:
    """The message in types, or what is wrong with it. Unknown fields are ignored, any other deviation is not."""
    if not text.strip():
        return MalformedMessage("The trainer wrote no termination message.", empty=True)
    if len(text) > MAX_MESSAGE_CHARACTERS:
        return _malformed(text, f"it has {len(text)} characters, at most {MAX_MESSAGE_CHARACTERS} are read")
    try:
        wire = _Wire.model_validate_json(text.encode(errors="replace"))
    except ValidationError as error:
        return _malformed(text, _first_problem(error))
    return _malformed(text, problem) if (problem := _contradiction(wire)) else _message(wire)


def records_of(run: ObservedRun, pod: ObservedPod, message: Message) -> tuple[Record, ...]:
    """The message's records of those replicates that the pod's index trains; any other is not this pod's to report.

    A trainer that does not name the rule of its best epochs has chosen them by what it was given.
    """
    own = run.replicates_of(pod.index)
    environment = _shared(replace(message.environment, image=pod.image))
    return tuple(
        Record(
            point_key=run.point_key,
            replicate=result.replicate,
            outcome=result.outcome,
            run=run.name,
            attempt=run.attempt,
            epochs=result.epochs,
            metrics=result.metrics,
            best=_by_rule(result.best, run.rule),
            source=Source.RECORD,
            environment=environment,
            test=result.test,
            started_at=result.started_at,
            ended_at=result.ended_at,
            gpu_seconds=result.gpu_seconds,
        )
        for result in message.results
        if result.replicate in own
    )


@lru_cache(maxsize=256)
def _shared(environment: Environment) -> Environment:
    """The first one that was equal to it: most records of a sweep have the same."""
    return environment


def _by_rule(best: BestEpoch | None, given: EpochRule | None) -> BestEpoch | None:
    return replace(best, rule=given) if best is not None and best.rule is None else best


def _message(wire: _Wire) -> Message:
    rule = EpochRule(wire.rule.metric, Goal(wire.rule.goal)) if wire.rule is not None else None
    return Message(
        results=tuple(
            ReplicateResult(
                replicate=replicate,
                outcome=Outcome(outcome),
                epochs=epochs,
                metrics={n: value for n, value in zip(wire.columns, values, strict=True) if value is not None},
                best=BestEpoch(*best, rule) if best is not None else None,
                test=TestLosses(wire.test.rows, losses) if wire.test is not None and losses is not None else None,
                started_at=_moment(wire, period[0]) if period is not None else None,
                ended_at=_moment(wire, period[1]) if period is not None else None,
                gpu_seconds=_gpu_seconds(wire, period),
            )
            for (replicate, outcome, epochs, values, best), losses, period in zip(
                wire.records, _losses(wire), _periods(wire), strict=True
            )
        ),
        environment=Environment(
            backend=wire.backend,
            device=wire.device,
            data=wire.data,
            data_digest=(wire.data_digest or "")[:DIGEST_LENGTH],
            train_rows=wire.rows.train,
            val_rows=wire.rows.val,
        ),
        error=TrainerError(wire.error.reason, wire.error.message) if wire.error else None,
    )


def _losses(wire: _Wire) -> Sequence[str | None]:
    """Each record's losses on the test rows; None where there are none."""
    return wire.test.losses if wire.test is not None else [None] * len(wire.records)


def _periods(wire: _Wire) -> Sequence[tuple[float, float] | None]:
    """Each record's start and end in seconds after the pod's start; None where they are not reported."""
    return wire.times.replicates if wire.times is not None else [None] * len(wire.records)


def _moment(wire: _Wire, seconds: float) -> datetime | None:
    """The time so many seconds after the pod's start, to the second."""
    if wire.times is None:
        return None
    return datetime.fromtimestamp(wire.times.start, UTC) + timedelta(seconds=round(seconds))


def _gpu_seconds(wire: _Wire, period: tuple[float, float] | None) -> float | None:
    if period is None or wire.gpus is None:
        return None
    return round((period[1] - period[0]) * wire.gpus, 1)


def _contradiction(wire: _Wire) -> str | None:
    """What is wrong with a message whose parts are each well-formed."""
    if wire.version != VERSION:
        return f"version is {wire.version}, this operator reads version {VERSION}"
    if len(set(wire.columns)) < len(wire.columns):
        return f"columns has {Counter(wire.columns).most_common(1)[0][0]} twice"
    for replicate, _, _, values, _ in wire.records:
        if len(values) != len(wire.columns):
            return f"replicate {replicate} has {len(values)} values for {len(wire.columns)} columns"
    if wire.test is not None and len(wire.test.losses) != len(wire.records):
        return f"test.losses has {len(wire.test.losses)} entries for {len(wire.records)} records"
    if (problem := _wrong_times(wire)) is not None:
        return problem
    replicates = Counter(replicate for replicate, *_ in wire.records)
    if len(replicates) < len(wire.records):
        return f"replicate {replicates.most_common(1)[0][0]} appears twice"
    return None


def _wrong_times(wire: _Wire) -> str | None:
    if wire.times is None:
        return None
    periods = wire.times.replicates
    if len(periods) != len(wire.records):
        return f"times.replicates has {len(periods)} entries for {len(wire.records)} records"
    backwards = next((period for period in periods if period is not None and period[1] < period[0]), None)
    return f"times.replicates has an end before its start: {list(backwards)}" if backwards is not None else None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _malformed(text: str, problem: str) -> MalformedMessage:
    begin = text if len(text) <= 80 else text[:77] + "..."
    return MalformedMessage(
        f"The termination message does not follow the training contract: {problem}. It begins {begin!r}. "
        "See docs/trainer-contract.md for the format."
    )
