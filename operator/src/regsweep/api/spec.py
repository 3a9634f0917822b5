"""The spec of a RegularizationSweep, which a person writes. The CRD and the reference page are generated from here.

A field's docstring is its description in `kubectl explain`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from regsweep.api.budget_spec import Budget, Retention, Seconds
from regsweep.api.constants import (
    GPU_RESOURCE_PATTERN,
    MANAGER_PATTERN,
    MAX_FLAGS,
    MAX_MANAGER_LENGTH,
    MAX_NAME_LENGTH,
    MAX_REPLICATES_PER_POD,
    METRIC_NAME,
    MIN_REPLICATES_FOR_ERROR,
)
from regsweep.api.final_spec import FinalSpec
from regsweep.api.foreign import MAX_ARGS, Argument, ScriptSource, TrainerReport
from regsweep.api.model import ApiModel
from regsweep.api.regularizers import REGULARIZERS

FlagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", min_length=1, max_length=63)]
FlagValue = JsonValue
ReferenceName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$", min_length=1, max_length=63)
]

MAX_VALUES: Final = 1000
MAX_EXCLUDES: Final = 1000
MAX_REPLICATES: Final = 1000
MAX_PARALLELISM: Final = 10_000
MAX_PARAMETERS: Final = 100
MAX_DATA_REVISION: Final = 63
MAX_TEMPLATE_FIELDS: Final = 10
MAX_CONSTRAINTS: Final = 10
MAX_ROUNDS: Final = 10
MAX_ADDED: Final = 200
MAX_CONTENDERS: Final = 200
MAX_REFERENCES: Final = 10

FailedRunsLimit = (
    Annotated[int, Field(ge=0, le=99_999)]
    | Annotated[str, StringConstraints(pattern=r"^(\d{1,5}|(100|\d{1,2})%)$", max_length=5)]
)
"""A number of runs, or a percentage of all runs."""
Metric = Annotated[str, StringConstraints(pattern=rf"^(train|val)_{METRIC_NAME}$", max_length=63)]
"""A metric of the trainer, with its split first."""
Flags = Annotated[dict[str, FlagValue], Field(max_length=MAX_FLAGS)]
"""One choice of flags: name to value, in the order of the spec."""


class Scale(StrEnum):
    """How a range's points are spaced."""

    LINEAR = "Linear"
    LOG = "Log"


class Goal(StrEnum):
    """Whether a smaller or a larger objective is better."""

    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class EpochChoice(StrEnum):
    """The epoch whose values are ranked."""

    LAST = "Last"
    BEST = "Best"


class Simpler(StrEnum):
    """Which values of a flag are simpler."""

    MORE = "More"
    FEWER = "Fewer"


class PickRule(StrEnum):
    """The standard error that the one-standard-error pick uses."""

    PAIRED = "Paired"
    GLMNET = "Glmnet"


class ResamplingKind(StrEnum):
    """How a replicate's training and validation rows are chosen."""

    HOLDOUT = "Holdout"
    KFOLD = "KFold"
    REPEATED_KFOLD = "RepeatedKFold"


class Range(ApiModel):
    """Evenly spaced points between two ends, both ends included."""

    from_: Annotated[float, Field(alias="from")]
    """The first point."""
    to: float
    """The last point; must be above `from`."""
    points: Annotated[int, Field(ge=2, le=MAX_VALUES)]
    """Number of points, both ends included."""
    scale: Scale = Scale.LINEAR
    """`Linear` (equal differences) or `Log` (equal factors). A log range must start above 0."""
    min: float | None = None
    """Smallest value that refinement may try; at most `from`. Absent: `from`."""
    max: float | None = None
    """Largest value that refinement may try; at least `to`. Absent: `to`."""


