"""What a sweep would cost and show, if it is like one that has been trained: times and spread of that one, counts of this one.

numpy and scipy load with it: import it where it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, stdev

from pydantic import JsonValue
from scipy.stats import t as student

from regsweep.api.canonical import canonical_json
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.forecast import MOST_DIFFERENCES, Duration, Forecast
from regsweep.api.objective import objective_status
from regsweep.api.outlook import Planning
from regsweep.api.spec import SweepSpec
from regsweep.core.cost import Cost
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.planning import NoiseOfDifferences
from regsweep.core.judging.stats.ranking import TrainedGrid, objective_reader, rank
from regsweep.core.judging.stats.scores import Cells
from regsweep.core.judging.stats.ties import tied_with_best
from regsweep.core.results.records import Record, Records

FEWEST_COMBINATIONS = 3
"""Fewer say hardly how much combinations differ in time."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A sweep that has been trained."""

    name: str
    """As a person named it."""
    combinations: Sequence[Combination]
    point_keys: Mapping[str, str]
    """The point's key by combination id."""
    records: Records
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    start_seconds: Sequence[float] = ()
    """What each run took beside its trainings; empty: not known."""

    def results_of(self, combination: Combination) -> list[Record]:
        """The combination's results, divergence included."""
        return [r for r in self.records.of(self.point_keys[combination.id]).values() if r.has_result]


def forecast(spec: SweepSpec, selected: Sequence[Combination], cost: Cost, parallelism: int, like: Trained) -> Forecast:
    """What the spec's trainings would take and show. `selected`: its combinations."""
    results = {each.id: found for each in like.combinations if (found := like.results_of(each))}
    seconds = _by_combination({key: [_seconds(record) for record in found] for key, found in results.items()})
    gpu = _by_combination({key: [record.gpu_seconds for record in found] for key, found in results.items()})
    start = fmean(like.start_seconds) if like.start_seconds else 0.0
    one, rounds = _mean(seconds, len(selected)), -(-cost.pods // max(parallelism, 1))
    return Forecast(
        like=like.name,
        combinations=len(results),
        trainings=sum(map(len, results.values())),
        parallelism=max(parallelism, 1),
        open_count=cost.least < cost.trainings,
        training=one,
        whole=_times(one, cost.trainings, start * cost.pods, cost.least),
        wall=_times(
            one, rounds * cost.trainings / max(cost.pods, 1), start * rounds, rounds * cost.least / max(cost.pods, 1)
        ),
        start_included=bool(like.start_seconds),
        gpu_seconds=_times(_mean(gpu, len(selected)), cost.trainings, 0.0, cost.least),
        planning=_planning(spec, len(selected), like),
        differing_parameters=_differing(spec, like),
    )


def _seconds(record: Record) -> float | None:
    if record.started_at is None or record.ended_at is None:
        return None
    return (record.ended_at - record.started_at).total_seconds()


def _by_combination(values: Mapping[str, Sequence[float | None]]) -> list[float]:
    """The mean of each combination that has a value."""
    known = ([value for value in of_combination if value is not None] for of_combination in values.values())
    return [fmean(each) for each in known if each]


def _mean(means: Sequence[float], of: int) -> Duration | None:
    """The mean time of a training over so many other combinations, predicted from these."""
    if not means:
        return None
    centre, n = fmean(means), len(means)
    if n < FEWEST_COMBINATIONS:
        return Duration(seconds=centre)
    error = stdev(means) * sqrt(1 / n + 1 / max(of, 1))
    margin = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, n - 1)) * error
    return Duration(seconds=centre, low=max(centre - margin, 0.0), high=centre + margin)


def _times(one: Duration | None, most: float, more: float, least: float) -> Duration | None:
    """So many trainings and some seconds more; a race may need the least alone."""
    if one is None:
        return None
    low, high = one.low, one.high
    if least < most:
        low = one.seconds if low is None else low
        high = one.seconds if high is None else high
    return Duration(
        seconds=one.seconds * most + more,
        low=None if low is None else low * least + more,
        high=None if high is None else high * most + more,
    )


def _planning(spec: SweepSpec, combinations: int, like: Trained) -> Planning | None:
    """By the objective of the spec, in the other's records."""
    objective = objective_status(spec.objective)
    most = 1 + max((record.replicate for record in like.records), default=0)
    grid = TrainedGrid(like.combinations, like.point_keys, like.records, objective, most)
    ranking = rank(grid)
    rows = [row.combination for row in ranking.rows if row.comparable]
    losses = Cells(rows, grid).losses(objective_reader(objective))
    tied = tied_with_best(losses, paired=not ranking.mixed) if rows else None
    noise = NoiseOfDifferences.of(losses, tied) if tied is not None else None
    if noise is None or spec.most_replicates < MIN_REPLICATES_FOR_ERROR:
        return None
    return noise.of_grid(combinations).planning(spec.most_replicates, spec.resampling, spec.minimum_difference)


def _differing(spec: SweepSpec, like: Trained) -> list[str]:
    """Parameters that are not alike, but for those that a flag of either varies."""
    varied = {flag.name for flag in spec.flags}.union(*(c.flags for c in like.combinations[:1]))
    names = (spec.trainer.parameters.keys() | like.parameters.keys()) - varied
    mine, theirs = spec.trainer.parameters, like.parameters
    differ = (
        n
        for n in sorted(names)
        if n not in mine or n not in theirs or canonical_json(mine[n]) != canonical_json(theirs[n])
    )
    return list(differ)[:MOST_DIFFERENCES]
