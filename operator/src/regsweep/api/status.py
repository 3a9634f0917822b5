"""The status of a RegularizationSweep, which the operator writes and a person reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from regsweep.api.analysis import Analysis, PickRole
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.constants import MAX_NAME_LENGTH
from regsweep.api.final_spec import MAX_OUTER_FOLDS
from regsweep.api.findings import CombinationId
from regsweep.api.foreign import MAX_ARGS, Argument, TrainerReport
from regsweep.api.model import ApiModel
from regsweep.api.run_status import AvoidedNode, FailedRun, Name, RunningRun, Text, Timestamp
from regsweep.api.spec import (
    MAX_ADDED,
    MAX_CONSTRAINTS,
    MAX_CONTENDERS,
    MAX_PARAMETERS,
    MAX_REFERENCES,
    MAX_ROUNDS,
    EpochChoice,
    Flags,
    Goal,
    Resampling,
)

MAX_LISTED = 20
"""Running and failed runs in the status."""
MAX_RESULTS = 20
"""Ranked combinations in the status; `regsweep results` shows all."""

FIRST_NAMED_KEY_VERSION = 2
"""Sweeps of the first formula do not have it."""


class SweepState(StrEnum):
    """A sweep's state in one word, for `kubectl get`; its conditions say more."""

    PENDING = "Pending"
    """No run has started."""
    RUNNING = "Running"
    """Runs are being trained, or their records analysed."""
    SUSPENDED = "Suspended"
    """Paused by `spec.suspend`."""
    COMPLETE = "Complete"
    """Every run has ended, within the limit of failed ones."""
    FAILED = "Failed"
    """Stopped by failures."""
    INVALID = "Invalid"
    """The spec breaks a rule."""


class Condition(ApiModel):
    """A condition, in the form of Kubernetes."""

    type: ConditionType
    """Type of the condition."""
    status: ConditionStatus
    """`True`, `False` or `Unknown`."""
    reason: Name
    """Reason in one word, for programs."""
    message: Text = ""
    """Explanation for people; where something is wrong, it says what to do."""
    last_transition_time: Timestamp
    """Time of the last change of the status, in RFC 3339."""
    observed_generation: int = 0
    """`metadata.generation` that this condition was computed from."""


class ObjectiveStatus(ApiModel):
    """The objective as it was understood."""

    metric: Name
    """The metric, split first."""
    goal: Goal
    """`Minimize` or `Maximize`."""
    epoch: EpochChoice
    """`Last` or `Best`."""


class ResolvedScript(ApiModel):
    """The training script when the sweep was accepted."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
    """SHA-256 of its files' names and contents."""
    entrypoint: Name
    """File that is run."""


class Resolved(ApiModel):
    """Values that were pinned when the sweep was accepted; later versions of the operator keep them."""

    image: Annotated[str, StringConstraints(max_length=500)]
    """Trainer image."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    """Parameters of the trainer."""
    gpus: int
    """Number of GPUs of each training pod."""
    gpu_resource: Name
    """Name of the GPU resource, such as `nvidia.com/gpu`."""
    seed: int
    """Number that all seeds are derived from."""
    resampling: Resampling = Field(default_factory=Resampling)
    """How the training and validation rows of each replicate are chosen."""
    data_revision: Name | None = None
    """State of the data: `spec.trainer.dataRevision`, which may change; in a local run a digest of the data."""
    script: ResolvedScript | None = None
    """Training script of a ConfigMap."""
    args: Annotated[list[Argument] | None, Field(min_length=1, max_length=MAX_ARGS)] = None
    """Arguments of the training container; absent: those of the image or template."""
    report: TrainerReport | None = None
    """What a script writes that knows nothing of regsweep."""
    objective: ObjectiveStatus | None = None
    """Objective when the sweep was accepted; `status.objective` is the one in force. If its epoch is `Best`, its metric and
    goal are part of every key."""
    key_version: Annotated[int | None, Field(ge=FIRST_NAMED_KEY_VERSION)] = None
    """Version of the formula of the points' keys. Absent: the first one."""
    operator_version: Name
    """Version of the operator that accepted the sweep."""


class ManagedBy(ApiModel):
    """The operator that runs the sweep."""

    name: Name
    """Its name, as in `spec.managedBy`."""
    lease: Annotated[str, StringConstraints(max_length=2 * MAX_NAME_LENGTH + 1)]
    """Lease by which it leads, as `namespace/name`. Another operator of the name takes over once that is gone or expired."""