class Flag(ApiModel):
    """A named value that the sweep varies. Either `values` or `range` is required."""

    name: FlagName
    """Name of the flag as the trainer knows it, such as `l2` or `dropout`; unique within the sweep."""
    values: Annotated[list[FlagValue] | None, Field(min_length=1, max_length=MAX_VALUES)] = None
    """Values to try, such as `[0, 0.001, 0.01]`: numbers, strings, booleans or lists, all of one type and each once.
    Write 0.0001 or 1.0e-4 for small numbers: some YAML readers take 1e-4 for a string."""
    range: Range | None = None
    """Numbers to try, evenly spaced: `{from: 0, to: 0.5, points: 6}` is 0, 0.1, 0.2, 0.3, 0.4, 0.5, and
    `{from: 0.0001, to: 0.1, points: 4, scale: Log}` is 0.0001, 0.001, 0.01, 0.1."""


class Sample(ApiModel):
    """A random part of the grid, trained instead of all of it."""

    size: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Number of combinations to draw, without replacement. If the grid has fewer, all of them are trained."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of the draw: the same seed draws the same combinations, and a larger sample contains the smaller one."""


class Checkpoints(ApiModel):
    """Where trainers keep the state of replicates that are being trained. They are kept by what is trained, not by Job: whatever
    pod trains a replicate again goes on from its last checkpoint."""

    volume_name: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """Name of a volume of the pod template, such as a ReadWriteMany claim. It is mounted at `/regsweep/checkpoints`. `regsweep run` keeps
    checkpoints beside its runs instead."""
    every_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Number of epochs after which a checkpoint is written; one is written at SIGTERM and at a replicate's end in any case."""


class Models(ApiModel):
    """Where trainings of the final evaluation save their models."""

    volume_name: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """Name of a volume of the pod template, such as a ReadWriteMany claim. It is mounted at `/regsweep/models`, and has a folder for each
    pick, with a file for each replicate. `regsweep run` saves them in the runs' folders instead."""


class Trainer(ApiModel):
    """What is trained. Pinned when the sweep is accepted: later only `dataRevision`, `checkpoints` and `models` can change."""

    image: Annotated[str | None, StringConstraints(min_length=1, max_length=500)] = None
    """Image of the training container. Absent: the operator's default. Any image that follows the training contract works."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    """Values that are the same in every run, such as `dataset` or `epochs`. A flag of the same name takes precedence."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 1
    """Number of GPUs of each training pod. 0 trains on CPUs."""
    gpu_resource: Annotated[str | None, StringConstraints(pattern=GPU_RESOURCE_PATTERN, max_length=MAX_NAME_LENGTH)] = (
        None
    )
    """Extended resource that `gpus` counts, such as `amd.com/gpu`. Absent: the operator's default. A template whose trainer asks for
    another accelerator decides instead. A resource claim that the trainer names (`resources.claims`) stands for its GPUs, unless this
    is set or the trainer has a limit of the resource; a claim that it does not name never does."""
    data_revision: Annotated[str | None, StringConstraints(min_length=1, max_length=MAX_DATA_REVISION)] = None
    """Name for the state of the data, such as `2026-11`. Change it after the data have changed: every combination is then
    trained again, and results of earlier revisions are kept but not ranked. `regsweep run` derives it from the data instead."""
    script: ScriptSource | None = None
    """Training script in a ConfigMap, run in the image with `python`. Absent: the image's own command."""
    checkpoints: Checkpoints | None = None
    """Checkpoints, such as `{volumeName: checkpoints, everyEpochs: 10}`. Absent: a replicate that is interrupted begins anew.
    A trainer may ignore them; the reference trainer and trainers on regsweep-kit's `checkpoints` do not."""
    models: Models | None = None
    """Models of the final evaluation, such as `{volumeName: models}`; `regsweep model` says where they are. Absent: none is saved.
    A trainer may ignore it; the reference trainer and scripts that call `replicate.save` do not."""
    args: Annotated[list[Argument] | None, Field(min_length=1, max_length=MAX_ARGS)] = None
    """Arguments of the training container, such as `["--l2=$(REGSWEEP_ARG_L2)"]`: `$(REGSWEEP_ARG_<NAME>)` is the value of the
    flag or parameter of that name, in upper case and with `_` for other characters. Absent: those of the image or template.
    `regsweep run` appends them to its command."""
    report: TrainerReport | None = None
    """What a script writes that knows nothing of regsweep. The container's command is then
    `python -m regsweep_kit run -- COMMAND`. Absent: the trainer follows the training contract itself."""


