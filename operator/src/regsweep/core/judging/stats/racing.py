"""Which replicates to train next, so that replicates go to the combinations that may still be the best.

A group-sequential race: at fixed numbers of replicates ("looks") the combinations that can no longer be the best are
dropped. alpha = 5 % is split over the looks (Bonferroni); within a look all that still race are compared as in `ties`, at the look's
level, so that over the whole race a combination truly equal to the best is dropped with probability at most 5 %.

Jennison & Turnbull, "Group Sequential Methods with Applications to Clinical Trials" (2000), chapters 2 and 7;
Maron & Moore, "The racing algorithm", Artificial Intelligence Review 11 (1997), for the idea. A look is always at whole
trainings: dropping from early epochs would punish what learns slowly, that is what is regularised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np
from scipy.stats import t as student

from regsweep.api.analysis import RaceReason, RaceStatus
from regsweep.api.canonical import canonical_json
from regsweep.api.spec import Constraint, Racing, SimplicityFlag
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pairing import mixture_of
from regsweep.core.judging.stats.ranking import TrainedGrid, objective_reader
from regsweep.core.judging.stats.scores import Cells, metric_reader
from regsweep.core.judging.stats.simplicity import at_least_as_simple
from regsweep.core.judging.stats.ties import TiedSet, tied_with_best
from regsweep.core.results.records import Outcome

ALPHA = 0.05
GROWTH = 1.4
"""Each look has this many times the replicates of the one before: few looks, so that each keeps much of alpha."""
MOST_COMPARED = 1000
"""Combinations that are compared for simplicity each with each."""


class DropReason(StrEnum):
    """Why a combination races no longer."""

    DROPPED = "Dropped"
    """It can be neither the best nor the one-standard-error pick."""
    DIVERGED = "Diverged"
    """A replicate diverged: it ranks behind all without."""
    FAILED = "Failed"
    """A replicate that a look needs has failed and is not trained again."""
    VIOLATES = "Violates"
    """It surely breaks a constraint."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A constraint, with the replicates' values of its metric."""

    values: Floats
    """(G, max_replicates), NaN where there is none."""
    constraint: Constraint


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
    tied: Bools
    """(G,) could not be told from the best at the last completed look, and still race; before the first look: all that race."""
    dropped: Mapping[int, Drop]
    """By row."""
    replicates: int
    """Every combination that races is to have this many: those without a result are the next to train."""
    trained: int
    """Replicates with a result."""
    full_grid: int
    """What a full grid would have trained: every combination, the most replicates."""


def may_be_picked(combinations: Sequence[Combination], order: Sequence[SimplicityFlag]) -> Bools:
    """(G,): at least as simple as some other combination, and so perhaps its one-standard-error pick.

    Above 1,000 combinations the question grows too large: then all may. A pair compares flag by flag, so that each pair of a
    flag's values is looked at once.
    """
    size = len(combinations)
    if size > MOST_COMPARED:
        return np.ones(size, dtype=np.bool_)
    simpler = np.ones((size, size), dtype=np.bool_)
    for name in combinations[0].flags if combinations else ():
        keys = [canonical_json(each.flags[name]) for each in combinations]
        values = dict(zip(keys, (each.flags[name] for each in combinations), strict=True))
        places = {key: place for place, key in enumerate(values)}
        by_value = np.array(
            [[at_least_as_simple({name: a}, {name: b}, order) for b in values.values()] for a in values.values()]
        )
        codes = np.array([places[key] for key in keys])
        simpler &= by_value[np.ix_(codes, codes)]
    np.fill_diagonal(simpler, False)
    return np.asarray(simpler.any(axis=1))


def looks(racing: Racing) -> tuple[int, ...]:
    """The numbers of replicates at which is looked."""
    at = [min(racing.initial_replicates, racing.max_replicates)]
    while at[-1] < racing.max_replicates:
        at.append(min(max(ceil(at[-1] * GROWTH), at[-1] + 1), racing.max_replicates))
    return tuple(at)


