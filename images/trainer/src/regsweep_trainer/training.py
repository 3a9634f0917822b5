"""Trains one replicate, epoch by epoch. Knows no Keras: the network is handed in."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.epochs import Best, Watch
from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_kit.record import Outcome, Progress, Record, column_name
from regsweep_kit.seeds import permutation, stream_seed
from regsweep_kit.testlosses import Blocks, relative_losses
from regsweep_trainer.audit import Audit
from regsweep_trainer.dataset import Head
from regsweep_trainer.flags import Flags
from regsweep_trainer.metrics import GOALS, METRICS, evaluate, row_losses
from regsweep_trainer.preparation import Part, Prepared, fixed_sample

LIVE_TRAIN_ROWS = 2000  # train metrics of every epoch come from at most so many rows; at the end from all

Values = dict[tuple[str, str], float]
"""By (metric, split)."""


class Trainable(Protocol):
    """What is asked of a network; `network.Network` is the one."""

    def reset(self, seed_base: int, replicate: int) -> None: ...
    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64]) -> bool: ...
    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def regularization_loss(self) -> float: ...
    def weights(self) -> list[NDArray[Any]]: ...
    def restore(self, weights: list[NDArray[Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a replicate's training, but for its data."""

    replicate: int
    seed_base: int
    head: Head
    flags: Flags
    objective: Objective
    score_test: bool = False
    blocks: Blocks | None = None
    """Of the test rows, whose losses the record is to have where test is scored; `None`: it has none."""
    audit: Audit | None = None
    """What earlier replicates predicted; a replicate that does not diverge adds its predictions at its last epoch. `None`: no audit."""

    @property
    def evaluates_objective(self) -> bool:
        """Whether the objective's metric is one that the head has; else no best epoch is reported."""
        return self.objective.name in METRICS[self.head]

    @property
    def best_rule(self) -> Rule:
        """By which the best epoch is chosen: the objective's, or the loss where the head lacks that metric."""
        return self.objective.rule if self.evaluates_objective else Rule("val_average_loss", Goal.MINIMIZE)

    @property
    def stopping_rule(self) -> Rule:
        """By which early stopping judges: a flag's, so that another objective never changes a training."""
        metric = self.flags.early_stopping_metric
        return Rule(f"val_{metric}", GOALS[metric])

    @property
    def scores_best(self) -> bool:
        """Whether test is scored with the weights of the best epoch instead of the last one's."""
        return self.score_test and self.objective.epoch is Epoch.BEST


@dataclass(frozen=True, slots=True)
class _Course:
    """How the epochs went."""

    outcome: Outcome
    epochs: int
    values: Values
    """At the last epoch, train on the live sample."""
    best: Best | None
    best_weights: list[NDArray[Any]] | None
    """Kept only where they are evaluated later."""


def train_replicate(
    network: Trainable, data: Prepared, task: Task, on_epoch: Callable[[Progress], None]
) -> tuple[Record, Progress]:
    """The replicate's record and its final state. `on_epoch` is called after every epoch but not at the end."""
    network.reset(task.seed_base, task.replicate)
    judge = _Judge(network, data, task)
    course = _train(network, data, task, judge, on_epoch)
    values, best, test_losses = dict(course.values), course.best, None
    ended_well = course.outcome is Outcome.OK
    at_best = task.scores_best and course.best_weights is not None
    if ended_well:
        values |= judge.last_epoch()
    if ended_well and task.score_test and not at_best:
        test, test_losses = judge.test()
        values |= test
    if best is not None and course.best_weights is not None:
        network.restore(course.best_weights)
        best = judge.best_epoch(best)
        if ended_well and at_best:
            test, test_losses = judge.test()
            values |= test
    reported = best if task.evaluates_objective else None
    record = Record(
        replicate=task.replicate,
        outcome=course.outcome,
        epochs=course.epochs,
        values={column_name(metric, split): value for (metric, split), value in values.items()},
        best=reported,
        test_losses=test_losses,
    )
    return record, Progress(course.epochs, values, judge.final_rows(), reported)


