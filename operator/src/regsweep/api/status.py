"""The status of a RegularizationSweep: what the operator writes and a person reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from regsweep.api.analysis import Analysis, PickRole
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.model import ApiModel
from regsweep.api.spec import MAX_CONSTRAINTS, MAX_PARAMETERS, EpochChoice, Flags, Goal, Resampling

MAX_RESULTS = 20
"""Ranked combinations in the status; all of them stand in the sweep's SweepResults."""

FIRST_NAMED_KEY_VERSION = 2
"""Sweeps of the first formula say nothing of it."""

Text = Annotated[str, StringConstraints(max_length=32_768)]
Timestamp = Annotated[str, StringConstraints(max_length=40)]
Name = Annotated[str, StringConstraints(max_length=253)]


class Condition(ApiModel):
    """One condition, as Kubernetes writes them."""

    type: ConditionType
    """Type of the condition."""
    status: ConditionStatus
    """`True`, `False` or `Unknown`."""
    reason: Name
    """Why, in one word for machines."""
    message: Text = ""
    """Why, for people; where something is wrong, what to do comes with it."""
    last_transition_time: Timestamp
    """When the status last changed, RFC 3339."""
    observed_generation: int = 0
    """The generation of the spec that this was said of."""


class ObjectiveStatus(ApiModel):
    """The objective as it was understood."""

    metric: Name
    """The metric, split first."""
    goal: Goal
    """`Minimize` or `Maximize`."""
    epoch: EpochChoice
    """`Last` or `Best`."""


class Resolved(ApiModel):
    """What was pinned when the sweep was accepted; later versions of the operator keep it."""

    image: Annotated[str, StringConstraints(max_length=500)]
    """Trainer image."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    """The trainer's parameters."""
    gpus: int
    """GPUs for each training pod."""
    gpu_resource: Name
    """Name of the GPU resource, such as `nvidia.com/gpu`."""
    seed: int
    """Base of every seed."""
    resampling: Resampling = Field(default_factory=Resampling)
    """How each replicate's training and validation rows are chosen."""
    data_revision: Name | None = None
    """The state of the data: `spec.trainer.dataRevision`, which may change; of a local run a digest of the data."""
    objective: ObjectiveStatus | None = None
    """The objective at that time: `status.objective` is the one in force. Where its epoch is `Best`, its metric and goal are
    part of every key."""
    key_version: Annotated[int | None, Field(ge=FIRST_NAMED_KEY_VERSION)] = None
    """Version of the formula that makes the points' keys; absent: the first one."""
    operator_version: Name
    """Version of the operator that accepted the sweep."""


class DataStatus(ApiModel):
    """The data that results rest on, by the trainers' own reports."""

    digest: Name
    """Beginning of the SHA-256 of their source bytes; later runs refuse to train on other data."""
    revision: Name | None = None
    """The data revision that it belongs to; absent: none is given."""


class RunCounts(ApiModel):
    """Runs (combinations) by state; the states are disjoint and add up to `total`."""

    total: int = 0
    """Combinations of the grid."""
    pending: int = 0
    """Not started, or started and waiting for a pod."""
    running: int = 0
    """With a pod that trains, or ended and being collected."""
    succeeded: int = 0
    """Every replicate has a record, diverged ones included."""
    failed: int = 0
    """Ended without a record of every replicate."""
    diverged: int = 0
    """Of the succeeded: with a diverged replicate."""


class Estimate(ApiModel):
    """A mean over replicates. Estimand: the expectation over splits and seeds of this data set (`givenData`)."""

    mean: float
    """Mean over the replicates."""
    standard_error: float | None = None
    """Standard error of the mean; absent below 3 replicates."""


