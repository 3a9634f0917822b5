"""The combinations that can be compared with each other, as arrays, and how a person wants them analysed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

from regsweep.api.analysis import Spread
from regsweep.api.spec import (
    DEFAULT_SIMPLICITY_ORDER,
    Constraint,
    Flag,
    Flags,
    PickRule,
    Resampling,
    SimplicityFlag,
)
from regsweep.core.judging.stats.additive import Bools, fit_additive, fit_means
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pick import Pick, one_standard_error_pick
from regsweep.core.judging.stats.ranking import Ranking, TrainedGrid, objective_reader
from regsweep.core.judging.stats.scores import Cells
from regsweep.core.judging.stats.spread import spread_of
from regsweep.core.judging.stats.ties import TiedSet, tied_with_best

ROUNDING = 1e-12
"""Part of the values by which two equal means may differ, however they were summed up."""


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What a person may choose about the analysis; the defaults are the spec's."""

    flags: Sequence[Flag] = ()
    """As the spec declares them."""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """The trainer's fixed parameters."""
    exclude: Sequence[Flags] = ()
    constraints: Sequence[Constraint] = ()
    simplicity_order: Sequence[SimplicityFlag] = DEFAULT_SIMPLICITY_ORDER
    rule: PickRule = PickRule.PAIRED
    resampling: Resampling = field(default_factory=Resampling)
    minimum_difference: float | None = None
    """What is too small to matter; None: nothing is said of practical equivalence."""
    prior_loss: float | None = None
    """The labels' entropy in nats; None: taken from `val_label_mean` where the labels are binary, else not compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The combinations that can be compared with each other, as arrays: those that may be best, and those that left a race."""

    cells: Cells
    losses: Floats
    """(G, n) the objective turned so that smaller is better."""
    candidates: Bools
    """(G,) may be called best, tied or picked."""
    spreads: Sequence[Spread | None]
    """Bias and variance, where the records tell."""
    paired: bool
    settings: AnalysisSettings
    are_contenders: bool
    """They are what a refinement has left, and its replicates choose among them."""

    @classmethod
    def of(cls, grid: TrainedGrid, ranking: Ranking, settings: AnalysisSettings, *, are_contenders: bool) -> Compared:
        """Those of the grid, in the order of its ranking."""
        rows = [row for row in ranking.rows if row.comparable]
        cells = Cells([row.combination for row in rows], grid)
        return cls(
            cells=cells,
            losses=cells.losses(objective_reader(grid.objective)),
            candidates=np.array([not row.dropped for row in rows], dtype=np.bool_),
            spreads=[spread_of(cells.sound(row)) for row in range(len(rows))],
            paired=not ranking.mixed,
            settings=settings,
            are_contenders=are_contenders,
        )

    @property
    def grid(self) -> TrainedGrid:
        """What they are of."""
        return self.cells.grid

    @property
    def has_no_noise(self) -> bool:
        """Whether combinations differ and their replicates do not, as of a script that ignores its seed: nothing tells how sure that is."""
        several = self.losses[np.isfinite(self.losses).sum(axis=1) > 1]
        if not len(several) or (np.nanmax(several, axis=1) > np.nanmin(several, axis=1)).any():
            return False
        return bool(np.nanmax(several) > np.nanmin(several))

    def tied(self) -> TiedSet | None:
        """The confidence set of the best: of those whose means are equal but for rounding, as accuracies of few rows often are, the best
        is the first of the ranking."""
        found, first = self.tied_by(self.losses), int(np.argmax(self.candidates))
        if found is None or found.best == first:
            return found
        means, rounding = self.mean_losses(self.losses), ROUNDING * float(np.nanmax(np.abs(self.losses)))
        if not abs(means[first] - means[found.best]) <= rounding:
            return found
        nudged = self.losses.copy()
        nudged[first] -= 2 * rounding
        return self.tied_by(nudged)

    def tied_by(self, losses: Floats) -> TiedSet | None:
        """The confidence set of the best by other losses of the same combinations."""
        return tied_with_best(losses, candidates=self.candidates, paired=self.paired)

    def mean_losses(self, losses: Floats) -> Floats:
        """(G,) means, adjusted for missing replicates where replicates are paired."""
        return (fit_additive(losses) if self.paired else fit_means(losses)).means

    def pick(self, best: int) -> Pick | None:
        """The one-standard-error pick."""
        return one_standard_error_pick(
            self.cells.rows,
            self.losses,
            self.mean_losses(self.losses),
            best,
            self.settings.simplicity_order,
            self.settings.rule,
            self.paired,
            self.candidates,
        )