class DataStatus(ApiModel):
    """The data that results rest on, by the trainers' own reports."""

    digest: Name
    """Beginning of the SHA-256 of their source bytes; later runs refuse to train on other data."""
    revision: Name | None = None
    """The data revision that it belongs to; absent: none is given."""


class RunCounts(ApiModel):
    """Number of runs (one for each combination) by state; pending, running, succeeded and failed add up to `total`."""

    total: int = 0
    """Combinations to train."""
    pending: int = 0
    """Not started yet, or waiting for a pod."""
    running: int = 0
    """A pod is training, or has ended and its record is being collected."""
    succeeded: int = 0
    """Every replicate has a record, including diverged ones."""
    failed: int = 0
    """Ended without a record of at least one replicate."""
    diverged: int = 0
    """Succeeded runs with a diverged replicate; they are counted as succeeded too."""


class Estimate(ApiModel):
    """A mean over replicates. It estimates the expectation over splits and seeds for this data set (`givenData`)."""

    mean: float
    """Mean over the replicates."""
    standard_error: float | None = None
    """Standard error of the mean; absent below 3 replicates."""


class RankedResult(ApiModel):
    """A combination in the ranking."""

    rank: int | None = None
    """Rank, from 1. Absent if the objective is absent."""
    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    flags: Flags
    """The combination."""
    label: Text
    """Flags in short form, such as `l2=0.01, dropout=0.3`."""
    objective: Estimate | None = None
    """Objective over the replicates. Absent if it is not a number (NaN)."""
    adjusted_mean: float | None = None
    """Mean of the objective as it would be with every replicate, which the ranking is ordered by. Absent if it is the objective's mean."""
    train_loss: float | None = None
    """Mean train_average_loss."""
    val_loss: float | None = None
    """Mean val_average_loss."""
    overfit_gap: Estimate | None = None
    """val_average_loss minus train_average_loss, with the same weights and both in inference mode."""
    replicates: int = 0
    """Number of replicates with a record."""
    diverged: int = 0
    """Number of replicates that diverged (NaN or infinite loss)."""
    failed: int = 0
    """Number of replicates that failed."""
    violated: Annotated[list[Name] | None, Field(max_length=MAX_CONSTRAINTS)] = None
    """Metrics whose constraint is violated. Absent if none is."""
    dropped: bool | None = None
    """True if it was dropped from the race, or is not among the contenders of a refinement; else absent."""
    gpu_seconds: float | None = None
    """GPU-seconds of its trainings. Absent if its records do not say."""
    source: Name | None = None
    """Source of the values: `Prometheus`, `Record` or `Mixed`."""


class ReferenceResult(ApiModel):
    """A reference that is compared with the combinations, and is not ranked."""

    name: Name
    """Name of the reference."""
    flags: Flags
    """Values that are put over the trainer's parameters."""
    objective: Estimate | None = None
    """Objective over the replicates. Absent without a result, or if it is not a number (NaN)."""
    train_loss: float | None = None
    """Mean train_average_loss."""
    val_loss: float | None = None
    """Mean val_average_loss."""
    overfit_gap: Estimate | None = None
    """val_average_loss minus train_average_loss, with the same weights and both in inference mode."""
    replicates: int = 0
    """Number of replicates with a record."""
    diverged: int = 0
    """Number of replicates that diverged (NaN or infinite loss)."""
    failed: int = 0
    """Number of replicates that failed."""
    source: Name | None = None
    """Source of the values: `Prometheus`, `Record` or `Mixed`."""


class RefinementRound(ApiModel):
    """Combinations that were added around what was tied by then."""

    rests_on: Name
    """Digest of the analysis that the round was chosen from."""
    added: Annotated[list[Flags], Field(max_length=MAX_ADDED)]
    """The combinations added."""


class RefinementStatus(ApiModel):
    """The refinement. What it has chosen does not change any more."""

    rounds: Annotated[list[RefinementRound], Field(max_length=MAX_ROUNDS)] = Field(default_factory=list)
    """What each round has added."""
    contenders: Annotated[list[CombinationId] | None, Field(max_length=MAX_CONTENDERS)] = None
    """Ids of the combinations that were tied with the best after the last round. They train as many replicates again, and best, ties
    and pick rest on these alone. Absent before that."""
    rests_on: Name | None = None
    """Digest of the records that the contenders were chosen from."""
    stale: bool = False
    """True if the sweep was changed after the contenders were chosen; they stay."""


