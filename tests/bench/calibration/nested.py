"""Nested resampling: whether its interval covers what this way of choosing reaches on other data.

Networks are ridge regressions, so that a choice's loss on all rows there could be is known. What is chosen, by what, and what is
said of it in the end is the sweep's own doing: its points, its analysis in each fold, its frozen picks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, mean, share
from regsweep.api.analysis import Interval, PickRole
from regsweep.api.spec import SweepSpec
from regsweep.api.status import FinalStatus
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import AnalysisRequest, analyse_records
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.results.records import Environment, Outcome, Record
from regsweep.core.sweep import Point, Sweep, final_points

LEVEL = 0.95
FOLDS = (3, 5, 10)
PENALTIES = [0.3, 1, 3, 10, 30, 100, 300, 1000]
REPLICATES, TRAININGS = 5, 3
"""Of each combination in a fold, and of its pick."""
VAL_SHARE = 0.25
SWEEPS = 300
COVERS, ORDINARY = "the interval covers", "mean loss of the best by the rows that chose it, in parts of the truth"


@dataclass(frozen=True, slots=True)
class World:
    """Data sets of this size, with normal features and noise of standard deviation 1."""

    rows: int
    features: int
    heavy: bool = False
    """Noise is Student's t with 5 degrees of freedom."""

    @property
    def weights(self) -> Floats:
        """The truth, the same for all data sets."""
        return np.asarray(np.random.default_rng(1).standard_normal(self.features) / 3)

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A data set."""
        x = rng.standard_normal((self.rows, self.features))
        noise = rng.standard_t(5, self.rows) / np.sqrt(5 / 3) if self.heavy else rng.standard_normal(self.rows)
        return x, x @ self.weights + noise

    def risk(self, weights: Floats) -> float:
        """The expected loss of these on new rows."""
        return 1.0 + float(((weights - self.weights) ** 2).sum())


WORLDS = {
    "100 rows x 20": World(100, 20),
    "60 rows x 30": World(60, 30),
    "150 rows x 20, heavy tails (t, 5 df)": World(150, 20, heavy=True),
}


def cases() -> Iterator[Case]:
    """Coverage, and how much too good the ordinary estimate is."""
    for name in WORLDS:
        for folds in FOLDS:
            yield case(name, folds)


def case(name: str, folds: int) -> Case:
    """One kind of data."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        found = [_Resampled(WORLDS[name], folds, rng).evaluated() for _ in range(sweeps)]
        truth = float(np.mean([each.risk for each in found]))
        covered = sum(each.interval.low <= truth <= each.interval.high for each in found)
        yield share(COVERS, covered, sweeps, at_least=LEVEL)
        yield mean(ORDINARY, [each.ordinary / truth for each in found])

    return Case("nested", {"Ridge regressions": name, "Outer folds": str(folds)}, SWEEPS, simulation)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    interval: Interval
    """Of the way of choosing that is called the best."""
    risk: float
    """What its choices come to on new rows, the mean over folds and trainings."""
    ordinary: float
    """The mean of the sweep's best on the rows that chose it."""


class _Resampled:
    """A sweep with nested resampling on one data set."""

    def __init__(self, world: World, folds: int, rng: np.random.Generator) -> None:
        self._world, self._rng, self._sweep = world, rng, _sweep(folds)
        self._x, self._y = world.draw(rng)
        self._folds = np.array_split(rng.permutation(world.rows), folds)

    def evaluated(self) -> _Evaluated:
        """Trains and chooses, then trains what was chosen."""
        records = [*self._grid(self._sweep.points), *self._grid(self._sweep.outer)]
        chosen = analyse_records(AnalysisRequest(self._sweep, records, None, "", "outer"))
        assert chosen.outer is not None and chosen.analysis.best is not None
        assert chosen.analysis.best.given_data is not None
        ordinary = chosen.analysis.best.given_data.mean
        picks = list(chosen.outer.picks)
        final = FinalStatus(rests_on="", picks=picks, folds=len(self._folds), replicates=TRAININGS)
        risks: list[float] = []
        for point, pick in zip(final_points(self._sweep, final), picks, strict=True):
            trained, risk = self._final(point)
            records += trained
            risks += [risk] * (PickRole.BEST in pick.roles)
        found = analyse_records(AnalysisRequest(self._sweep, records, final, "")).analysis.final
        assert found is not None
        interval = next(each.loss for each in found.nested if each.role is PickRole.BEST)
        assert interval is not None
        return _Evaluated(interval, float(np.mean(risks)), ordinary)

    def _grid(self, points: Sequence[Point]) -> Iterator[Record]:
        """Each combination's replicates, which have the same rows in all combinations of a fold."""
        for start in range(0, len(points), len(PENALTIES)):
            of_fold = points[start : start + len(PENALTIES)]
            for replicate in range(REPLICATES):
                train, val = self._divided(of_fold[0])
                weights = _ridge(self._x[train], self._y[train], [_penalty(point) for point in of_fold])
                rows = Environment(train_rows=len(train), val_rows=len(val))
                for point, each in zip(of_fold, weights, strict=True):
                    metrics = {"train_average_loss": self._loss(each, train), "val_average_loss": self._loss(each, val)}
                    yield Record(point.key, replicate, Outcome.OK, "", metrics=metrics, environment=rows)

    def _final(self, point: Point) -> tuple[list[Record], float]:
        """The pick's trainings, scored on its fold; and what they come to on new rows."""
        assert point.outer is not None
        records, risks = [], []
        for replicate in range(TRAININGS):
            train, _ = self._divided(point)
            (weights,) = _ridge(self._x[train], self._y[train], [_penalty(point)])
            metrics = {"test_average_loss": self._loss(weights, self._folds[point.outer.fold])}
            records.append(Record(point.key, replicate, Outcome.OK, "", metrics=metrics))
            risks.append(self._world.risk(weights))
        return records, float(np.mean(risks))

    def _divided(self, point: Point) -> tuple[np.ndarray, np.ndarray]:
        """(train, val) of the rows outside the point's fold, drawn anew."""
        test = set() if point.outer is None else set(self._folds[point.outer.fold].tolist())
        rows = self._rng.permutation([row for row in range(self._world.rows) if row not in test])
        count = round(VAL_SHARE * len(rows))
        return rows[count:], rows[:count]

    def _loss(self, weights: Floats, rows: np.ndarray) -> float:
        return float(((self._y[rows] - self._x[rows] @ weights) ** 2).mean())


def _ridge(x: Floats, y: Floats, penalties: Iterable[float]) -> list[Floats]:
    """Weights by penalty."""
    values, vectors = np.linalg.eigh(x.T @ x)
    right = vectors.T @ (x.T @ y)
    return [np.asarray(vectors @ (right / (values + penalty))) for penalty in penalties]


def _penalty(point: Point) -> float:
    value = point.combination.flags["l2"]
    assert isinstance(value, int | float)
    return float(value)


@lru_cache(maxsize=len(FOLDS))
def _sweep(folds: int) -> Sweep:
    spec = SweepSpec.model_validate(
        {
            "flags": [{"name": "l2", "values": PENALTIES}],
            "replicates": REPLICATES,
            "final": {"evaluate": "Nested", "folds": folds, "replicates": TRAININGS},
        }
    )
    return accept(Identity("nested", "default", "uid", 1), spec, Defaults("trainer", "nvidia.com/gpu", "0"))[0]
