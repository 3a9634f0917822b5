"""SweepResult: stores the records of a sweep, in segments that only the operator writes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from regsweep.api.constants import MAX_NAME_LENGTH
from regsweep.api.model import ApiModel
from regsweep.api.spec import Flags, Goal

MAX_RECORDS: Final = 256
"""Records of one segment."""
MAX_SEGMENT_BYTES: Final = 200_000
"""Maximum size of a segment as JSON: well under etcd's 1.5 MB, and cheap to write again while it fills."""
MAX_METRICS: Final = 64
"""Metrics of one record."""
MAX_METRIC_NAME_LENGTH: Final = 63
MAX_MESSAGE_LENGTH: Final = 1024
"""Characters of a record's message."""
MAX_LOSSES_LENGTH: Final = 4096
"""Characters of a record's losses on the test rows."""

EnvironmentKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$", max_length=8)]
PointKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$", max_length=64)]
MetricName = Annotated[str, StringConstraints(max_length=MAX_METRIC_NAME_LENGTH)]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)]
Words = Annotated[str, StringConstraints(max_length=MAX_MESSAGE_LENGTH)]
Timestamp = Annotated[str, StringConstraints(max_length=40)]


class Outcome(StrEnum):
    """How a replicate ended. Diverged is a result. Failed means that the result is missing."""

    OK = "Ok"
    DIVERGED = "Diverged"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    """One that a later version knows. The replicate is not trained again, and its values are not read."""


class Source(StrEnum):
    """Source of a record's values."""

    PROMETHEUS = "Prometheus"
    """A scrape with `_complete` 1, checked against the pod's own record if there is one."""
    RECORD = "Record"
    """The pod's termination message (locally: the process's file), because no complete scrape arrived in time."""
    UNKNOWN = "Unknown"
    """One that a later version knows."""


class ResultRule(ApiModel):
    """The rule by which the best epoch of a replicate was chosen."""

    metric: Name
    """Metric, with its split first."""
    goal: Goal
    """`Minimize` or `Maximize`."""


class ResultEnvironment(ApiModel):
    """What trained records of this segment, and on how many rows. Absent fields are not known."""

    key: EnvironmentKey
    """Hash of the fields below; records refer to it."""
    backend: Name | None = None
    """Backend that computed, such as `tensorflow`."""
    device: Name | None = None
    """Class of the device: `cpu`, or the model of the GPU."""
    image: Name | None = None
    """Digest of the image that ran, as reported by the node."""
    data: Name | None = None
    """Beginning of the digest of the data as the trainer read them."""
    data_digest: Name | None = None
    """Beginning of the SHA-256 of the bytes of the data's source files."""
    rule: ResultRule | None = None
    """Rule by which best epochs were chosen."""
    train_rows: Annotated[int | None, Field(ge=0)] = None
    """Number of training rows."""
    val_rows: Annotated[int | None, Field(ge=0)] = None
    """Number of rows that the ranked validation metrics are computed on."""


class ResultTest(ApiModel):
    """Losses on the test rows, in blocks; only in the final evaluation."""

    rows: Name
    """Digest of the test rows; losses on other rows are not comparable."""
    losses: Annotated[str, StringConstraints(max_length=MAX_LOSSES_LENGTH)]
    """Base64 of half-precision numbers: the mean loss of each block in multiples of `test_average_loss`."""


class ResultPoint(ApiModel):
    """A point that records of this segment belong to."""

    key: PointKey
    """Key of the point: a hash of all that determines its results and is known before it is trained."""
    flags: Flags
    """Flags of the combination."""


class ResultBest(ApiModel):
    """The objective's metric at its best epoch; both values are of that epoch."""

    epoch: Annotated[int, Field(ge=1)]
    """Number of the epoch, from 1."""
    train: float | None = None
    """Metric on the training split. Absent if it is not a number."""
    val: float | None = None
    """Metric on the validation split. Absent if it is not a number."""


class ResultRecord(ApiModel):
    """The result of training one replicate of a point."""

    point: PointKey
    """Key of the point; `points` of this segment has its flags."""
    replicate: Annotated[int, Field(ge=0)]
    """Number of the replicate, from 0."""
    outcome: Outcome
    """`Ok`, `Diverged` (the loss became infinite or NaN, which is a result) or `Failed` (the result is missing)."""
    run: Name
    """Name of the Job that trained it."""
    attempt: Annotated[int, Field(ge=0)] = 0
    """The sweep's retry annotation when it was trained. In sweeps without `keyVersion`: twice that, plus 1 where an earlier
    record of the replicate had been lost."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Number of epochs trained."""
    metrics: dict[MetricName, float] = Field(default_factory=dict, max_length=MAX_METRICS)
    """Values at the last epoch by metric, with its split first, such as `val_average_loss`. A metric that was not reported, or is
    not a number, is absent."""
    best: ResultBest | None = None
    """The objective at its best epoch."""
    source: Source = Source.RECORD
    """`Prometheus`, or `Record` if no complete scrape arrived in time."""
    start: Timestamp | None = None
    """Time when its training started, in RFC 3339. Absent: the trainer did not report it."""
    end: Timestamp | None = None
    """Time when its training ended, in RFC 3339."""
    gpu_seconds: Annotated[float | None, Field(ge=0)] = None
    """GPU-seconds: its share of the time of its Job's pods, times `trainer.gpus`. In a local run: seconds from start to end, times the
    number of GPUs that the trainer used."""
    environment: EnvironmentKey | None = None
    """Key of what trained it; `environments` of this segment has the details."""
    test: ResultTest | None = None
    """Losses on the test rows; only in the final evaluation."""
    reason: Name | None = None
    """Reason of the failure in one word; only with `Failed`."""
    message: Words = ""
    """Explanation of the failure for people."""


class SweepResult(ApiModel):
    """A segment of a sweep's records. Only the operator writes it; `regsweep results` reads it."""

    sweep_name: Name
    """Name of the sweep."""
    sequence: Annotated[int, Field(ge=0)]
    """Number of the segment within its sweep, from 0. Each has at most 256 records."""
    points: Annotated[list[ResultPoint], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """Points of the records, each once."""
    environments: Annotated[list[ResultEnvironment], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """Environments of the records, each once."""
    records: Annotated[list[ResultRecord], Field(max_length=MAX_RECORDS)] = Field(default_factory=list)
    """Records, in the order in which they were stored."""
