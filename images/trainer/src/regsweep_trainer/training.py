"""Trains one replicate, epoch by epoch. Knows no Keras: the network is handed in."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer.audit import Audit
from regsweep_trainer.contract import Epoch, Goal, Objective
from regsweep_trainer.dataset import Head
from regsweep_trainer.epochs import Best, Watch
from regsweep_trainer.flags import Flags
from regsweep_trainer.metrics import METRICS, evaluate, row_losses
from regsweep_trainer.preparation import Part, Prepared, fixed_sample
from regsweep_trainer.record import Outcome, Record
from regsweep_trainer.seeds import permutation, stream_seed
from regsweep_trainer.testlosses import Blocks, relative_losses

LIVE_TRAIN_ROWS = 2000  # train metrics of every epoch come from at most so many rows; at the end from all


class Trainable(Protocol):
    """What is asked of a network; `network.Network` is the one."""

    def reset(self, seed_base: int, replicate: int) -> None: ...
    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64]) -> bool: ...
    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def regularization_loss(self) -> float: ...
    def weights(self) -> list[NDArray[Any]]: ...
    def restore(self, weights: list[NDArray[Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """A replicate after an epoch, or at its end (then `train` is evaluated in full, and `test` where it was asked for)."""

    epoch: int
    values: Mapping[tuple[str, str], float]
    """By (metric, split); `regularization_loss` has the split ""."""
    rows: Mapping[str, int]
    best: Best | None


def train_replicate(
    network: Trainable,
    data: Prepared,
    head: Head,
    flags: Flags,
    objective: Objective,
    *,
    seed_base: int,
    replicate: int,
    score_test: bool,
    blocks: Blocks | None = None,
    audit: Audit | None = None,
    on_epoch: Callable[[Progress], None],
) -> tuple[Record, Progress]:
    """The replicate's record and its final state. `on_epoch` is told of every epoch but not of the end.

    blocks: of the test rows, whose losses the record is to have where test is scored; `None`: it has none.
    audit: what earlier replicates predicted; a replicate that does not diverge adds its predictions at its last epoch. `None`: no audit.
    """
    judge = _Judge(network, data, head, flags.batch_size)
    sample = fixed_sample(data.train, LIVE_TRAIN_ROWS)
    sampled = len(sample.y) < len(data.train.y)
    # What chooses epochs: the objective's metric, or the loss where the head has no such metric.
    known = objective.name in METRICS[head]
    chooser = objective if known else Objective("val_average_loss", Goal.MINIMIZE, objective.epoch)
    keep_best = sampled or (score_test and objective.epoch is Epoch.BEST)

    network.reset(seed_base, replicate)
    watch, best_weights = Watch(), None
    outcome, epoch, values = Outcome.OK, 0, {}
    for epoch in range(1, flags.epochs + 1):
        order = permutation(stream_seed(seed_base, replicate, f"shuffle/{epoch}"), len(data.train.y))
        finite = network.train_epoch(data.train.x, data.train.y, order)
        train, stop, val = judge.splits(sample, data.stop, data.val)
        values = {**_by_split(train, "train"), **_by_split(val, "val"), ("regularization_loss", ""): judge.penalty()}
        losses = (train["loss"], stop["loss"], val["loss"])
        if not finite or not all(map(math.isfinite, losses)):
            outcome = Outcome.DIVERGED
            break
        watch = watch.seen(chooser, epoch, stop[chooser.name], train[chooser.name], val[chooser.name])
        if watch.improved and keep_best:
            best_weights = network.weights()
        on_epoch(
            Progress(epoch, values, {"train": len(sample.y), "val": len(data.val.y)}, watch.best if known else None)
        )
        if watch.exhausted(flags.early_stopping):
            break

    best, test_losses = watch.best, None
    if outcome is Outcome.OK:
        if sampled:
            values = values | _by_split(judge.splits(data.train)[0], "train")
        if audit is not None:
            values = values | _by_split(judge.audit(audit), "audit")
        if score_test and not (objective.epoch is Epoch.BEST and best_weights is not None):
            test, test_losses = judge.test(blocks)
            values = values | _by_split(test, "test")
    if best is not None and best_weights is not None:
        network.restore(best_weights)
        if sampled:
            train = judge.splits(data.train)[0]
            best = Best(best.epoch, best.stop, train[chooser.name], best.val)
        if score_test and objective.epoch is Epoch.BEST and outcome is Outcome.OK:
            test, test_losses = judge.test(blocks)
            values = values | _by_split(test, "test")
    best = best if known else None
    rows = {"train": len(data.train.y), "val": len(data.val.y)}
    rows |= {"test": len(data.test.y)} if score_test else {}
    rows |= {"audit": len(data.audit.y)} if audit is not None else {}
    record = Record(
        replicate=replicate,
        outcome=outcome,
        epochs=epoch,
        values={f"{split}_{name}" if split else name: value for (name, split), value in values.items()},
        best=best,
        test_losses=test_losses,
    )
    return record, Progress(epoch, values, rows, best)


def _by_split(metrics: Mapping[str, float], split: str) -> dict[tuple[str, str], float]:
    return {(name, split): value for name, value in metrics.items()}


class _Judge:
    """Evaluates splits with the network's present weights, in the target's unit."""

    def __init__(self, network: Trainable, data: Prepared, head: Head, batch_size: int) -> None:
        self._network, self._data, self._head, self._batch_size = network, data, head, batch_size

    def penalty(self) -> float:
        """In the unit of the loss: a regression is trained on a standardised target, whose squared unit is scaled back."""
        return self._network.regularization_loss() * self._data.target_scale**2

    def splits(self, *parts: Part) -> list[dict[str, float]]:
        """Metrics of each part, from one pass through the network."""
        outputs = self._outputs(parts[0].x if len(parts) == 1 else np.concatenate([part.x for part in parts]))
        penalty = self.penalty()
        ends = np.cumsum([len(part.y) for part in parts])[:-1]
        return [
            evaluate(self._head, out, part.target, penalty, batch_size=self._batch_size)
            for out, part in zip(np.split(outputs, ends), parts, strict=True)
        ]

    def test(self, blocks: Blocks | None) -> tuple[dict[str, float], bytes | None]:
        """(metrics of test, its losses by block where they are asked for and finite)."""
        part = self._data.test
        outputs = self._outputs(part.x)
        values = evaluate(self._head, outputs, part.target, self.penalty(), batch_size=self._batch_size)
        if blocks is None or not math.isfinite(values["average_loss"]):
            return values, None
        return values, relative_losses(row_losses(self._head, outputs, part.target), blocks)

    def audit(self, audit: Audit) -> dict[str, float]:
        part = self._data.audit
        return audit.add(self._data.audit_rows, self._outputs(part.x), part.target)

    def _outputs(self, x: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Logits, or predictions in the target's unit."""
        if not len(x):
            return np.empty((0, 1), np.float32)
        outputs = self._network.outputs(x)
        if self._head is Head.REGRESSION:
            return self._data.target_mean + self._data.target_scale * outputs.astype(np.float64)
        return outputs
