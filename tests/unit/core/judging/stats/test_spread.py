"""Bias and variance from what the trainer reports of audit rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.spread import spread_of
from regsweep.core.results.records import Outcome, Record


def process(predictions: Floats, labels: Floats, first: int = 0, run: str = "run") -> list[Record]:
    """What a trainer reports that predicts (replicates, rows, classes) one replicate after the other."""
    found = []
    mean, classes = np.zeros_like(predictions[0]), np.zeros((0, predictions.shape[1]))
    for k, predicted in enumerate(predictions):
        metrics = {"audit_squared_error": float(((predicted - labels) ** 2).sum(axis=1).mean())}
        deviation = predicted - mean
        mean = mean + deviation / (k + 1)
        chosen = predicted.argmax(axis=1)
        if k:
            metrics["audit_spread"] = float((deviation * (predicted - mean)).sum(axis=1).mean())
            metrics["audit_disagreement"] = float((classes != chosen).mean())
        classes = np.vstack([classes, chosen])
        found.append(Record("key", first + k, Outcome.OK, run, metrics=metrics))
    return found


def world(replicates: int, seed: int = 1) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    scores = rng.random((30, 3)) + 0.4 * rng.random((replicates, 30, 3))
    return scores / scores.sum(axis=2, keepdims=True), np.eye(3)[rng.integers(3, size=30)]


def test_of_one_process_it_is_the_variance_over_replicates_and_what_the_error_leaves() -> None:
    predictions, labels = world(6)
    spread = spread_of(process(predictions, labels))
    assert spread is not None
    error = ((predictions - labels) ** 2).sum(axis=2).mean()
    variance = predictions.var(axis=0, ddof=1).sum(axis=1).mean()
    classes = predictions.argmax(axis=2)
    pairs = [(classes[i] != classes[j]).mean() for i in range(6) for j in range(i)]
    assert spread.squared_error == pytest.approx(error)
    assert spread.variance == pytest.approx(variance)
    assert spread.bias_squared == pytest.approx(error - variance)
    assert spread.disagreement == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    "runs", [pytest.param(["a", "b"], id="of two runs"), pytest.param(["a", "a"], id="of one run")]
)
def test_processes_are_pooled_by_what_each_could_compare(runs: Sequence[str]) -> None:
    predictions, labels = world(7)
    parts = predictions[:4], predictions[4:]
    records = process(parts[0], labels, 0, runs[0]) + process(parts[1], labels, 4, runs[1])
    spread = spread_of(reversed(records))
    assert spread is not None
    sums = [len(part) - 1 for part in parts]
    pooled = sum(part.var(axis=0, ddof=1).sum(axis=1).mean() * n for part, n in zip(parts, sums, strict=True)) / 5
    classes = [part.argmax(axis=2) for part in parts]
    pairs = [(each[i] != each[j]).mean() for each in classes for i in range(len(each)) for j in range(i)]
    assert spread.variance == pytest.approx(pooled)
    assert spread.disagreement == pytest.approx(np.mean(pairs))


def test_what_is_not_sound_takes_no_part() -> None:
    predictions, labels = world(4)
    records = process(predictions, labels)
    broken = Record("key", 9, Outcome.DIVERGED, "run", metrics={"audit_squared_error": 99.0, "audit_spread": 99.0})
    assert spread_of([*records, broken]) == spread_of(records)


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param([], id="no record"),
        pytest.param([{"val_average_loss": 0.1}] * 3, id="nothing set aside"),
        pytest.param([{"audit_squared_error": 0.1}] * 3, id="one replicate in each process"),
        pytest.param([{"audit_spread": float("nan"), "audit_squared_error": 0.1}], id="no number"),
    ],
)
def test_none_where_no_row_was_predicted_twice(metrics: Sequence[dict[str, float]]) -> None:
    assert spread_of(Record("key", k, Outcome.OK, "run", metrics=each) for k, each in enumerate(metrics)) is None


def test_a_regression_has_no_disagreement() -> None:
    metrics = [{"audit_squared_error": 1.0}, {"audit_squared_error": 3.0, "audit_spread": 0.5}]
    spread = spread_of(Record("key", k, Outcome.OK, "run", metrics=each) for k, each in enumerate(metrics))
    assert spread is not None
    assert (spread.squared_error, spread.variance, spread.bias_squared, spread.disagreement) == (2.0, 0.5, 1.5, None)


def test_spread_needs_neither_numpy_nor_scipy() -> None:
    code = "import sys, regsweep.core.judging.stats.spread; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
