"""The spec of a RegularizationSweep: what a person writes. The CRD and the reference page are generated from here.

A field's docstring is its description in `kubectl explain`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from regsweep.api.constants import MAX_REPLICATES_PER_POD
from regsweep.api.model import ApiModel

FlagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", min_length=1, max_length=63)]
FlagValue = JsonValue

MAX_FLAGS: Final = 20
MAX_VALUES: Final = 1000
MAX_EXCLUDES: Final = 1000
MAX_REPLICATES: Final = 1000
MAX_PARALLELISM: Final = 10_000
MAX_PARAMETERS: Final = 100
MAX_DATA_REVISION: Final = 63
MAX_TEMPLATE_FIELDS: Final = 10
MAX_CONSTRAINTS: Final = 10
MAX_FINAL_REPLICATES: Final = 100
FEWEST_RACING_REPLICATES: Final = 3
"""Below it no standard error is given, and so nothing can be dropped."""

FailedRunsLimit = (
    Annotated[int, Field(ge=0, le=99_999)]
    | Annotated[str, StringConstraints(pattern=r"^(\d{1,5}|(100|\d{1,2})%)$", max_length=5)]
)
"""A number of runs, or a percentage of all runs."""
Metric = Annotated[str, StringConstraints(pattern=r"^(train|val)_[a-z0-9_]+$", max_length=63)]
"""A metric of the trainer, split first."""
Flags = Annotated[dict[str, FlagValue], Field(max_length=MAX_FLAGS)]
"""One choice of flags: name to value, in the order of the spec."""


class Scale(StrEnum):
    """How a range's points are spaced."""

    LINEAR = "Linear"
    LOG = "Log"


class Goal(StrEnum):
    """Which end of the objective is good."""

    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class EpochChoice(StrEnum):
    """At which epoch a run is judged."""

    LAST = "Last"
    BEST = "Best"


class Simpler(StrEnum):
    """Which end of a flag is the simple one."""

    MORE = "More"
    FEWER = "Fewer"


class PickRule(StrEnum):
    """What "within one standard error" is measured by."""

    PAIRED = "Paired"
    GLMNET = "Glmnet"


class ResamplingKind(StrEnum):
    """How a replicate's training and validation rows are chosen."""

    HOLDOUT = "Holdout"
    KFOLD = "KFold"
    REPEATED_KFOLD = "RepeatedKFold"


class FinalSplit(StrEnum):
    """What the final evaluation is made on."""

    TEST = "Test"


class Range(ApiModel):
    """Evenly spaced points between two ends; both ends are always among them."""

    from_: Annotated[float, Field(alias="from")]
    """The first point."""
    to: float
    """The last point; must be above `from`."""
    points: Annotated[int, Field(ge=2, le=MAX_VALUES)]
    """How many points, both ends included; at least 2."""
    scale: Scale = Scale.LINEAR
    """`Linear` (equal differences) or `Log` (equal factors). A log range must start above 0."""


class Flag(ApiModel):
    """A named value that the sweep varies. Give either `values` or `range`."""

    name: FlagName
    """The flag's name as the trainer knows it, such as `l2` or `dropout`. No two flags have the same name."""
    values: Annotated[list[FlagValue] | None, Field(min_length=1, max_length=MAX_VALUES)] = None
    """The values to try, such as `[0, 0.001, 0.01]`: numbers, strings, booleans or lists, all of one type, each once.
    Write 0.0001 or 1.0e-4 for small numbers; some YAML readers take 1e-4 for a text."""
    range: Range | None = None
    """Numbers to try, evenly spaced: `{from: 0, to: 0.5, points: 6}` is 0, 0.1, 0.2, 0.3, 0.4, 0.5, and
    `{from: 0.0001, to: 0.1, points: 4, scale: Log}` is 0.0001, 0.001, 0.01, 0.1."""


class Sample(ApiModel):
    """Train a random part of the grid instead of all of it."""

    size: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """How many combinations to draw, without replacement. More than the grid has: all of it."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The draw's seed: the same seed draws the same combinations."""


class Trainer(ApiModel):
    """What is trained. Pinned when the sweep is accepted: after the first Job only `dataRevision` can change."""

    image: Annotated[str | None, StringConstraints(min_length=1, max_length=500)] = None
    """Image of the training container; absent: the operator's default. Any image that keeps the training contract works."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    """Values that are the same in every run, such as `dataset` or `epochs`. A flag of the same name wins."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs for each training pod; 0 makes it a sweep on CPUs."""
    data_revision: Annotated[str | None, StringConstraints(min_length=1, max_length=MAX_DATA_REVISION)] = None
    """A name for the state of the data, such as `2026-11`. Change it after the data have changed: every combination is then
    trained again, and results of earlier revisions are kept but not ranked. A local run derives it from the data instead."""


