"""How many trainings a spec asks for, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.constants import MAX_REPLICATES_PER_POD
from regsweep.api.spec import MAX_CONTENDERS, SweepSpec
from regsweep.core.grid import Combination
from regsweep.core.references import count_beside

MOST_PICKS = 2
"""Combinations of a final evaluation: the best and the pick."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """How many trainings a sweep needs, by what they are for."""

    grid: int
    """At most, of a race."""
    references: int
    outer: int
    """The grids in the outer folds."""
    final: int
    """At most: the best and the pick may be one."""
    refinement: int = 0
    """At most: of what is added, and of everything once more should all be tied."""

    @property
    def total(self) -> int:
        """All of them, at most."""
        return self.grid + self.references + self.outer + self.final + self.refinement


@dataclass(frozen=True, slots=True)
class Cost:
    """Trainings, and the pods that make them."""

    trainings: int
    """At most."""
    least: int
    """At least: a race may drop all but one after its first look, and refinement may add nothing."""
    pods: int
    """At most."""
    replicates_per_pod: int


def trainings_needed(spec: SweepSpec, combinations: int, references: int = 0) -> Trainings:
    """The trainings that the spec asks for. `references`: those that are no combination of the grid (`count_beside`)."""
    grid = combinations * spec.most_replicates
    final = 0
    if spec.final is not None:
        final = max(spec.outer_folds, 1) * min(MOST_PICKS, combinations) * spec.final.replicates
    refinement = 0
    if spec.refinement is not None:
        added = spec.refinement.max_runs
        refinement = (added + min(combinations + added, MAX_CONTENDERS) + references) * spec.replicates
    return Trainings(grid, references * spec.most_replicates, grid * spec.outer_folds, final, refinement)


def cost_of(spec: SweepSpec, selected: Sequence[Combination]) -> Cost:
    """Of the grid, the references, the outer folds, the refinement and the final evaluation."""
    beside = count_beside(spec, selected)
    needed = trainings_needed(spec, len(selected), beside)
    most, per_pod = spec.most_replicates, spec.replicates_per_pod or min(spec.most_replicates, MAX_REPLICATES_PER_POD)
    before_final = needed.total - needed.final
    pods = before_final // most * -(-most // per_pod)
    initial = most if spec.racing is None else spec.racing.initial_replicates
    least = (len(selected) * (1 + spec.outer_folds) + beside) * initial
    if spec.refinement is not None:
        least += (1 + beside) * most  # one contender at least
    if spec.final is not None:
        pods += needed.final // spec.final.replicates * -(-spec.final.replicates // per_pod)
        least += max(spec.outer_folds, 1) * spec.final.replicates
    return Cost(needed.total, least, pods, per_pod)
