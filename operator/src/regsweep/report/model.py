"""The model of a rendered report: a sweep's status, its whole ranking, and facts of its spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from regsweep.api.analysis import Analysis, Comparison
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.findings import Note, NoteType
from regsweep.api.regularizers import REGULARIZERS, is_unregularized
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import Condition, ObjectiveStatus, RankedResult, ReferenceResult, SweepStatus

VAL_LOSS = "val_average_loss"
TRAIN_LOSS = "train_average_loss"
DEFAULT_OBJECTIVE = ObjectiveStatus(metric=VAL_LOSS, goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)


@dataclass(frozen=True, slots=True)
class Divergence:
    """When replicates of a combination diverged."""

    diverged: int
    replicates: int
    """That have ended."""
    first_epoch: int
    last_epoch: int


@dataclass(frozen=True)  # no slots: what is looked up often is kept in __dict__
class SweepReport:
    """A sweep's results at one moment. Everything about a combination is found by its id."""

    name: str
    replicates: int
    """Requested trainings of each combination."""
    flag_names: tuple[str, ...]
    """The flags that vary, in the order of the spec."""
    status: SweepStatus
    ranking: tuple[RankedResult, ...]
    """Combinations in the order of the ranking: all of them, or the status' first 20 where no more is known."""
    references: tuple[ReferenceResult, ...] = ()
    """Models outside the ranking, in the order of the spec."""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """The trainer's fixed parameters."""
    divergences: Mapping[str, Divergence] = field(default_factory=dict)
    """By combination id, if the records have it."""
    analysis: Analysis | None = None
    """The analysis; None if there are no records to analyse."""

    @property
    def objective(self) -> ObjectiveStatus:
        """The objective as it was understood; the default while nothing is resolved."""
        return self.status.objective or DEFAULT_OBJECTIVE

    def objective_is(self, metric: str) -> bool:
        """Whether the objective's column is that of the metric at the last epoch."""
        return self.objective.metric == metric and self.objective.epoch is EpochChoice.LAST

    @cached_property
    def best(self) -> RankedResult | None:
        """The first of the ranking; None while nothing has a rank, and where none may be called best."""
        first = next((r for r in self.ranking if r.rank == 1), None)
        if first is None or first.diverged or first.violated or first.dropped or self.none_is_best:
            return None
        return first

    @property
    def none_is_best(self) -> Note | None:
        """Why none may be called best; None where one may, and where it is not known."""
        notes = self.analysis.notes if self.analysis is not None else []
        return next((note for note in notes if note.type is NoteType.NO_CANDIDATE), None)

    def is_best(self, result: RankedResult) -> bool:
        """Whether it is the best."""
        return self.best is not None and result.rank == 1

    @property
    def regularizers(self) -> list[str]:
        """The regularisers that the sweep varies."""
        return [name for name in self.flag_names if name in REGULARIZERS]

    @cached_property
    def unregularized(self) -> RankedResult | None:
        """The first of the ranking in which every regulariser that varies is off; None where there is none."""
        ranked = (r for r in self.ranking if r.rank is not None and r.objective is not None)
        return next((r for r in ranked if is_unregularized(r.flags, self.flag_names)), None)

    def comparison(self, result: RankedResult | None) -> Comparison | None:
        """Comparison of the combination with the best; None if it is not compared."""
        return self._comparisons.get(result.combination or "") if result is not None else None

    def is_pick(self, result: RankedResult) -> bool:
        """Whether it is the simplest combination within one standard error of the best."""
        pick = self.analysis.pick if self.analysis else None
        return pick is not None and pick.combination is not None and pick.combination == result.combination

    def is_tied(self, result: RankedResult) -> bool:
        """Whether it is in the best's confidence set, the best itself included."""
        comparison = self.comparison(result)
        return comparison is not None and comparison.tied

    @cached_property
    def contending(self) -> tuple[Comparison, ...]:
        """Comparisons of what may be the best: all, but for what has left a race or is none of a refinement's contenders."""
        left = {row.combination for row in self.ranking if row.dropped}
        compared = self.analysis.comparisons if self.analysis else []
        return tuple(each for each in compared if each.combination not in left)

    @property
    def some_left_unjudged(self) -> bool:
        """Whether something left a race for want of a replicate: then it was not told from the best."""
        return any(row.dropped and row.failed for row in self.ranking)

    @property
    def combinations_differ(self) -> bool:
        """Whether some combination is surely worse than the best. What left a race may have done so for want of a replicate."""
        return any(each.comparable and not each.tied for each in self.contending)

    def failure(self, result: RankedResult) -> FailedRun | None:
        """The combination's failed run, where the status lists it."""
        return self._failures.get(result.combination or "")

    def divergence(self, result: RankedResult) -> Divergence | None:
        """When its replicates diverged, if the records have it."""
        return self.divergences.get(result.combination or "")

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, or None."""
        return next((c for c in self.status.conditions if c.type is kind), None)

    def holds(self, kind: ConditionType) -> bool:
        """Whether the condition is present and True."""
        condition = self.condition(kind)
        return condition is not None and condition.status is ConditionStatus.TRUE

    @property
    def is_whole(self) -> bool:
        """Whether the sweep is complete, and not because its budget was exhausted: then it would claim what it has not looked at."""
        return self.holds(ConditionType.COMPLETE) and not self.is_cut_short

    @property
    def is_cut_short(self) -> bool:
        """Whether an exhausted budget has ended the sweep."""
        condition = self.condition(ConditionType.COMPLETE)
        return condition is not None and condition.reason == Reason.BUDGET_EXHAUSTED

    @cached_property
    def _comparisons(self) -> Mapping[str, Comparison]:
        comparisons = self.analysis.comparisons if self.analysis else []
        return {each.combination: each for each in comparisons if each.combination is not None}

    @cached_property
    def _failures(self) -> Mapping[str, FailedRun]:
        """Of the grid's runs; those of references and of the final evaluation are none of the ranking."""
        of_grid = [each for each in self.status.failures if not each.final and each.reference is None]
        return {each.combination: each for each in reversed(of_grid) if each.combination is not None}
