"""SweepResult: where the records of a sweep are kept, in segments that only the operator writes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from regsweep.api.model import ApiModel
from regsweep.api.spec import Flags, Goal

MAX_RECORDS: Final = 256
"""Records of one segment."""
MAX_SEGMENT_BYTES: Final = 200_000
"""Most bytes of a segment as JSON: well under etcd's 1.5 MB, and cheap to write again while it fills."""
MAX_METRICS: Final = 64
"""Metrics of one record."""

EnvironmentKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$", max_length=8)]
PointKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$", max_length=64)]
MetricName = Annotated[str, StringConstraints(max_length=63)]
Name = Annotated[str, StringConstraints(max_length=253)]
Words = Annotated[str, StringConstraints(max_length=1024)]
Timestamp = Annotated[str, StringConstraints(max_length=40)]


class Outcome(StrEnum):
    """How a replicate ended. Diverged is a result; Failed is infrastructure: the result is missing."""

    OK = "Ok"
    DIVERGED = "Diverged"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    """One that a later version knows. The replicate is not trained again, and its values are not read."""


class Source(StrEnum):
    """Where a record's values come from."""

    PROMETHEUS = "Prometheus"
    """A scrape with `_complete` 1, checked against the pod's own record where there is one."""
    RECORD = "Record"
    """The pod's termination message (or the process' file): no complete scrape was there in time."""
    UNKNOWN = "Unknown"
    """One that a later version knows."""


class ResultRule(ApiModel):
    """The rule by which the best epoch of a replicate was chosen."""

    metric: Name
    """The metric, split first."""
    goal: Goal
    """`Minimize` or `Maximize`."""


class ResultEnvironment(ApiModel):
    """What trained records of this segment, and on how many rows. What is absent is not known."""

    key: EnvironmentKey
    """A hash of the fields below; records refer to it."""
    backend: Name | None = None
    """What computed, such as `tensorflow`."""
    device: Name | None = None
    """Class of the device, such as `cpu` or a GPU's model."""
    image: Name | None = None
    """Digest of the image that ran, as its node names it."""
    data: Name | None = None
    """Beginning of the digest of the data as the trainer read them."""
    data_digest: Name | None = None
    """Beginning of the SHA-256 of the data's source bytes."""
    rule: ResultRule | None = None
    """The rule by which best epochs were chosen."""
    train_rows: Annotated[int | None, Field(ge=0)] = None
    """Training rows."""
    val_rows: Annotated[int | None, Field(ge=0)] = None
    """Rows that the ranked validation metrics come from."""


class ResultTest(ApiModel):
    """Losses on the test rows, in blocks; of the final evaluation alone."""

    rows: Name
    """Digest of the test rows: losses of other rows are not comparable."""
    losses: Annotated[str, StringConstraints(max_length=4096)]
    """Base64 of half-precision numbers: each block's mean loss in multiples of `test_average_loss`."""


class ResultPoint(ApiModel):
    """A point that records of this segment belong to."""

    key: PointKey
    """The point's key: a hash of all that determines its results and is known before it is trained."""
    flags: Flags
    """The combination that the point trains."""


class ResultBest(ApiModel):
    """The objective's metric at its best epoch; both values come from that one epoch."""

    epoch: Annotated[int, Field(ge=1)]
    """The epoch, from 1."""
    train: float | None = None
    """The metric on the training split; absent where it is not a number."""
    val: float | None = None
    """The metric on the validation split; absent where it is not a number."""


class ResultRecord(ApiModel):
    """What the training of one replicate of a point came to."""

    point: PointKey
    """Key of the point, one of this segment's `points`."""
    replicate: Annotated[int, Field(ge=0)]
    """Number of the replicate, from 0."""
    outcome: Outcome
    """`Ok`, `Diverged` (the loss was no number any more: a result), or `Failed` (the result is missing)."""
    run: Name
    """Name of the Job that trained it."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """The sweep's retry annotation when it was trained. In sweeps without `keyVersion`: twice that, plus 1 where an earlier
    record of the replicate had been lost."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs trained."""
    metrics: dict[MetricName, float] = Field(default_factory=dict, max_length=MAX_METRICS)
    """Values at the last epoch, split first, such as `val_average_loss`. What is not there was not reported, or is no number."""
    best: ResultBest | None = None
    """The objective at its best epoch."""
    source: Source = Source.RECORD
    """`Prometheus`, or `Record` where no complete scrape was there in time."""
    start: Timestamp | None = None
    """When its training started, RFC 3339; absent where the trainer did not report it."""
    end: Timestamp | None = None
    """When its training ended, RFC 3339."""
    gpu_seconds: Annotated[float | None, Field(ge=0)] = None
    """Seconds from start to end times the GPUs that it used."""
    environment: EnvironmentKey | None = None
    """Key of what trained it, one of this segment's `environments`."""
    test: ResultTest | None = None
    """Losses on the test rows; of the final evaluation alone."""
    reason: Name | None = None
    """Why it failed, in one word; only with `Failed`."""
    message: Words = ""
    """Why it failed, in words."""


class SweepResult(ApiModel):
    """A segment of a sweep's records. Written by the operator alone; read it, or better: ask `regsweep results`."""

    sweep_name: Name
    """Name of the sweep."""
    sequence: Annotated[int, Field(ge=0)]
    """Number of the segment within its sweep, from 0; each holds at most 256 records."""
    points: Annotated[list[ResultPoint], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """The points that the records belong to, each once."""
    environments: Annotated[list[ResultEnvironment], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """What trained the records, each once."""
    records: Annotated[list[ResultRecord], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """The records, in the order in which they came."""
