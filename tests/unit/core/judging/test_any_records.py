"""Whatever was measured: a race, references, a final evaluation, outer folds and a refinement are judged without an exception or a
warning of numpy's, and nothing that is no number is passed off as a figure."""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.objective import epoch_rule, objective_status
from regsweep.api.spec import SweepSpec
from regsweep.api.status import FinalStatus
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import (
    AnalysisRequest,
    analyse_records,
    judge,
    picks_of,
    rank,
    reference_rows,
)
from regsweep.core.refinement import next_refinement, refined
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records, TestLosses
from regsweep.core.sweep import Point, Sweep, final_points

from .stats.test_any_metrics import VALUES

OBJECTIVES = [
    {"metric": "val_average_loss"},
    {"metric": "val_average_loss", "epoch": "Best", "minimum_difference": 0.01},
    {"metric": "val_accuracy", "constraints": [{"metric": "val_average_loss", "max": 0.5}]},
    {"metric": "val_loss", "minimum_difference": 1e-12},
]
REFERENCES = [{"name": "plain", "flags": {"l2": 0}}, {"name": "linear", "flags": {"model": "linear"}}]
LISTS = [{"name": "l2", "values": [0, 0.1, 1]}, {"name": "dropout", "values": [0, 0.5]}]
RANGES: list[dict[str, Any]] = [
    {"name": "l2", "range": {"from": 0.001, "to": 0.1, "points": 3, "scale": "Log", "max": 1}},
    {"name": "units", "range": {"from": 1, "to": 4, "points": 2, "min": 1, "max": 9}},
]
MIXED = Environment(image="trainer@sha256:1", device="tpu")


class Trainer:
    """Trains whatever is asked for, now and then without a metric, a best epoch, its rows or a result at all."""

    def __init__(self, sweep: Sweep, values: list[float], seed: int, hole: float) -> None:
        """`hole`: how often something is missing."""
        self.rng, self.values, self.hole = np.random.default_rng(seed), values, hole
        self.rule = epoch_rule(objective_status(sweep.spec.objective))
        self.records = Records()

    def train(self, points: Iterable[Point], replicates: range) -> None:
        for point in points:
            for replicate in replicates:
                if self.records.get(point.key, replicate) is None and not self.misses():
                    self.records.add(self.record(point, replicate))

    def misses(self) -> bool:
        return bool(self.rng.random() < self.hole)

    def record(self, point: Point, replicate: int) -> Record:
        if self.misses():
            outcome = Outcome.DIVERGED if self.rng.random() < 0.5 else Outcome.FAILED
            return Record(point.key, replicate, outcome, "run", epochs=3)
        val, train, test = (float(each) for each in self.rng.choice(self.values, 3))
        metrics = {"train_average_loss": train, "val_average_loss": val, "val_accuracy": min(val, 1.0)}
        metrics |= {"train_loss": train + 0.1, "val_loss": val + 0.1, "late_gain": test, "val_label_mean": 0.4}
        metrics |= {"test_average_loss": test, "test_accuracy": min(test, 1.0)} if point.final else {}
        rows = Environment(train_rows=int(self.rng.integers(1, 400)), val_rows=int(self.rng.integers(1, 100)))
        best = BestEpoch(int(self.rng.choice([4, 9], p=[0.2, 0.8])), train, val, self.rule)
        return Record(
            point.key,
            replicate,
            Outcome.OK,
            "run",
            epochs=9,
            metrics={name: value for name, value in metrics.items() if not self.misses()},
            best=None if self.misses() else best,
            environment=MIXED if self.misses() else Environment() if self.misses() else rows,
            test=self.blocks() if point.final and not self.misses() else None,
        )

    def blocks(self) -> TestLosses:
        counted = self.rng.choice([0, 1, 2, 8])
        with np.errstate(over="ignore"):
            text = base64.b64encode(self.rng.choice(self.values, counted).astype("<f2").tobytes()).decode()
        return TestLosses(str(self.rng.choice(["a", "b"], p=[0.9, 0.1])), "?" if self.misses() else text)


