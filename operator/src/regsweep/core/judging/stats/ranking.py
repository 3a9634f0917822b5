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
from math import fsum, sqrt

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Mixture
from regsweep.api.objective import ranked_rule
from regsweep.api.spec import Constraint, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects, mean, within_fence
from regsweep.core.judging.stats.pairing import mixture_of
from regsweep.core.results.records import Outcome, Record, Records

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


def rank(grid: TrainedGrid, constraints: Sequence[Constraint] = (), dropped: frozenset[str] = frozenset()) -> Ranking:
    """Orders the grid's combinations. A diverged replicate's numbers enter no mean. `dropped`: ids of those that left a race.

    Raises KeyError where a combination has no point key.
    """
    value_of, sign = objective_reader(grid.objective), grid.sign
    tallies = [
        _tally(combination, grid.records_of(combination), value_of, grid.replicates, constraints)
        for combination in grid.combinations
    ]
    keys = (grid.point_keys[combination.id] for combination in grid.combinations)
    mixed = mixture_of(keys, grid.records, grid.replicates)
    effects = {} if mixed else block_effects(within_fence([tally.values for tally in tallies if not tally.broken]))
    for tally in tallies:
        if tally.values:
            tally.adjusted = adjusted_mean(tally.values, effects)
    tallies.sort(key=lambda tally: _order(tally, sign, tally.combination.id in dropped))
    rows = tuple(
        _row(tally, place, grid.replicates, tally.combination.id in dropped)
        for place, tally in enumerate(tallies, start=1)
    )
    return Ranking(rows, grid.objective, grid.replicates, mixed)


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
    mean: float | None
    adjusted: float = 0.0

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
    tally = _Tally(combination, {}, [], [], [], 0, 0, 0, 0, set(), (), None)
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
    tally.mean = _mean(list(tally.values.values()))
    return tally


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _mean_of(records: Sequence[Record], metric: str) -> float | None:
    return _mean([value for record in records if (value := finite(record.metrics.get(metric))) is not None])


def _order(tally: _Tally, sign: float, dropped: bool) -> tuple[bool, int, bool, bool, float, str]:
    return not tally.values, tally.broken, bool(tally.violated), dropped, sign * tally.adjusted, tally.combination.id


def _row(tally: _Tally, place: int, replicates: int, dropped: bool) -> RankedCombination:
    sources = tally.sources
    return RankedCombination(
        combination=tally.combination,
        rank=place if tally.values else None,
        objective=estimate(list(tally.values.values())),
        adjusted_mean=tally.adjusted if tally.values else None,
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