class Constraint(ApiModel):
    """A bound on the mean of a metric over the replicates. `max`, `min` or both are required."""

    metric: Metric
    """Metric of the trainer at the last epoch, with its split first, such as `val_accuracy`."""
    max: float | None = None
    """Maximum of the mean."""
    min: float | None = None
    """Minimum of the mean."""

    def holds(self, mean: float | None) -> bool:
        """Whether the mean is within the bounds; an absent one is not."""
        return mean is not None and (self.min is None or mean >= self.min) and (self.max is None or mean <= self.max)


class Objective(ApiModel):
    """What the combinations are ranked by."""

    metric: Metric = "val_average_loss"
    """Metric of the trainer, with its split first, such as `val_average_loss`, `val_accuracy` or `val_F1-macro`. Case counts."""
    goal: Goal | None = None
    """`Minimize` or `Maximize`. Absent: derived from the metric's name (losses are minimized, accuracies maximized). Required for a
    metric of your own whose name does not say it."""
    epoch: EpochChoice = EpochChoice.LAST
    """`Last` ranks the values of the last epoch, `Best` those of the best epoch."""
    constraints: Annotated[list[Constraint], Field(max_length=MAX_CONSTRAINTS)] = Field(default_factory=list)
    """Bounds on other metrics, such as `{metric: val_accuracy, min: 0.9}`. A combination that violates one ranks behind all
    that violate none, and is never the best, tied with it or picked."""
    minimum_difference: Annotated[float | None, Field(gt=0)] = None
    """Difference of the objective that is too small to matter, in its unit, such as 0.01. The analysis then says of each combination
    how probable it is that it is better, practically the same or worse on new data; a race ends when all that are left are
    within it. Absent: nothing is said of that."""


class SimplicityFlag(ApiModel):
    """A flag whose value makes a combination more or less simple."""

    flag: FlagName
    """Name of the flag. A flag that the sweep does not vary is ignored."""
    simpler: Simpler
    """`More`: larger values are simpler, such as those of `dropout`. `Fewer`: smaller values are simpler, such as those of `units`."""


DEFAULT_SIMPLICITY_ORDER: Final = (
    *(SimplicityFlag(flag=each.name, simpler=Simpler.MORE) for each in REGULARIZERS.values() if each.orders_pick),
    SimplicityFlag(flag="layers", simpler=Simpler.FEWER),
    SimplicityFlag(flag="units", simpler=Simpler.FEWER),
)


class Pick(ApiModel):
    """How the one-standard-error pick is chosen: the simplest combination within one standard error of the best."""

    rule: PickRule = PickRule.PAIRED
    """`Paired`: the standard error of the paired difference to the best. `Glmnet`: the standard error of the best's mean."""
    simplicity_order: Annotated[list[SimplicityFlag], Field(min_length=1, max_length=MAX_FLAGS)] = Field(
        default_factory=lambda: list(DEFAULT_SIMPLICITY_ORDER)
    )
    """Flags that define simplicity, the most important first. Absent: more l2, l1 and dropout, then fewer layers and units. The
    pick has the best's value of every flag that is not listed."""