def every(*points: Collection[Point]) -> Iterator[Point]:
    for some in points:
        yield from some


def raced(trainer: Trainer, sweep: Sweep) -> Any:
    trainer.train(sweep.points, range(3))
    result = judge(sweep, trainer.records)
    for point in sweep.points:
        trainer.train([point], range(result.wanted.get(point.combination.id, 0)))
    trainer.train((each.point for each in sweep.references), range(sweep.most_replicates))
    return judge(sweep, trainer.records)


def finished(trainer: Trainer, sweep: Sweep) -> Any:
    before = list(every(sweep.points, sweep.outer, [each.point for each in sweep.references]))
    trainer.train(before, range(sweep.spec.replicates))
    records = [each for point in before for each in trainer.records.of(point.key).values()]
    found = analyse_records(AnalysisRequest(sweep, records, None, "", "outer" if sweep.outer else ""))
    picks = list(found.outer.picks) if found.outer is not None else picks_of(sweep, trainer.records, found)
    asked = sweep.spec.final
    assert asked is not None
    final = FinalStatus(rests_on="", picks=picks, folds=asked.folds, replicates=asked.replicates)
    points = final_points(sweep, final)
    trainer.train(points, range(asked.replicates))
    records += [each for point in points for each in trainer.records.of(point.key).values()]
    return analyse_records(AnalysisRequest(sweep, records, final, ""))


def refined_to_the_end(trainer: Trainer, sweep: Sweep) -> Any:
    declared, n = sweep, sweep.spec.replicates
    for _ in range(4):
        trainer.train(sweep.points, range(n))
        result = judge(sweep, trainer.records)
        refinement = next_refinement(sweep, result.analysis, "")
        sweep = refined(declared, refinement)
        if refinement.contenders is not None:
            break
    else:
        raise AssertionError("it does not end")
    contending = [point for point in sweep.points if point.combination.id in sweep.contenders]
    trainer.train(every(contending, [each.point for each in sweep.references]), range(n, 2 * n))
    result = judge(sweep, trainer.records)
    assert len(rank(sweep, trainer.records, result).rows) == len(sweep.points)
    assert len(reference_rows(sweep, trainer.records)) == len(sweep.references)
    return result


def figures(value: Any) -> Iterator[float]:
    """All floats in a JSON value."""
    if isinstance(value, float):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from figures(each)


NESTED = {"final": {"evaluate": "Nested", "folds": 3, "replicates": 3}}


@pytest.mark.parametrize(
    ("spec", "judged"),
    [
        pytest.param({"racing": {"max_replicates": 7}}, raced, id="a race"),
        pytest.param({"final": {"replicates": 3}}, finished, id="a final evaluation"),
        pytest.param(NESTED, finished, id="outer folds"),
        pytest.param({"flags": RANGES, "refinement": {"rounds": 2, "max_runs": 7}}, refined_to_the_end, id="rounds"),
    ],
)
@settings(max_examples=40)
@given(
    replicates=st.integers(1, 6),
    values=st.sampled_from(VALUES),
    objective=st.sampled_from(OBJECTIVES),
    references=st.sampled_from([[], REFERENCES]),
    hole=st.sampled_from([0.0, 0.02, 0.2]),
    seed=st.integers(0, 2**32),
)
def test_any_records_are_judged(
    spec: dict[str, Any],
    judged: Callable[[Trainer, Sweep], Any],
    replicates: int,
    values: list[float],
    objective: dict[str, Any],
    references: list[dict[str, Any]],
    hole: float,
    seed: int,
) -> None:
    count = max(replicates, 3 if "racing" in spec else 1)
    fields = {"flags": LISTS, "replicates": count, "objective": objective, "references": references, **spec}
    identity, defaults = Identity("any", "default", "uid", 1), Defaults("trainer", "nvidia.com/gpu", "0")
    sweep = accept(identity, SweepSpec.model_validate(fields), defaults)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = judged(Trainer(sweep, values, seed, hole), sweep)
    assert all(map(math.isfinite, figures(result.analysis.model_dump(mode="python"))))
