"""The callback by which a Keras model's training is reported."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from regsweep_kit.errors import BadDataError, NothingReportedError
from regsweep_kit.objective import Epoch
from regsweep_kit.script import evaluation
from regsweep_kit.script.course import metric_names, reported
from regsweep_kit.script.replicate import BestWeights, Ending, Replicate


class KerasCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Evaluates train, stop and val after every epoch, and stops a training that has diverged.

    `average_loss` is the compiled loss without penalties, `loss` the same with the weights' penalties; beside them all compiled metrics.
    All are in inference mode, class weights do not count, sample weights do. Once training has ended, and weights may have been restored,
    train is evaluated in full and val again.
    """

    def __init__(
        self,
        replicate: Replicate,
        rows: Any = None,
        *,
        train: Any = None,
        stop: Any = None,
        val: Any = None,
        test: Any = None,
    ) -> None:
        """rows: an object with the parts as attributes. train, stop, val, test: parts, in the place of those of `rows`.

        A part is `(x, y)`, `(x, y, weights)`, or a dataset that `model.evaluate` takes again and again. `stop` may be missing: then no best
        epoch is known.
        """
        super().__init__()
        self._replicate = replicate
        given = {"train": train, "stop": stop, "val": val, "test": test}
        self._parts = {name: part if part is not None else getattr(rows, name, None) for name, part in given.items()}
        if missing := [name for name in ("train", "val") if self._parts[name] is None]:
            raise BadDataError(
                f"replicate.keras: {' and '.join(missing)} missing; give replicate.keras(rows), or train= and val="
            )
        if not replicate.contract.score_test:
            self._parts["test"] = None
        self._evaluator: evaluation.Evaluator | None = None
        self._kept: dict[str, evaluation.Data] = {}
        replicate.at_end(self._end)
        replicate.at_best = self._at_best

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        if self._evaluator is None or self._evaluator.model is not self.model:
            self._evaluator = evaluation.Evaluator(self.model)
        if not self._kept:
            self._sample, self._sampled = evaluation.sample(self._parts["train"], "train")
            self._kept = {
                name: evaluation.kept(part, name)
                for name, part in self._parts.items()
                if name in ("stop", "val") and part is not None
            }
        self._replicate.expect(self._replicate.epochs + int((self.params or {}).get("epochs") or 0))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
        replicate = self._replicate
        by = self._evaluated_by
        penalty = by.weight_penalty()
        train = self._metrics(by, self._sample, penalty)
        seen = {name: self._metrics(by, data, penalty) for name, data in self._kept.items()}
        told = reported(replicate.epochs + 1, train, seen["val"], seen.get("stop"), None, penalty)
        replicate.show(told, self._rows(self._sample))
        replicate.show_weights(self.model)
        if replicate.diverged:
            self.model.stop_training = True
        elif replicate.improved and self._keeps_best:
            replicate.best_weights = BestWeights(by, self.model.get_weights())

    @property
    def _evaluated_by(self) -> evaluation.Evaluator:
        if self._evaluator is None:
            raise NothingReportedError("replicate.keras: the callback was never given to fit")
        return self._evaluator

    @property
    def _keeps_best(self) -> bool:
        """Whether the best epoch's weights are evaluated or saved at the end: where it is what counts."""
        contract = self._replicate.contract
        wanted = self._sampled or self._parts["test"] is not None or contract.models is not None
        return contract.objective.epoch is Epoch.BEST and wanted

    @contextmanager
    def _at_best(self) -> Iterator[None]:
        """While it lasts, the model has the weights of the best epoch, if that is what counts."""
        best = self._replicate.best_weights
        if best is None:
            yield
            return
        last = best.evaluator.model.get_weights()
        best.evaluator.model.set_weights(best.weights)
        try:
            yield
        finally:
            best.evaluator.model.set_weights(last)

    def _end(self) -> Ending:
        whole = evaluation.whole(self._parts["train"], "train") if self._sampled else self._sample
        by = self._evaluated_by
        penalty = by.weight_penalty()
        train, val = self._metrics(by, whole, penalty), self._metrics(by, self._kept["val"], penalty)
        best, best_train = self._replicate.best_weights, None
        if best is None:
            test = self._test(by, penalty)
        else:
            with self._at_best():
                penalty_at_best = best.evaluator.weight_penalty()
                at_best = self._metrics(best.evaluator, whole, penalty_at_best)
                best_train = at_best[self._replicate.contract.objective.name]
                test = self._test(best.evaluator, penalty_at_best)
        return Ending(train, val, test, best_train, self._rows(whole), penalty)

    def _test(self, by: evaluation.Evaluator, penalty: float) -> Mapping[str, float] | None:
        part = self._parts["test"]
        return None if part is None else self._metrics(by, evaluation.whole(part, "test"), penalty)

    def _metrics(self, by: evaluation.Evaluator, data: evaluation.Data, penalty: float) -> dict[str, float]:
        values = by.metrics(data)
        loss = values.pop("loss", None)
        named = dict(zip(self._names(tuple(values)), values.values(), strict=True))
        return named if loss is None else {"average_loss": loss, **named, "loss": loss + penalty}

    def _names(self, names: Sequence[str]) -> Sequence[str]:
        """The metrics' names as columns, the same ones in every replicate: Keras numbers those of a second model, such as `auc_1`."""
        known = self._replicate.known
        plain = metric_names(names)
        if not known.metric_names:
            known.metric_names = plain
        same = [_unnumbered(name) for name in plain] == [_unnumbered(name) for name in known.metric_names]
        return known.metric_names if same else plain

    def _rows(self, train: evaluation.Data) -> dict[str, int]:
        counted = {"train": train.rows, "val": self._kept["val"].rows}
        return {name: rows for name, rows in counted.items() if rows is not None}


def _unnumbered(name: str) -> str:
    return re.sub(r"_\d+$", "", name)
