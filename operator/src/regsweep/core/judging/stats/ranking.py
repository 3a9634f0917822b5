"""Combinations in order: one total order over all of them, with means and standard errors. Plain Python on purpose.

The order, first to last:
1. combinations whose objective is a number in at least one replicate, then those without (shown, `rank` None);
2. fewer replicates that diverged or gave no number for the objective: one such replicate puts a combination behind all
   without, since a mean over what is left would favour just what breaks most often;
3. combinations within all constraints, then those that violate one;
4. combinations that a race has not dropped, then those that it has: what was dropped was behind at its last look, with
   fewer replicates, and luck in these few must not put it in front;
5. the adjusted mean of the objective, better first (see `blocks`: the plain mean where no replicate is missing, or where
   replicates are not paired, see `pairing`);
6. the combination's id, so that equal means always come in the same order.

Estimand of every mean and standard error here: the expectation over splits and seeds of this data set (`givenData`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from math import fsum, sqrt
from typing import Final, NamedTuple

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Mixture
from regsweep.api.objective import ranked_rule
from regsweep.api.spec import Constraint, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects, mean, variance, within_fence
from regsweep.core.judging.stats.pairing import mixture_among
from regsweep.core.results.records import Environment, Outcome, Record, Records

LARGEST = 3.5e38
"""Trainers compute in float32: what is larger in size is an overflow, not a number."""
MIXED = "Mixed"


@dataclass(frozen=True, slots=True)
class TrainedGrid:
    """A grid with what its combinations' replicates have come to so far."""

    combinations: Sequence[Combination]
    point_keys: Mapping[str, str]
    """The point's key by combination id. A combination without one is a KeyError to whoever reads its records."""
    records: Records
    """Those of other points, and of replicates beyond `replicates`, are ignored."""
    objective: ObjectiveStatus
    replicates: int
    """Replicates asked for: 0 ... replicates - 1."""

    @property
    def sign(self) -> float:
        """What turns the objective into a loss, and back: -1 where large is good."""
        return -1.0 if self.objective.goal is Goal.MAXIMIZE else 1.0

    def records_of(self, combination: Combination) -> Mapping[int, Record]:
        """The combination's records by replicate. Raises KeyError where it has no point key."""
        return self.records.of(self.point_keys[combination.id])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over replicates."""

    mean: float
    standard_error: float | None
    """s / sqrt(n); None below 3 replicates."""
    n: int
    """Replicates that the mean is over."""


@dataclass(frozen=True, slots=True)
class RankedCombination:
    """One combination's place and what it rests on."""

    combination: Combination
    rank: int | None
    """From 1; None where no replicate has the objective."""
    objective: Estimate | None
    """The plain mean over the replicates that have it; None where none has."""
    adjusted_mean: float | None
    """What is ordered by: equal to the objective's mean unless replicates are missing."""
    train_loss: float | None
    """Mean train_average_loss at the last epoch."""
    val_loss: float | None
    """Mean val_average_loss at the last epoch."""
    overfit_gap: Estimate | None
    """val_average_loss minus train_average_loss at the last epoch, paired per replicate; its own error."""
    replicates: int
    """Replicates with a result, diverged ones included."""
    diverged: int
    failed: int
    """Replicates that failed (infrastructure): missing, not results."""
    undefined: int
    """Replicates that trained to the end, and whose objective is absent or no number."""
    violated: tuple[Constraint, ...]
    """Constraints whose metric is out of bounds or absent."""
    complete: bool
    """Every replicate asked for has a result."""
    dropped: bool
    """It left a race."""
    source: str | None
    """`Prometheus`, `Record`, `Mixed`; None without a result."""

    @property
    def eligible(self) -> bool:
        """Whether it may be called best, tied or picked: comparable, and not dropped from a race."""
        return self.comparable and not self.dropped

    @property
    def comparable(self) -> bool:
        """Whether it can be compared with the best: an objective, no replicate that broke, no constraint violated."""
        return self.objective is not None and not self.diverged and not self.undefined and not self.violated


@dataclass(frozen=True, slots=True)
class Ranking:
    """All combinations, first to last, with or without results."""

    rows: tuple[RankedCombination, ...]
    objective: ObjectiveStatus
    replicates: int
    """Replicates asked for."""
    mixed: tuple[Mixture, ...] = ()
    """Why replicates are not paired; empty where they are."""

    def followed_by(self, others: Ranking) -> Ranking:
        """This ranking, and after its last row the other's."""
        ranked = sum(row.rank is not None for row in self.rows)
        behind = (replace(row, rank=row.rank + ranked if row.rank is not None else None) for row in others.rows)
        return replace(self, rows=(*self.rows, *behind))

    @property
    def best(self) -> RankedCombination | None:
        """The first row, if it may be called best; None where nothing may."""
        return self.rows[0] if self.rows and self.rows[0].eligible else None


