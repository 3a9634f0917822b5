"""What is rendered: a sweep's status, its whole ranking, and what its spec says that the ranking does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from regsweep.api.analysis import Analysis
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import Condition, ObjectiveStatus, RankedResult, SweepStatus

DEFAULT_OBJECTIVE = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)
VAL_LOSS = "val_average_loss"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """A sweep's results at one moment."""

    name: str
    replicates: int
    """Trainings asked for of each combination."""
    flag_names: tuple[str, ...]
    """The flags that vary, in the order of the spec."""
    status: SweepStatus
    ranking: tuple[RankedResult, ...]
    """Combinations in the order of the ranking: all of them, or the status' first 20 where no more is known."""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """The trainer's fixed parameters."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """By a combination's label: what the caller knows of it beyond the ranking, such as `diverged at epoch 3`."""
    analysis: Analysis | None = None
    """What the analysis says; None where there are no records to analyse."""

    @property
    def objective(self) -> ObjectiveStatus:
        """The objective as it was understood; the default while nothing is resolved."""
        return self.status.objective or DEFAULT_OBJECTIVE

    @property
    def objective_is_val_loss(self) -> bool:
        """Whether the objective's column and the column of the validation loss are one."""
        return self.objective.metric == VAL_LOSS and self.objective.epoch is EpochChoice.LAST

    @property
    def best(self) -> RankedResult | None:
        """The first of the ranking, or None while nothing has a rank."""
        return next((r for r in self.ranking if r.rank == 1), None)

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, or None."""
        return next((c for c in self.status.conditions if c.type is kind), None)

    def holds(self, kind: ConditionType) -> bool:
        """Whether the condition is there and True."""
        condition = self.condition(kind)
        return condition is not None and condition.status is ConditionStatus.TRUE