class FinalPick(ApiModel):
    """A combination that is evaluated on the test rows."""

    roles: Annotated[list[PickRole], Field(min_length=1, max_length=2)]
    """`Best`, `OneStandardError` or both."""
    flags: Flags
    """The combination."""
    fold: int | None = None
    """Outer fold, from 0, on whose other rows it was chosen. Absent if it is evaluated on the test rows."""


class OuterStatus(ApiModel):
    """Progress of the grids that nested resampling trains, one for each outer fold. They are not counted in `runs`."""

    total: int
    """Number of runs: combinations times folds."""
    ended: int = 0
    """Number of runs that have ended."""
    failed: int = 0
    """Number of ended runs that lack the result of at least one replicate."""


class FinalStatus(ApiModel):
    """The final evaluation. Its picks do not change any more: rows that were used to choose are not test rows."""

    rests_on: Name
    """Digest of the records and settings that the picks were chosen from."""
    picks: Annotated[list[FinalPick], Field(max_length=2 * MAX_OUTER_FOLDS)]
    """Combinations that are evaluated."""
    folds: int | None = None
    """Number of outer folds. Absent if test rows are evaluated."""
    replicates: int
    """Number of trainings of each pick."""
    ended: int = 0
    """Number of trainings that have ended."""
    failed: int = 0
    """Number of ended trainings without a result."""
    stale: bool = False
    """True if the sweep was changed after the picks were chosen; the picks stay. To evaluate the changed sweep, create a new one
    with another `test_seed`."""


class SweepStatus(ApiModel):
    """The observed state of the sweep."""

    observed_generation: int = 0
    """`metadata.generation` that this status was computed from."""
    state: SweepState = SweepState.PENDING
    """Pending, Running, Suspended, Complete, Failed or Invalid."""
    progress: Name = "0/0"
    """Number of ended runs of all runs, such as `23/24`."""
    runs: RunCounts = Field(default_factory=RunCounts)
    """Number of runs by state."""
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
    """Conditions, for instance for `kubectl wait --for=condition=Complete`; docs/conditions.md lists all reasons."""
    managed_by: ManagedBy | None = None
    """The operator that runs the sweep: it claimed it before it started anything. Absent: none has claimed it yet."""
    resolved: Resolved | None = None
    """Values that were pinned when the sweep was accepted."""
    data: DataStatus | None = None
    """Data that the results rest on. Absent until a trainer has reported them."""
    objective: ObjectiveStatus | None = None
    """The objective with its goal and epoch resolved; combinations are ranked by it."""
    best: RankedResult | None = None
    """First combination of the ranking."""
    best_label: Text | None = None
    """Flags of the best combination, for `kubectl get`."""
    best_objective: Name | None = None
    """Objective of the best combination, for `kubectl get`."""
    results: list[RankedResult] = Field(default_factory=list, max_length=MAX_RESULTS)
    """First 20 combinations of the ranking; `regsweep results` shows all."""
    references: list[ReferenceResult] = Field(default_factory=list, max_length=MAX_REFERENCES)
    """Results of the references, in the order of the spec. They are outside the ranking and not counted in `runs`."""
    analysis: Analysis | None = None
    """Statistical analysis of the ranking: ties with the best, the pick, the effect of each flag. Computed when all runs have
    ended, and at each look of a race."""
    refinement: RefinementStatus | None = None
    """What `spec.refinement` has added, and what is tied after it. Absent without it, and before its first round."""
    outer: OuterStatus | None = None
    """Progress of the outer folds, until the picks of each are chosen. Absent without nested resampling."""
    final: FinalStatus | None = None
    """Progress of the final evaluation that `spec.final` asks for; its results are in `analysis.final`."""
    running: list[RunningRun] = Field(default_factory=list, max_length=MAX_LISTED)
    """Runs that are being trained, with the values of their last scrape; at most 20."""
    failures: list[FailedRun] = Field(default_factory=list, max_length=MAX_LISTED)
    """Failed runs and their reasons; at most 20."""
    avoided_nodes: Annotated[list[AvoidedNode] | None, Field(max_length=MAX_LISTED)] = None
    """Nodes that ended runs which had done nothing wrong, and that later Jobs of these runs are kept away from; at most 20. Absent if
    there is none."""
    gpu_seconds: float | None = None
    """GPU-seconds of all trainings that have ended, failed ones and those of combinations that left the grid included. It never falls."""
    gpu_hours: Name | None = None
    """The same in hours, for `kubectl get`."""
    start_time: Timestamp | None = None
    """Time when the sweep was first accepted."""
    completion_time: Timestamp | None = None
    """Time when the sweep became Complete or Failed."""
