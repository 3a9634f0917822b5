"""Nested resampling: the choice is repeated inside each outer fold, on the rows outside it, and scored on the fold.

What is chosen by the rows that it is scored on looks better than it is. Here nothing is: an outer fold's rows are the test rows of
every training in that fold (Varma & Simon, "Bias in error estimation when using cross-validation for model selection", BMC
Bioinformatics 7, 2006). What is estimated is how well this way of choosing does, not how well one combination does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from regsweep.api.spec import MAX_CONTENDERS, SweepSpec
from regsweep.core.sweep import Sweep

ROLES = 2
"""Picks at most of one choice: the best, and the simplest within one standard error."""


def fold_sweeps(sweep: Sweep) -> Iterator[Sweep]:
    """The choice of each outer fold as a sweep of its own, whose grid is the fold's; none without nested resampling."""
    size = len(sweep.points)
    alone = sweep.spec.model_copy(update={"final": None, "references": []})
    for start in range(0, len(sweep.outer), size or 1):
        yield replace(sweep, spec=alone, points=sweep.outer[start : start + size], references=(), outer=())


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


def trainings_needed(spec: SweepSpec, combinations: int, references: int = 0) -> Trainings:
    """The trainings that the spec asks for. `references`: those that are no combination of the grid (`count_beside`)."""
    grid = combinations * spec.most_replicates
    final = 0
    if spec.final is not None:
        final = max(spec.outer_folds, 1) * min(ROLES, combinations) * spec.final.replicates
    refinement = 0
    if spec.refinement is not None:
        added = spec.refinement.max_runs
        refinement = (added + min(combinations + added, MAX_CONTENDERS) + references) * spec.replicates
    return Trainings(grid, references * spec.most_replicates, grid * spec.outer_folds, final, refinement)