def rank(
    grid: TrainedGrid,
    constraints: Sequence[Constraint] = (),
    dropped: frozenset[str] = frozenset(),
    *,
    kept: KeptScores | None = None,
    most: int | None = None,
) -> Ranking:
    """Orders the grid's combinations. A diverged replicate's numbers enter no mean. `dropped`: ids of those that left a race.

    kept: from earlier rankings of the same grid under the same constraints; it makes a difference to the time alone.
    most: how many rows are wanted, the first ones; None: all.

    Raises KeyError where a combination has no point key.
    """
    sign = grid.sign
    scores = (kept or KeptScores(grid, constraints)).of(grid.records)
    mixed = mixture_among(each for score in scores for each in score.environments)
    # Where all have the same replicates, no mean is adjusted for those that are missing.
    balanced = mixed or len({score.replicates for score in scores if score.replicates}) <= 1
    adjusted = {} if balanced else _adjusted_means(grid.combinations, scores)

    def place(entry: tuple[Combination, Score]) -> tuple[bool, int, bool, bool, float, str]:
        ident, score = entry[0].id, entry[1]
        mean_loss = sign * adjusted.get(ident, score.mean)
        return not score.replicates, score.broken, score.violates, ident in dropped, mean_loss, ident

    entries = zip(grid.combinations, scores, strict=True)
    first = sorted(entries, key=place) if most is None else nsmallest(most, entries, place)
    value_of = objective_reader(grid.objective)
    rows = tuple(
        _row(
            _tally(combination, grid.records_of(combination), value_of, grid.replicates, constraints),
            number,
            grid.replicates,
            adjusted.get(combination.id, score.mean),
            combination.id in dropped,
        )
        for number, (combination, score) in enumerate(first, start=1)
    )
    return Ranking(rows, grid.objective, grid.replicates, mixed)


class Score(NamedTuple):
    """All that a combination's place rests on, beside what the others have."""

    values: Mapping[int, float]
    """The objective by replicate, of those that have it."""
    replicates: tuple[int, ...]
    """These replicates."""
    mean: float
    """Of the values; 0 where there are none."""
    spread: float
    """Their variance."""
    broken: int
    violates: bool
    environments: tuple[Environment, ...]
    """Of its results."""


class KeptScores:
    """The scores of a grid's combinations: made anew only for those whose records are others than the last time."""

    def __init__(self, grid: TrainedGrid, constraints: Sequence[Constraint]) -> None:
        self._grid = grid
        self._constraints = constraints
        self._value_of = objective_reader(grid.objective)
        self._places = {grid.point_keys[each.id]: place for place, each in enumerate(grid.combinations)}
        self._records: Records | None = None
        self._scores = [_NO_SCORE] * len(grid.combinations)

    def of(self, records: Records) -> Sequence[Score]:
        """The scores by these records, in the grid's order."""
        changed = records.changed_since(self._records) if self._records is not None else None
        self._records = records
        for key in self._places if changed is None else changed & self._places.keys():
            place = self._places[key]
            self._scores[place] = self._score(self._grid.combinations[place], records.of(key))
        return self._scores

    def _score(self, combination: Combination, stored: Mapping[int, Record]) -> Score:
        if not stored:
            return _NO_SCORE
        tally = _tally(combination, stored, self._value_of, self._grid.replicates, self._constraints)
        of_results = {id(r.environment): r.environment for k, r in stored.items() if self._counts(k, r)}
        return Score(
            tally.values,
            tuple(tally.values),
            mean(list(tally.values.values())) if tally.values else 0.0,
            variance(list(tally.values.values())),
            tally.broken,
            bool(tally.violated),
            tuple(of_results.values()),
        )

    def _counts(self, replicate: int, record: Record) -> bool:
        return record.has_result and 0 <= replicate < self._grid.replicates


_NO_SCORE: Final = Score({}, (), 0.0, 0.0, 0, False, ())


def _adjusted_means(combinations: Sequence[Combination], scores: Sequence[Score]) -> dict[str, float]:
    """By combination id its mean as it would be with all replicates, where it has any."""
    unbroken = [score for score in scores if not score.broken]
    sound = [score for score in unbroken if not score.violates] or unbroken
    effects = block_effects(within_fence([each.values for each in sound], [each.spread for each in sound]))
    blocks = tuple(effects)
    return {
        combination.id: score.mean if score.replicates == blocks else adjusted_mean(score.values, effects)
        for combination, score in zip(combinations, scores, strict=True)
        if score.values
    }