class Resampling(ApiModel):
    """How the training and validation rows of each replicate are chosen. Pinned when the sweep is accepted."""

    kind: ResamplingKind = ResamplingKind.HOLDOUT
    """`Holdout`: a random split for each replicate. `KFold`: replicate k validates on fold k, so `replicates` must equal `folds`.
    `RepeatedKFold`: the same with new folds in each round, so `replicates` must be a multiple of `folds`."""
    folds: Annotated[int | None, Field(ge=2, le=MAX_REPLICATES)] = None
    """Number of folds. Required with `KFold` and `RepeatedKFold`, not allowed with `Holdout`."""

    @property
    def has_folds(self) -> bool:
        """Whether replicates are folds."""
        return self.kind is not ResamplingKind.HOLDOUT


class Racing(ApiModel):
    """A race: combinations that can be neither the best nor the pick are dropped at fixed numbers of replicates, and only the
    others get more. The true best is dropped in at most 5 % of sweeps."""

    initial_replicates: Annotated[int, Field(ge=MIN_REPLICATES_FOR_ERROR, le=MAX_REPLICATES)] = MIN_REPLICATES_FOR_ERROR
    """Number of replicates of every combination before the first look."""
    max_replicates: Annotated[int, Field(ge=MIN_REPLICATES_FOR_ERROR, le=MAX_REPLICATES)] = 20
    """Maximum number of replicates of a combination; `spec.replicates` is ignored."""
    minimum_difference: Annotated[float | None, Field(gt=0)] = None
    """Deprecated: write it as `objective.minimumDifference`. The race ends when all remaining combinations are within it."""


class Refinement(ApiModel):
    """Combinations that are added around the tied set once the grid is trained, for flags given as ranges. The combinations that are
    tied at the end train as many new replicates again, and best, ties and pick rest on these alone."""

    rounds: Annotated[int, Field(ge=1, le=MAX_ROUNDS)] = 2
    """Maximum number of times that combinations are added."""
    max_runs: Annotated[int, Field(ge=1, le=MAX_ADDED)]
    """Maximum number of combinations added, over all rounds."""


class Reference(ApiModel):
    """A model that the combinations are compared with, such as a linear one. It is no combination of the grid: it is never the
    best, tied with it or picked."""

    name: ReferenceName
    """Name of the reference, such as `linear`; unique within the sweep."""
    flags: Flags
    """Values that are put over the trainer's parameters, such as `{model: linear}`. A flag of the sweep that is absent here has the
    parameter's value, or else the trainer's default."""


class Metrics(ApiModel):
    """How final values are collected from Prometheus."""

    collect_timeout_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """Time after a pod's end to wait for its last scrape; then the pod's own record is used. No other run waits for it."""
    linger_seconds: Annotated[int | None, Field(ge=0, le=600)] = None
    """Maximum time that a finished trainer waits for its last scrape. Absent: 30 if the operator has a Prometheus, else 0."""


