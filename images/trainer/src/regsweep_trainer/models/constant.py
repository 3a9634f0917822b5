"""The constant predictor: the same output for every row, the one with the smallest loss on the training rows.

For classes it is their frequencies, for a regression the mean of the target. A network that is not better has learnt nothing of the
features. No layer, penalty or seed plays a part in it, and every epoch after the first changes nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer.data.dataset import Head


class ConstantPredictor:
    """Trainable as a network is (`task.Trainable`)."""

    def __init__(self, head: Head, classes: int) -> None:
        """classes: of the target; ignored for a regression."""
        self._head = head
        self._fresh = np.zeros(classes if head is Head.MULTICLASS else 1, np.float32)
        self._outputs = self._fresh

    def summary(self) -> str:
        """What it is, for people."""
        return "Constant predictor: the same output for every row"

    def reset(self, seed_base: int, replicate: int) -> None:  # noqa: ARG002 - the protocol's
        """Forgets what it was trained on."""
        self._outputs = self._fresh

    def train_epoch(
        self,
        x: Any,  # noqa: ARG002 - the protocol's
        y: Any,
        order: NDArray[np.int64],
        weights: NDArray[np.float32] | None,  # noqa: ARG002 - the loss that is evaluated has none
        learning_rate: float,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """Takes the frequencies or the mean of the rows; every class must be among them."""
        self._outputs = self._fitted(np.asarray(y, np.float64)[order])
        return True

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits or (standardised) predictions, all rows alike; shape (rows, 1 or classes)."""
        return np.tile(self._outputs, (len(x), 1))

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """0 for each row: there are no hidden layers."""
        return np.zeros(len(x), np.float32)

    def regularization_loss(self) -> float:
        """0: there are no weights."""
        return 0.0

    def state(self) -> list[NDArray[Any]]:
        """The one output."""
        return self.weights()

    def resume(self, state: list[NDArray[Any]]) -> None:
        """Takes such an output back."""
        self.restore(state)

    def weights(self) -> list[NDArray[Any]]:
        """The one output."""
        return [self._outputs]

    def restore(self, weights: list[NDArray[Any]]) -> None:
        """Takes such an output back."""
        (self._outputs,) = weights

    def _fitted(self, y: NDArray[np.float64]) -> NDArray[np.float32]:
        if self._head is Head.REGRESSION:
            return np.array([y.mean()], np.float32)
        if self._head is Head.BINARY:
            share = y.mean()
            return np.array([np.log(share) - np.log1p(-share)], np.float32)
        return np.log(np.bincount(y.astype(np.int64), minlength=len(self._fresh)) / len(y)).astype(np.float32)
