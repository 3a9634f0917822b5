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

    def __init__(self, head: Head, classes: int, *, weighted: bool = False) -> None:
        """classes: of the target; ignored for a regression. weighted: the weights of the rows count in the metrics, too."""
        self._head, self._weighted = head, weighted
        self._fresh = np.zeros(classes if head is Head.MULTICLASS else 1, np.float32)
        self._outputs = self._fresh

    def summary(self) -> str:
        """What it is, for people."""
        return "Constant predictor: the same output for every row"

    def model(self) -> Any:
        """A layer that answers the same for every row."""
        import keras

        layer = keras.layers.Dense(len(self._outputs), kernel_initializer="zeros", name="constant")
        return keras.Sequential([layer, keras.layers.Rescaling(1.0, self._outputs.tolist(), name="frequencies")])

    def reset(self, seed_base: int, replicate: int) -> None:  # noqa: ARG002 - the protocol's
        """Forgets what it was trained on."""
        self._outputs = self._fresh

    def train_epoch(
        self,
        x: Any,  # noqa: ARG002 - the protocol's
        y: Any,
        order: NDArray[np.int64],
        weights: NDArray[np.float32] | None,
        learning_rate: float,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """Takes the frequencies or the mean of the rows; every class must be among them."""
        rows = np.asarray(y, np.float64)[order]
        each = np.ones(len(rows)) if weights is None or not self._weighted else weights[order].astype(np.float64)
        self._outputs = self._fitted(rows, each)
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

    def _fitted(self, y: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float32]:
        mean = np.sum(y * weights) / np.sum(weights)
        if self._head is Head.REGRESSION:
            return np.array([mean], np.float32)
        if self._head is Head.BINARY:
            return np.array([np.log(mean) - np.log1p(-mean)], np.float32)
        counts = np.bincount(y.astype(np.int64), weights, minlength=len(self._fresh))
        return np.log(counts / np.sum(weights)).astype(np.float32)