def race(
    losses: Floats,
    diverged: Bools,
    racing: Racing,
    may_be_picked: Bools | None = None,
    *,
    failed: Bools | None = None,
    bounds: Sequence[Bound] = (),
    paired: bool = True,
) -> Race:
    """Replays the race from its start on the results so far: the same results always lead to the same next replicates.

    `losses`: (G, max_replicates), smaller is better, NaN where there is no result yet. `diverged`: (G, max_replicates).
    `may_be_picked`: (G,) rows at least as simple as some other, which are kept while they might come within a standard
    error of the best at the end of the race; None: all may. `failed`: (G, max_replicates) replicates that failed and will
    not be trained again, or (G,) rows that have one: a row leaves at the first look that lacks it. `paired`: whether
    replicates are (see `pairing`).

    `bounds`: constraints. What breaks one at a look is neither the best there nor compared with it; it leaves once it breaks
    it surely (one-sided t, at the looks' level), and else may come back.

    A look uses the replicates up to its own alone, and none that a dropped combination has beyond its last: what is
    trained ahead changes no decision.

    Raises ValueError where the arrays' shapes do not fit the settings.
    """
    _check_shapes(losses, diverged, (len(losses), racing.max_replicates))
    level = 1 - ALPHA / len(looks(racing))
    picks = np.ones(len(losses), dtype=np.bool_) if may_be_picked is None else may_be_picked
    field = _Field.at_start(losses, diverged, failed)
    reason, replicates = RaceReason.BUDGET_SPENT, racing.max_replicates
    for n in looks(racing):
        if not field.is_trained(n):
            reason, replicates = RaceReason.RACING, n
            break
        breaks, surely = _violations(bounds, field.alive, n, level)
        field.drop(field.alive & surely, DropReason.VIOLATES, n)
        candidates = field.alive & ~breaks
        tied = field.look(n, candidates, paired, 1 - level)
        if tied is None:
            if field.alive.any():
                continue  # all that race break a constraint, and may come back
            replicates = n
            break
        field.drop(candidates & ~_stays(tied, picks, n, racing.max_replicates), DropReason.DROPPED, n)
        if (over := _over(tied, field.alive, breaks, racing.minimum_difference)) is not None:
            reason, replicates = over, n
            break
    return field.race(reason, replicates, trained=int((np.isfinite(losses) | diverged).sum()))


def _check_shapes(losses: Floats, diverged: Bools, expected: tuple[int, int]) -> None:
    if losses.shape != expected or diverged.shape != expected:
        raise ValueError(f"losses and diverged must be {expected}, but got {losses.shape} and {diverged.shape}")


def _over(tied: TiedSet, alive: Bools, breaks: Bools, minimum_difference: float | None) -> RaceReason | None:
    """Why the race is over after this look; None where it goes on. `breaks`: (G,) rows that break a constraint at it."""
    if alive.sum() == 1:
        return RaceReason.WON
    comparable = not (alive & breaks).any()
    return RaceReason.EQUIVALENT if comparable and _equivalent(tied, alive, minimum_difference) else None


@dataclass(slots=True)
class _Field:
    """The combinations of a race, from look to look. One that has left keeps the replicates of its last look and no more."""

    known: Floats
    """(G, max_replicates) losses, NaN where there is none."""
    broke: Bools
    """(G, max_replicates) diverged."""
    gone: Bools
    """(G, max_replicates) failed for good."""
    alive: Bools
    """(G,) still in the race."""
    tied: Bools
    """(G,) could not be told from the best at the last look; all before the first."""
    dropped: dict[int, Drop]

    @classmethod
    def at_start(cls, losses: Floats, diverged: Bools, failed: Bools | None) -> _Field:
        """All of them. `failed`: see `race`."""
        everyone = np.ones(len(losses), dtype=np.bool_)
        none = np.zeros(losses.shape, dtype=np.bool_)
        gone = none if failed is None else np.broadcast_to(failed.T, losses.T.shape).T
        return cls(losses.copy(), diverged.copy(), gone, everyone, everyone.copy(), {})

    def drop(self, rows: Bools, reason: DropReason, n: int) -> None:
        """Takes the rows out of the race at the look with n replicates."""
        self.alive[rows] = False
        self.known[rows, n:], self.broke[rows, n:] = np.nan, False
        self.dropped.update({row: Drop(reason, n) for row in np.flatnonzero(rows).tolist()})

    def is_trained(self, n: int) -> bool:
        """Drops what broke or failed within the first n replicates; whether all others have them."""
        self.drop(self.alive & self.broke[:, :n].any(axis=1), DropReason.DIVERGED, n)
        missing = ~np.isfinite(self.known[:, :n])
        self.drop(self.alive & (self.gone[:, :n] & missing).any(axis=1), DropReason.FAILED, n)
        return not missing[self.alive].any()

    def race(self, reason: RaceReason, replicates: int, trained: int) -> Race:
        """Where the race stands after the last look."""
        size = self.known.size
        return Race(reason, self.alive, self.alive & self.tied, self.dropped, replicates, trained, full_grid=size)

    def look(self, n: int, candidates: Bools, paired: bool, alpha: float) -> TiedSet | None:
        """The confidence set of the best by the first n replicates; None where nothing is compared."""
        broke = self.broke[:, :n].any(axis=1, keepdims=True)
        known = np.where(broke, np.nan, self.known[:, :n])
        found = tied_with_best(known, candidates=candidates, paired=paired, alpha=alpha)
        if found is not None:
            self.tied = found.tied
        return found


