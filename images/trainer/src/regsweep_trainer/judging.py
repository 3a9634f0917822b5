"""Evaluates a network's present weights on the splits of a replicate, in the target's unit. Knows no Keras."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.epochs import Best
from regsweep_kit.testlosses import relative_losses
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.metrics import evaluate, row_losses
from regsweep_trainer.preparation import Part, Prepared, fixed_sample
from regsweep_trainer.task import Task, Trainable

LIVE_TRAIN_ROWS = 2000  # train metrics of every epoch come from at most so many rows; at the end from all

Values = dict[tuple[str, str], float]
"""By (metric, split)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The metrics of one epoch; train on the live sample."""

    train: Mapping[str, float]
    stop: Mapping[str, float]
    val: Mapping[str, float]
    penalty: float
    """Of weights, and of the activities on the train rows."""

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


class Judge:
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

    def epoch(self) -> Seen:
        """After an epoch of training."""
        (train, stop, val), penalty = self._evaluate(self._sample, self._data.stop, self._data.val)
        return Seen(train, stop, val, penalty)

    def last_epoch(self) -> Values:
        """What is evaluated at the last epoch alone: train in full, and the audit."""
        values: Values = {}
        if self.sampled:
            (train,), penalty = self._evaluate(self._data.train)
            values |= _by_split(train, "train") | {("regularization_loss", ""): penalty}
        if (audit := self._task.audit) is not None:
            part = self._data.audit
            audited = audit.add(self._data.audit_rows, self._outputs(part.x), part.target)
            values |= _by_split(audited, "audit")
        return values

    def best_epoch(self, best: Best) -> Best:
        """The best epoch with train in full, whose weights must be the present ones."""
        if not self.sampled:
            return best
        (train,), _ = self._evaluate(self._data.train)
        return replace(best, train=train[self._task.best_rule.name])

    def test(self) -> tuple[Values, bytes | None]:
        """(metrics of test, its losses by block where they are requested and finite)."""
        part, blocks = self._data.test, self._task.blocks
        outputs = self._outputs(part.x)
        values = self._metrics(outputs, part, self._weight_penalty() + self._activity(part))
        if blocks is None or not math.isfinite(values["average_loss"]):
            return _by_split(values, "test"), None
        losses = row_losses(self._task.head, outputs, part.target)
        if part.weights is not None:
            losses *= part.weights / part.weights.mean()
        return _by_split(values, "test"), relative_losses(losses, blocks)

    def _weight_penalty(self) -> float:
        """In the unit of the loss: a regression is trained on a standardised target, whose squared unit is scaled back."""
        return self._network.regularization_loss() * self._data.target_scale**2

    def _activity(self, part: Part) -> float:
        """The activity penalty on these rows, in the unit of the loss."""
        if not self._task.flags.penalizes_activity or not len(part.x):
            return 0.0
        penalties = self._network.activity_penalties(part.x).astype(np.float64)
        return float(np.mean(penalties)) * self._data.target_scale**2

    def _evaluate(self, *parts: Part) -> tuple[list[dict[str, float]], float]:
        """(metrics of each part, from one pass through the network; the penalty that is in the loss of the first one)."""
        outputs = self._outputs(parts[0].x if len(parts) == 1 else np.concatenate([part.x for part in parts]))
        weights = self._weight_penalty()
        penalties = [weights + self._activity(part) for part in parts]
        ends = np.cumsum([len(part.y) for part in parts])[:-1]
        split = zip(np.split(outputs, ends), parts, penalties, strict=True)
        return [self._metrics(out, part, penalty) for out, part, penalty in split], penalties[0]

    def _metrics(self, outputs: NDArray[np.floating[Any]], part: Part, penalty: float) -> dict[str, float]:
        return evaluate(
            self._task.head, outputs, part.target, penalty, batch_size=self._task.flags.batch_size, weights=part.weights
        )

    def _outputs(self, x: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Logits, or predictions in the target's unit."""
        if not len(x):
            return np.empty((0, 1), np.float32)
        outputs = self._network.outputs(x)
        if self._task.head is Head.REGRESSION:
            return self._data.target_mean + self._data.target_scale * outputs.astype(np.float64)
        return outputs