class TemplateRef(ApiModel):
    """A PodTemplate (core/v1) in the sweep's namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
    """Name of the PodTemplate."""


class SweepSpec(ApiModel):
    """A sweep: every combination of the flags is trained several times and ranked."""

    flags: Annotated[list[Flag], Field(min_length=1, max_length=MAX_FLAGS)]
    """Flags to vary, such as `{name: l2, values: [0, 0.001, 0.01]}` and
    `{name: dropout, range: {from: 0, to: 0.5, points: 6}}`. The grid is the product of their values, here 18 combinations.
    The first flag varies slowest. Flags and values may be added, removed and reordered while the sweep runs: finished
    combinations are not trained again."""
    exclude: Annotated[list[Flags], Field(max_length=MAX_EXCLUDES)] = Field(default_factory=list)
    """Combinations to exclude. Each entry has values of some flags, such as `{l2: 0, dropout: 0}`, and excludes every
    combination with these values."""
    sample: Sample | None = None
    """A random sample of the grid, trained instead of all of it, such as `{size: 50}`. Absent: all of it."""
    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)] = 5
    """Number of trainings of each combination. Replicate k has the same seeds in every combination, so comparisons are paired."""
    replicates_per_pod: Annotated[int | None, Field(ge=1, le=MAX_REPLICATES_PER_POD)] = None
    """Number of replicates that one pod trains, one after the other. Absent: all, at most 16."""
    parallelism: Annotated[int, Field(ge=0, le=MAX_PARALLELISM)] = 1
    """Maximum number of training pods at a time. 0: running pods continue to their end, and no new one is started."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Number that all seeds are derived from. Pinned when the sweep is accepted."""
    trainer: Trainer = Field(default_factory=Trainer)
    """What is trained: image, parameters, GPUs."""
    objective: Objective = Field(default_factory=Objective)
    """What the combinations are ranked by."""
    pick: Pick = Field(default_factory=Pick)
    """How the one-standard-error pick is chosen."""
    resampling: Resampling = Field(default_factory=Resampling)
    """How the training and validation rows of each replicate are chosen."""
    racing: Racing | None = None
    """A race that drops combinations which can no longer win. Absent: all replicates of every combination are trained."""
    refinement: Refinement | None = None
    """A closer look around the tied set, between the values of ranges. Absent: the grid alone is trained."""
    final: FinalSpec | None = None
    """A final evaluation: the best and the pick are trained again and scored on rows that nothing was chosen by. Absent: none."""
    references: Annotated[list[Reference], Field(max_length=MAX_REFERENCES)] = Field(default_factory=list)
    """Models to compare the combinations with, such as `{name: constant, flags: {model: constant}}`. Each is trained by the same
    replicates and shown outside the grid, with the difference of the best and of the pick to it."""
    template_ref: TemplateRef | None = None
    """A shared PodTemplate for the training pods, for instance for whole GPUs, MIG slices, spot nodes or a queue."""
    template: Annotated[dict[str, JsonValue] | None, Field(max_length=MAX_TEMPLATE_FIELDS)] = None
    """A pod template (metadata, spec), merged over the shared one like a strategic merge patch. Container `trainer` is the
    training container."""
    managed_by: Annotated[str | None, StringConstraints(pattern=MANAGER_PATTERN, max_length=MAX_MANAGER_LENGTH)] = None
    """Name of the operators that run the sweep, such as `regsweep.dev/team-a`; others leave it alone. Cannot be changed. Absent:
    `regsweep.dev/operator`. Of several operators with the name, the one that claims it in the status first runs it."""
    suspend: bool = False
    """Suspends the sweep: running Jobs are suspended and resumed later."""
    max_failed_runs: FailedRunsLimit | None = None
    """Maximum number of failed runs tolerated, as a number or a percentage of all runs; the sweep fails when more runs fail.
    Absent: 10 %, at least 3."""
    run_timeout_seconds: Annotated[int | None, Field(ge=1, le=31_536_000)] = None
    """Maximum duration of a run, from the start of its Job. Absent: no limit."""
    budget: Budget | None = None
    """How many runs, how much time and how many GPU-seconds the sweep may use. Absent: as much as it takes."""
    ttl_seconds_after_finished: Seconds | None = None
    """Time after the sweep is Complete or Failed until it is deleted; an edit that starts it again resets it. Absent: it is kept.
    `regsweep run` deletes nothing."""
    retention: Retention = Field(default_factory=Retention)
    """What is kept of the sweep."""
    metrics: Metrics = Field(default_factory=Metrics)
    """How final values are collected from Prometheus."""

    @property
    def outer_folds(self) -> int:
        """Number of outer folds of nested resampling; 0 without it."""
        return self.final.outer_folds if self.final is not None else 0

    @property
    def most_replicates(self) -> int:
        """Number of replicates of a combination that no race drops."""
        return self.racing.max_replicates if self.racing is not None else self.replicates

    @property
    def minimum_difference(self) -> float | None:
        """Difference of the objective that is too small to matter; None: none is named."""
        of_race = self.racing.minimum_difference if self.racing is not None else None
        return of_race if self.objective.minimum_difference is None else self.objective.minimum_difference