def _violations(bounds: Sequence[Bound], alive: Bools, n: int, level: float) -> tuple[Bools, Bools]:
    """(G,) each: rows that break a constraint by the mean over the first n replicates, and those that surely do."""
    breaks, surely = np.zeros(len(alive), dtype=np.bool_), np.zeros(len(alive), dtype=np.bool_)
    for bound in bounds:
        values = bound.values[:, :n]
        there = np.isfinite(values)
        counts = there.sum(axis=1)
        means = np.where(there, values, 0.0).sum(axis=1) / np.maximum(counts, 1)
        squares = np.where(there, (values - means[:, None]) ** 2, 0.0).sum(axis=1)
        margin = student.ppf(level, np.maximum(counts - 1, 1)) * np.sqrt(
            squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1)
        )
        low = -np.inf if bound.constraint.min is None else bound.constraint.min
        high = np.inf if bound.constraint.max is None else bound.constraint.max
        breaks |= (means < low) | (means > high) | (counts == 0)
        surely |= (means + margin < low) | (means - margin > high) | (counts == 0)
    return breaks, surely


def _stays(tied: TiedSet, picks: Bools, n: int, most: int) -> Bools:
    """(G,): in the tied set; or, for a possible pick, so near to it that it may come within one standard error later."""
    final_error = tied.standard_error * np.sqrt(n / most)
    bound = tied.difference - tied.critical_value * tied.scale
    return np.asarray(tied.tied | (picks & (bound <= final_error)))


def _equivalent(tied: TiedSet, alive: Bools, minimum_difference: float | None) -> bool:
    if minimum_difference is None:
        return False
    upper = tied.difference + tied.critical_value * tied.scale
    upper[tied.best] = 0.0
    return bool((upper[alive] <= minimum_difference).all())


@dataclass(frozen=True, slots=True)
class RaceRules:
    """What a race goes by, beside the records."""

    racing: Racing
    constraints: Sequence[Constraint]
    simplicity_order: Sequence[SimplicityFlag]
    first_attempt: int = 0
    """A replicate that failed at an earlier attempt is trained again, and does not count as failed."""


def race_of(grid: TrainedGrid, rules: RaceRules) -> Race:
    """Replays the race on the grid's records, whose `replicates` are the most of the race; rows are its combinations.

    A replicate without a number counts as diverged.
    """
    cells = Cells(grid.combinations, grid)
    losses = cells.losses(objective_reader(grid.objective))
    broke, failed = np.zeros(losses.shape, dtype=np.bool_), np.zeros(losses.shape, dtype=np.bool_)
    for row, combination in enumerate(grid.combinations):
        for replicate, record in grid.records_of(combination).items():
            if not 0 <= replicate < losses.shape[1]:
                continue
            if record.outcome is Outcome.FAILED:
                failed[row, replicate] = record.attempt >= rules.first_attempt
            else:
                broke[row, replicate] = np.isnan(losses[row, replicate])
    return race(
        losses,
        broke,
        rules.racing,
        may_be_picked(grid.combinations, rules.simplicity_order),
        failed=failed,
        bounds=[Bound(cells.collect(metric_reader(each.metric)), each) for each in rules.constraints],
        paired=not mixture_of(grid.point_keys.values(), grid.records, grid.replicates),
    )


def race_status(race: Race) -> RaceStatus:
    """Where the race stands, for people."""
    return RaceStatus(
        reason=race.reason,
        racing=int(race.racing.sum()),
        dropped=len(race.dropped),
        replicates=race.replicates,
        trained=race.trained,
        full_grid=race.full_grid,
    )