class Constraint(ApiModel):
    """A bound on the mean of a metric over replicates. Give `max`, `min` or both."""

    metric: Metric
    """A metric of the trainer at the last epoch, split first, such as `val_accuracy`."""
    max: float | None = None
    """The largest mean that is put up with."""
    min: float | None = None
    """The smallest mean that is put up with."""

    def holds(self, mean: float | None) -> bool:
        """Whether the mean keeps the bounds; an absent one keeps none."""
        return mean is not None and (self.min is None or mean >= self.min) and (self.max is None or mean <= self.max)


class Objective(ApiModel):
    """What the combinations are ranked by."""

    metric: Metric = "val_average_loss"
    """A metric of the trainer, split first, such as `val_average_loss` or `val_accuracy`."""
    goal: Goal | None = None
    """`Minimize` or `Maximize`; absent: what the metric's name says (losses are minimized, accuracies maximized)."""
    epoch: EpochChoice = EpochChoice.LAST
    """`Last` judges a run by its last epoch, `Best` by its best one."""
    constraints: Annotated[list[Constraint], Field(max_length=MAX_CONSTRAINTS)] = Field(default_factory=list)
    """Bounds on other metrics, such as `{metric: val_accuracy, min: 0.9}`. A combination that breaks one ranks behind all that
    keep them, and is never called best, tied or picked."""


class SimplicityFlag(ApiModel):
    """A flag by which combinations are more or less simple."""

    flag: FlagName
    """Name of the flag; one that the sweep does not vary is passed over."""
    simpler: Simpler
    """`More`: larger values are simpler, as of `dropout`. `Fewer`: smaller values are, as of `units`."""


DEFAULT_SIMPLICITY_ORDER: Final = (
    SimplicityFlag(flag="l2", simpler=Simpler.MORE),
    SimplicityFlag(flag="l1", simpler=Simpler.MORE),
    SimplicityFlag(flag="dropout", simpler=Simpler.MORE),
    SimplicityFlag(flag="layers", simpler=Simpler.FEWER),
    SimplicityFlag(flag="units", simpler=Simpler.FEWER),
)


class Pick(ApiModel):
    """How the one-standard-error pick is made: the simplest combination that is about as good as the best."""

    rule: PickRule = PickRule.PAIRED
    """`Paired`: within the standard error of the paired difference to the best. `Glmnet`: within that of the best's own mean."""
    simplicity_order: Annotated[list[SimplicityFlag], Field(min_length=1, max_length=MAX_FLAGS)] = Field(
        default_factory=lambda: list(DEFAULT_SIMPLICITY_ORDER)
    )
    """What simple means, the most important flag first; absent: more l2, l1, dropout, fewer layers and units. The pick agrees
    with the best on every flag that is not listed."""


class Resampling(ApiModel):
    """How each replicate's training and validation rows are chosen. Pinned when the sweep is accepted."""

    kind: ResamplingKind = ResamplingKind.HOLDOUT
    """`Holdout`: a random split for each replicate. `KFold`: replicate k validates on fold k, so `replicates` is `folds`.
    `RepeatedKFold`: the same with fresh folds after each round, so `replicates` is a multiple of `folds`."""
    folds: Annotated[int | None, Field(ge=2, le=MAX_REPLICATES)] = None
    """Number of folds; with `KFold` and `RepeatedKFold`."""

    @property
    def has_folds(self) -> bool:
        """Whether replicates are folds."""
        return self.kind is not ResamplingKind.HOLDOUT


class FinalSpec(ApiModel):
    """A last evaluation, on rows that nothing was chosen by."""

    evaluate: FinalSplit = FinalSplit.TEST
    """`Test`: the test rows, which no other run touches."""
    replicates: Annotated[int, Field(ge=3, le=MAX_FINAL_REPLICATES)] = 5
    """Trainings of the best and of the one-standard-error pick, each with fresh seeds."""


