"""Which replicates to train next, so that replicates go to the combinations that may still be the best.

A group-sequential race: at fixed numbers of replicates ("looks") the combinations that can no longer be the best are
dropped. alpha = 5 % is split over the looks (Bonferroni) and within a look over all pairs of those still racing (the
studentised range of `ties`, with variances moderated over all combinations, the dropped ones included), so that over
the whole race a combination truly equal to the best is dropped with probability at most 5 %.

Jennison & Turnbull, "Group Sequential Methods with Applications to Clinical Trials" (2000), chapters 2 and 7;
Maron & Moore, "The racing algorithm", Artificial Intelligence Review 11 (1997), for the idea. A look is always at whole
trainings: dropping from early epochs would punish what learns slowly, that is what is regularised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np

from regsweep.core.stats.additive import Bools
from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.ties import (
    MIN_COMMON_REPLICATES,
    Quantile,
    TiedSet,
    studentised_range_quantile,
    tied_with_best,
)

ALPHA = 0.05
GROWTH = 1.4
"""Each look has this many times the replicates of the one before: few looks, so that each keeps much of alpha."""
LevelQuantile = Callable[[int, float, float], float]
"""The studentised range's quantile by (candidates, degrees of freedom, level)."""


class RaceReason(StrEnum):
    """Why the race goes on or is over."""

    RACING = "Racing"
    """Replicates are still to be trained."""
    WON = "Won"
    """One combination is left."""
    EQUIVALENT = "Equivalent"
    """All that are left lie within the minimum difference, by simultaneous bounds."""
    BUDGET_SPENT = "BudgetSpent"
    """Every combination left has the most replicates allowed."""


class DropReason(StrEnum):
    """Why a combination races no longer."""

    DROPPED = "Dropped"
    """It can be neither the best nor the one-standard-error pick."""
    DIVERGED = "Diverged"
    """A replicate diverged: it ranks behind all without."""


@dataclass(frozen=True, slots=True)
class Racing:
    """Settings of a race."""

    initial_replicates: int = 3
    max_replicates: int = 20
    minimum_difference: float | None = None
    """A difference in the objective too small to matter, in its unit; None: the race looks for any."""

    def __post_init__(self) -> None:
        """Raises ValueError unless 3 <= initial <= max replicates and the minimum difference is above 0."""
        if not MIN_COMMON_REPLICATES <= self.initial_replicates <= self.max_replicates:
            raise ValueError(
                f"initialReplicates must be between {MIN_COMMON_REPLICATES} and maxReplicates ({self.max_replicates}), "
                f"but got {self.initial_replicates}"
            )
        if self.minimum_difference is not None and not self.minimum_difference > 0:
            raise ValueError(f"minimumDifference must be above 0, but got {self.minimum_difference}")


@dataclass(frozen=True, slots=True)
class Drop:
    """A combination that left the race."""

    reason: DropReason
    replicates: int
    """At the look with so many replicates."""


@dataclass(frozen=True, slots=True)
class Race:
    """Where the race stands."""

    reason: RaceReason
    racing: Bools
    """(G,) still in it, or left at its end."""
    dropped: Mapping[int, Drop]
    """By row."""
    replicates: int
    """Every combination that races is to have this many: those without a result are the next to train."""
    trained: int
    """Replicates with a result."""
    full_grid: int
    """What a full grid would have trained: every combination, the most replicates."""


def looks(racing: Racing) -> tuple[int, ...]:
    """The numbers of replicates at which is looked."""
    at = [racing.initial_replicates]
    while at[-1] < racing.max_replicates:
        at.append(min(max(ceil(at[-1] * GROWTH), at[-1] + 1), racing.max_replicates))
    return tuple(at)


def race(
    losses: Floats,
    diverged: Bools,
    racing: Racing,
    may_be_picked: Bools | None = None,
    quantile: LevelQuantile = studentised_range_quantile,
) -> Race:
    """Replays the race from its start on the results so far: the same results always lead to the same next replicates.

    `losses`: (G, max_replicates), smaller is better, NaN where there is no result yet. `diverged`: (G, max_replicates).
    `may_be_picked`: (G,) rows at least as simple as some other, which are kept while they might come within a standard
    error of the best at the end of the race; None: all may.

    A look uses the replicates up to its own alone, and none that a dropped combination has beyond its last: what is
    trained ahead changes no decision.

    Raises ValueError where the arrays' shapes do not fit the settings.
    """
    expected = (len(losses), racing.max_replicates)
    if losses.shape != expected or diverged.shape != expected:
        raise ValueError(f"losses and diverged must be {expected}, but got {losses.shape} and {diverged.shape}")
    schedule = looks(racing)
    level = 1 - ALPHA / len(schedule)
    picks = np.ones(len(losses), dtype=np.bool_) if may_be_picked is None else may_be_picked
    alive = np.ones(len(losses), dtype=np.bool_)
    dropped: dict[int, Drop] = {}
    reason = RaceReason.BUDGET_SPENT
    replicates = racing.max_replicates
    known, broke = losses.copy(), diverged.copy()

    def drop(rows: Bools, why: DropReason, n: int) -> None:
        alive[rows] = False
        known[rows, n:], broke[rows, n:] = np.nan, False
        dropped.update({row: Drop(why, n) for row in np.flatnonzero(rows).tolist()})

    for n in schedule:
        drop(alive & broke[:, :n].any(axis=1), DropReason.DIVERGED, n)
        if not np.isfinite(known[alive, :n]).all():
            reason, replicates = RaceReason.RACING, n
            break
        tied = _look(known[:, :n], broke[:, :n], alive, lambda m, df: quantile(m, df, level))
        if tied is None:
            replicates = n
            break
        drop(alive & ~_stays(tied, picks, n, racing.max_replicates), DropReason.DROPPED, n)
        if alive.sum() == 1:
            reason, replicates = RaceReason.WON, n
            break
        if _equivalent(tied, alive, racing.minimum_difference):
            reason, replicates = RaceReason.EQUIVALENT, n
            break
    trained = int((np.isfinite(losses) | diverged).sum())
    return Race(reason, alive, dropped, replicates, trained, losses.size)


def _look(losses: Floats, diverged: Bools, alive: Bools, quantile: Quantile) -> TiedSet | None:
    known = np.where(diverged.any(axis=1, keepdims=True), np.nan, losses)
    return tied_with_best(known, quantile, candidates=alive)


def _stays(tied: TiedSet, picks: Bools, n: int, most: int) -> Bools:
    """(G,): in the tied set; or, for a possible pick, so near to it that it may come within one standard error later."""
    final_error = tied.standard_error * np.sqrt(n / most)
    bound = tied.difference - tied.critical_value / np.sqrt(2) * tied.standard_error
    return np.asarray(tied.tied | (picks & (bound <= final_error)))


def _equivalent(tied: TiedSet, alive: Bools, minimum_difference: float | None) -> bool:
    if minimum_difference is None:
        return False
    upper = tied.difference + tied.critical_value / np.sqrt(2) * tied.standard_error
    upper[tied.best] = 0.0
    return bool((upper[alive] <= minimum_difference).all())
