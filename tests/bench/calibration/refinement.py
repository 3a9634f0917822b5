"""Refinement: whether a true best stays among the contenders, and what intervals are worth.

Combinations are added by the sweep's own rounds, around what is tied by its own analysis. Replicates have no effect that all
combinations share: it would make the intervals of levels so wide that the luck of having been chosen does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log10

import numpy as np

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from regsweep.api.analysis import Interval
from regsweep.api.spec import Flags, SweepSpec
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.grid import Combination
from regsweep.core.judging.analysis import AnalysisResult, judge, rank
from regsweep.core.judging.stats.intervals import given_data
from regsweep.core.refinement import next_refinement, refined
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep

LEVEL = 0.95
REPLICATES = (3, 5, 10, 20)
ADDED = 20
"""Combinations that refinement may add to the grid's 15."""
MOST = 15 + ADDED
SWEEPS = 200
LEFT_OUT = "a true best of what was trained is left out of the contenders"
CHOOSING = "the interval of the best of all, on the replicates that chose it, covers"
NEW = "the same combination's interval on new replicates covers"
AMONG = "the interval of the best of the contenders, which the new replicates chose, covers"


def level(_: float, __: float) -> float:
    """All combinations are equal."""
    return 0.0


def bowl(decades: float, dropout: float) -> float:
    """The optimum lies between the values of the grid: the nearest of these are worse by a noise standard deviation and more."""
    return 4 * (decades + 1.8) ** 2 + 60 * (dropout - 0.2) ** 2


WORLDS: dict[str, tuple[Callable[[float, float], float], float]] = {
    "all are equal": (level, 0.0),
    "all are equal, slope x replicate": (level, 1.0),
    "the best between the grid's values": (bowl, 0.0),
}
"""The mean at each place, in noise standard deviations; and how much replicates tilt the whole grid, along each flag."""


def cases() -> Iterator[Case]:
    """Contenders and intervals."""
    for name in WORLDS:
        for n in REPLICATES:
            yield case(name, n)


def case(name: str, n: int) -> Case:
    """One world."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        found = np.array([_Refined(name, n, rng).judged() for _ in range(sweeps)])
        left_out, choosing, new, among = found.sum(axis=0).tolist()
        yield share(LEFT_OUT, left_out, sweeps, at_most=0.05 if n >= 5 else 0.08)
        yield share(CHOOSING, choosing, sweeps)
        yield share(NEW, new, sweeps, at_least=LEVEL)
        yield share(AMONG, among, sweeps, at_least=LEVEL)

    return Case("refinement", {"World": name, "n": str(n)}, SWEEPS, simulation)


class _Refined:
    """A sweep that is refined to its end."""

    def __init__(self, name: str, n: int, rng: np.random.Generator) -> None:
        self._mean, tilt = WORLDS[name]
        self._n, self._declared = n, _sweep(n)
        self._own = rng.standard_normal((MOST, 2 * n))
        self._tilts = tilt * rng.standard_normal((2, 2 * n))
        self._records = Records()

    def judged(self) -> tuple[bool, bool, bool, bool]:
        """Whether a true best was left out; and whether each of the three intervals covers."""
        asked, result, sweep = self._chosen()
        first, on_choosing = _best(asked, self._records, result), result.analysis.best
        assert on_choosing is not None
        means = {point.combination.id: self._truth(point.combination.flags) for point in sweep.points}
        least = min(means.values())
        true_best = {ident for ident, each in means.items() if each < least + 1e-9}
        left_out = not true_best <= sweep.contenders
        self._train(sweep, range(self._n, 2 * self._n), sweep.contenders)
        result = judge(sweep, self._records)
        best, found = _best(sweep, self._records, result), result.analysis.best
        new = [self._loss(first, replicate) for replicate in range(self._n, 2 * self._n)]
        return (
            left_out,
            _covers(on_choosing.given_data, means[first.id]),
            _covers(given_data(np.array(new)), means[first.id]),
            found is not None and _covers(found.given_data, means[best.id]),
        )

    def _chosen(self) -> tuple[Sweep, AnalysisResult, Sweep]:
        """The sweep with all that was added, its analysis, and the sweep with the contenders that this chose."""
        sweep = self._declared
        while True:
            self._train(sweep, range(self._n), {point.combination.id for point in sweep.points})
            result = judge(sweep, self._records)
            following = refined(self._declared, next_refinement(sweep, result.analysis, ""))
            if following.contenders:
                return sweep, result, following
            sweep = following

    def _train(self, sweep: Sweep, replicates: range, wanted: set[str] | frozenset[str]) -> None:
        for point in sweep.points:
            if point.combination.id in wanted and self._records.get(point.key, replicates.start) is None:
                for replicate in replicates:
                    self._records.add(self._record(point, replicate))

    def _record(self, point: Point, replicate: int) -> Record:
        loss = self._loss(point.combination, replicate)
        metrics = {"train_average_loss": loss / 2, "val_average_loss": loss}
        return Record(point.key, replicate, Outcome.OK, "", metrics=metrics)

    def _loss(self, combination: Combination, replicate: int) -> float:
        along = np.array(_place(combination.flags)) @ self._tilts[:, replicate]
        return self._truth(combination.flags) + float(along + self._own[combination.index, replicate])

    def _truth(self, flags: Flags) -> float:
        decades, dropout = _place(flags)
        return 100 + self._mean(decades, dropout)


def _place(flags: Flags) -> tuple[float, float]:
    """The logarithm of l2, and dropout."""
    l2, dropout = flags["l2"], flags["dropout"]
    assert isinstance(l2, int | float) and isinstance(dropout, int | float)
    return log10(l2), float(dropout)


def _best(sweep: Sweep, records: Records, result: AnalysisResult) -> Combination:
    best = rank(sweep, records, result).best
    assert best is not None
    return best.combination


def _covers(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


@lru_cache(maxsize=len(REPLICATES))
def _sweep(n: int) -> Sweep:
    spec = SweepSpec.model_validate(
        {
            "flags": [
                {"name": "l2", "range": {"from": 0.001, "to": 0.1, "points": 5, "scale": "Log"}},
                {"name": "dropout", "range": {"from": 0, "to": 0.6, "points": 3}},
            ],
            "replicates": n,
            "refinement": {"rounds": 2, "max_runs": ADDED},
        }
    )
    return accept(Identity("refined", "default", "uid", 1), spec, Defaults("trainer", "nvidia.com/gpu", "0"))[0]