class Racing(ApiModel):
    """Replicates go to the combinations that may still be the best: at fixed numbers of replicates those that can be neither the
    best nor the pick are dropped; a true best is dropped in at most 5 % of sweeps."""

    initial_replicates: Annotated[int, Field(ge=FEWEST_RACING_REPLICATES, le=MAX_REPLICATES)] = 3
    """Replicates of every combination before the first look."""
    max_replicates: Annotated[int, Field(ge=FEWEST_RACING_REPLICATES, le=MAX_REPLICATES)] = 20
    """Most replicates of a combination; `spec.replicates` is not looked at."""
    minimum_difference: Annotated[float | None, Field(gt=0)] = None
    """A difference of the objective too small to matter, in its unit: the race ends when all that are left lie within it."""


class Retention(ApiModel):
    """How many finished Jobs are kept for their logs. Results are kept in any case."""

    succeeded_jobs: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Succeeded Jobs to keep, the latest first."""
    failed_jobs: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Failed Jobs to keep, the latest first."""


class Metrics(ApiModel):
    """How final values are taken from Prometheus."""

    collect_timeout_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long after a pod's end its last scrape is waited for, before the pod's own record stands in. Holds no slot."""
    linger_seconds: Annotated[int | None, Field(ge=0, le=600)] = None
    """The longest a finished trainer waits for its last scrape; absent: 30 where a Prometheus is configured, else 0."""


class TemplateRef(ApiModel):
    """A PodTemplate (core/v1) in the sweep's namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Name of the PodTemplate."""


class SweepSpec(ApiModel):
    """A sweep: every combination of the flags is trained, some replicates each, and ranked."""

    flags: Annotated[list[Flag], Field(min_length=1, max_length=MAX_FLAGS)]
    """The flags to vary, such as `{name: l2, values: [0, 0.001, 0.01]}` and
    `{name: dropout, range: {from: 0, to: 0.5, points: 6}}`. The grid is the product of their values: here 18 combinations.
    The first flag varies slowest. Values and flags may be added, removed and reordered while the sweep runs: combinations
    that are finished are not trained again."""
    exclude: Annotated[list[Flags], Field(max_length=MAX_EXCLUDES)] = Field(default_factory=list)
    """Combinations to leave out: each entry names some flags with a value each, such as `{l2: 0, dropout: 0}`, and leaves
    out every combination that matches it."""
    sample: Sample | None = None
    """Train a random sample of the grid instead of all of it, such as `{size: 50}`."""
    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)] = 5
    """Trainings of each combination. Replicate k has the same seeds in every combination, so that comparisons are paired."""
    replicates_per_pod: Annotated[int | None, Field(ge=1, le=MAX_REPLICATES_PER_POD)] = None
    """Replicates that one pod trains, one after the other; absent: all, at most 16."""
    parallelism: Annotated[int, Field(ge=0, le=MAX_PARALLELISM)] = 1
    """Training pods at a time. 0 lets what runs end and starts nothing new."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Base of every seed. Pinned when the sweep is accepted."""
    trainer: Trainer = Field(default_factory=Trainer)
    """What is trained: image, parameters, GPUs."""
    objective: Objective = Field(default_factory=Objective)
    """What the combinations are ranked by."""
    pick: Pick = Field(default_factory=Pick)
    """How the one-standard-error pick is made."""
    resampling: Resampling = Field(default_factory=Resampling)
    """How each replicate's training and validation rows are chosen."""
    racing: Racing | None = None
    """Drop combinations that can no longer win before all their replicates are trained; absent: every one is trained."""
    final: FinalSpec | None = None
    """Once the sweep is decided, train the best and the pick anew and score them on the test rows; absent: do not."""
    template_ref: TemplateRef | None = None
    """A shared PodTemplate for the training pods (whole GPU, MIG slice, spot, queue ...)."""
    template: Annotated[dict[str, JsonValue] | None, Field(max_length=MAX_TEMPLATE_FIELDS)] = None
    """A pod template (metadata, spec) merged over the shared one, as kubectl's strategic merge does it.
    Container `trainer` is the training container."""
    suspend: bool = False
    """Pauses the sweep: running Jobs are suspended and start again later."""
    max_failed_runs: FailedRunsLimit | None = None
    """Failed runs that are put up with, as a number or a percentage of all; absent: 10 %, at least 3. One more and the sweep fails."""
    run_timeout_seconds: Annotated[int | None, Field(ge=1, le=31_536_000)] = None
    """Longest time for a run, from its Job's start; absent: no limit."""
    retention: Retention = Field(default_factory=Retention)
    """How many finished Jobs are kept for their logs."""
    metrics: Metrics = Field(default_factory=Metrics)
    """How final values are taken from Prometheus."""

    @property
    def most_replicates(self) -> int:
        """Replicates of a combination that is trained to the end."""
        return self.racing.max_replicates if self.racing is not None else self.replicates