def finite(value: float | None) -> float | None:
    """The value, or None where it is absent, NaN, infinite or beyond float32's range."""
    return value if value is not None and -LARGEST <= value <= LARGEST else None


def objective_reader(objective: ObjectiveStatus) -> Callable[[Record], float | None]:
    """Reads the objective from a record: at the last epoch, or at the best one for the metric's split.

    A best epoch that another rule chose is not read: its values are another metric's, or another goal's. One that names no rule
    is an old record's, and `accept` follows no objective that it does not fit.
    """
    metric, rule = objective.metric, ranked_rule(objective)
    if rule is None:
        return lambda record: finite(record.metrics.get(metric))
    of_train = metric.startswith("train_")

    def at_best(record: Record) -> float | None:
        best = record.best
        if best is None or best.rule not in (None, rule):
            return None
        return finite(best.train if of_train else best.val)

    return at_best


def train_reader(objective: ObjectiveStatus) -> Callable[[Record], float | None]:
    """Reads the objective's value on the training rows, at the epoch at which the objective is read. `objective`: of a `val_` metric."""
    rule = ranked_rule(objective)
    if rule is None:
        name = f"train_{objective.metric.removeprefix('val_')}"
        return lambda record: finite(record.metrics.get(name))
    return lambda record: (
        finite(record.best.train) if record.best is not None and record.best.rule in (None, rule) else None
    )


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and s / sqrt(n), n - 1 in the variance; None for no values. The same for any order of the values."""
    n = len(values)
    if n == 0:
        return None
    centre = fsum(values) / n
    if n < MIN_REPLICATES_FOR_ERROR:
        return Estimate(centre, None, n)
    return Estimate(centre, sqrt(fsum([(value - centre) ** 2 for value in values]) / (n - 1) / n), n)


@dataclass(slots=True)
class _Tally:
    """What one combination's records come to, before the others are looked at."""

    combination: Combination
    values: dict[int, float]
    train: list[float]
    val: list[float]
    gaps: list[float]
    results: int
    diverged: int
    failed: int
    undefined: int
    sources: set[str]
    violated: tuple[Constraint, ...]

    @property
    def broken(self) -> int:
        return self.diverged + self.undefined


def _tally(
    combination: Combination,
    records: Mapping[int, Record],
    value_of: Callable[[Record], float | None],
    replicates: int,
    constraints: Sequence[Constraint],
) -> _Tally:
    tally = _Tally(combination, {}, [], [], [], 0, 0, 0, 0, set(), ())
    sound: list[Record] = []
    for replicate in sorted(records):
        record = records[replicate]
        if not 0 <= replicate < replicates:
            continue
        if record.outcome is Outcome.FAILED:
            tally.failed += 1
            continue
        tally.results += 1
        tally.sources.add(record.source.value)
        if record.outcome is Outcome.DIVERGED:
            tally.diverged += 1
            continue
        sound.append(record)
        value = value_of(record)
        if value is None:
            tally.undefined += 1
        else:
            tally.values[replicate] = value
        train, val = finite(record.metrics.get("train_average_loss")), finite(record.metrics.get("val_average_loss"))
        if train is not None:
            tally.train.append(train)
        if val is not None:
            tally.val.append(val)
        if train is not None and val is not None:
            tally.gaps.append(val - train)
    tally.violated = tuple(each for each in constraints if sound and not each.holds(_mean_of(sound, each.metric)))
    return tally


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _mean_of(records: Sequence[Record], metric: str) -> float | None:
    return _mean([value for record in records if (value := finite(record.metrics.get(metric))) is not None])


def _row(tally: _Tally, place: int, replicates: int, adjusted: float, dropped: bool) -> RankedCombination:
    sources = tally.sources
    return RankedCombination(
        combination=tally.combination,
        rank=place if tally.values else None,
        objective=estimate(list(tally.values.values())),
        adjusted_mean=adjusted if tally.values else None,
        train_loss=_mean(tally.train),
        val_loss=_mean(tally.val),
        overfit_gap=estimate(tally.gaps),
        replicates=tally.results,
        diverged=tally.diverged,
        failed=tally.failed,
        undefined=tally.undefined,
        violated=tally.violated,
        complete=tally.results >= replicates,
        dropped=dropped,
        source=(next(iter(sources)) if len(sources) == 1 else MIXED) if sources else None,
    )