class RankedResult(ApiModel):
    """One combination in the ranking."""

    rank: int | None = None
    """Place, from 1; absent where the objective is absent."""
    flags: Flags
    """The combination."""
    label: Text
    """The flags as people write them, such as `l2=0.01, dropout=0.3`."""
    objective: Estimate | None = None
    """The objective over replicates; absent where it is not a number (NaN)."""
    train_loss: float | None = None
    """Mean train_average_loss."""
    val_loss: float | None = None
    """Mean val_average_loss."""
    overfit_gap: Estimate | None = None
    """val_average_loss minus train_average_loss: same weights, both in inference mode."""
    replicates: int = 0
    """Replicates with a record."""
    diverged: int = 0
    """Replicates that diverged (NaN or infinite loss)."""
    failed: int = 0
    """Replicates that failed."""
    violated: Annotated[list[Name] | None, Field(max_length=MAX_CONSTRAINTS)] = None
    """Metrics whose constraint it breaks; absent where it keeps all."""
    dropped: bool | None = None
    """It left the race; absent where it did not."""
    source: Name | None = None
    """Where the values come from: `Prometheus`, `Record` or `Mixed`."""


class RunningRun(ApiModel):
    """A run that is being trained, as Prometheus last saw it."""

    run: Name
    """Name of the Job."""
    label: Text
    """The flags as people write them."""
    replicate: int | None = None
    """The replicate being trained."""
    epoch: int | None = None
    """Epochs trained."""
    epochs: int | None = None
    """Epochs to train."""
    objective: float | None = None
    """The objective so far."""


class FailedRun(ApiModel):
    """A run that failed, and why."""

    run: Name
    """Name of the Job."""
    label: Text
    """The flags as people write them."""
    reason: Name
    """Why, in one word."""
    message: Text = ""
    """Why, in words."""


class FinalPick(ApiModel):
    """A combination that is evaluated on the test rows."""

    roles: Annotated[list[PickRole], Field(min_length=1, max_length=2)]
    """`Best`, `OneStandardError` or both."""
    flags: Flags
    """The combination."""


class FinalStatus(ApiModel):
    """The final evaluation. Its picks are frozen: test rows that chose among picks would be test rows no more."""

    rests_on: Name
    """Digest of the records and settings that the picks were made from."""
    picks: Annotated[list[FinalPick], Field(max_length=2)]
    """What is evaluated."""
    replicates: int
    """Trainings of each."""
    ended: int = 0
    """Trainings that have ended."""
    failed: int = 0
    """Of these: without a result."""
    stale: bool = False
    """The sweep has grown or was changed since the picks were made; they stay. For a final evaluation of what it is now, make
    a new sweep with another `test_seed`."""


class SweepStatus(ApiModel):
    """What has become of the sweep."""

    observed_generation: int = 0
    """The generation of the spec that this status was computed from."""
    state: Name = "Pending"
    """In one word: Pending, Running, Suspended, Complete, Failed, Invalid."""
    progress: Name = "0/0"
    """Ended runs of all runs, such as `23/24`."""
    runs: RunCounts = Field(default_factory=RunCounts)
    """Runs by state."""
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
    """Conditions; `kubectl wait --for=condition=Complete` works."""
    resolved: Resolved | None = None
    """What was pinned when the sweep was accepted."""
    data: DataStatus | None = None
    """The data that results rest on; absent until a trainer has reported them."""
    objective: ObjectiveStatus | None = None
    """The objective as it was understood, and is ranked by."""
    best: RankedResult | None = None
    """The first of the ranking."""
    best_label: Text | None = None
    """Flags of the best, for `kubectl get`."""
    best_objective: Name | None = None
    """Objective of the best, for `kubectl get`."""
    results: list[RankedResult] = Field(default_factory=list, max_length=MAX_RESULTS)
    """The first 20 of the ranking. All of it: `regsweep results`."""
    analysis: Analysis | None = None
    """How sure the ranking is: ties with the best, the pick, what matters. Made when all runs have ended, and at each look of
    a race."""
    final: FinalStatus | None = None
    """The final evaluation, where `spec.final` asks for one; its figures stand in `analysis.final`."""
    running: list[RunningRun] = Field(default_factory=list, max_length=20)
    """Runs being trained, as Prometheus last saw them (at most 20)."""
    failures: list[FailedRun] = Field(default_factory=list, max_length=20)
    """Failed runs and why (at most 20)."""
    start_time: Timestamp | None = None
    """When the sweep was first accepted."""
    completion_time: Timestamp | None = None
    """When the last run ended."""