def _train(
    network: Trainable, data: Prepared, task: Task, judge: "_Judge", on_epoch: Callable[[Progress], None]
) -> _Course:
    """All epochs, until the last one, divergence or early stopping."""
    keep_best = judge.sampled or task.scores_best
    best, stopping = Watch(task.best_rule), Watch(task.stopping_rule)
    best_weights, outcome, epoch, values = None, Outcome.OK, 0, Values()
    for epoch in range(1, task.flags.epochs + 1):
        order = permutation(stream_seed(task.seed_base, task.replicate, f"shuffle/{epoch}"), len(data.train.y))
        finite = network.train_epoch(data.train.x, data.train.y, order)
        seen = judge.epoch()
        values = seen.values
        if not finite or not seen.finite:
            outcome = Outcome.DIVERGED
            break
        best, stopping = (watch.seen(epoch, seen.train, seen.stop, seen.val) for watch in (best, stopping))
        if best.improved and keep_best:
            best_weights = network.weights()
        reported = best.best if task.evaluates_objective else None
        on_epoch(Progress(epoch, values, judge.live_rows(), reported))
        if stopping.exhausted(task.flags.early_stopping):
            break
    return _Course(outcome, epoch, values, best.best, best_weights)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The metrics of one epoch; train on the live sample."""

    train: Mapping[str, float]
    stop: Mapping[str, float]
    val: Mapping[str, float]
    penalty: float

    @property
    def values(self) -> Values:
        """What is reported: stop chooses epochs, and is not."""
        return {
            **_by_split(self.train, "train"),
            **_by_split(self.val, "val"),
            ("regularization_loss", ""): self.penalty,
        }

    @property
    def finite(self) -> bool:
        return all(math.isfinite(metrics["loss"]) for metrics in (self.train, self.stop, self.val))


def _by_split(metrics: Mapping[str, float], split: str) -> Values:
    return {(name, split): value for name, value in metrics.items()}


class _Judge:
    """Evaluates splits with the network's present weights, in the target's unit."""

    def __init__(self, network: Trainable, data: Prepared, task: Task) -> None:
        self._network, self._data, self._task = network, data, task
        self._sample = fixed_sample(data.train, LIVE_TRAIN_ROWS)
        self.sampled = len(self._sample.y) < len(data.train.y)
        """Whether train is evaluated on a sample during training."""

    def live_rows(self) -> dict[str, int]:
        return {"train": len(self._sample.y), "val": len(self._data.val.y)}

    def final_rows(self) -> dict[str, int]:
        rows = {"train": len(self._data.train.y), "val": len(self._data.val.y)}
        rows |= {"test": len(self._data.test.y)} if self._task.score_test else {}
        return rows | ({"audit": len(self._data.audit.y)} if self._task.audit is not None else {})

    def epoch(self) -> _Seen:
        """After an epoch of training."""
        train, stop, val = self._evaluate(self._sample, self._data.stop, self._data.val)
        return _Seen(train, stop, val, self._penalty())

    def last_epoch(self) -> Values:
        """What is evaluated at the last epoch alone: train in full, and the audit."""
        values: Values = {}
        if self.sampled:
            values |= _by_split(self._evaluate(self._data.train)[0], "train")
        if (audit := self._task.audit) is not None:
            part = self._data.audit
            audited = audit.add(self._data.audit_rows, self._outputs(part.x), part.target)
            values |= _by_split(audited, "audit")
        return values

    def best_epoch(self, best: Best) -> Best:
        """The best epoch with train in full, whose weights must be the present ones."""
        if not self.sampled:
            return best
        return replace(best, train=self._evaluate(self._data.train)[0][self._task.best_rule.name])

    def test(self) -> tuple[Values, bytes | None]:
        """(metrics of test, its losses by block where they are requested and finite)."""
        part, blocks = self._data.test, self._task.blocks
        outputs = self._outputs(part.x)
        values = self._metrics(outputs, part, self._penalty())
        if blocks is None or not math.isfinite(values["average_loss"]):
            return _by_split(values, "test"), None
        return _by_split(values, "test"), relative_losses(row_losses(self._task.head, outputs, part.target), blocks)

    def _penalty(self) -> float:
        """In the unit of the loss: a regression is trained on a standardised target, whose squared unit is scaled back."""
        return self._network.regularization_loss() * self._data.target_scale**2

    def _evaluate(self, *parts: Part) -> list[dict[str, float]]:
        """Metrics of each part, from one pass through the network."""
        outputs = self._outputs(parts[0].x if len(parts) == 1 else np.concatenate([part.x for part in parts]))
        penalty = self._penalty()
        ends = np.cumsum([len(part.y) for part in parts])[:-1]
        return [self._metrics(out, part, penalty) for out, part in zip(np.split(outputs, ends), parts, strict=True)]

    def _metrics(self, outputs: NDArray[np.floating[Any]], part: Part, penalty: float) -> dict[str, float]:
        return evaluate(self._task.head, outputs, part.target, penalty, batch_size=self._task.flags.batch_size)

    def _outputs(self, x: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Logits, or predictions in the target's unit."""
        if not len(x):
            return np.empty((0, 1), np.float32)
        outputs = self._network.outputs(x)
        if self._task.head is Head.REGRESSION:
            return self._data.target_mean + self._data.target_scale * outputs.astype(np.float64)
        return outputs
