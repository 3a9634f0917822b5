"""What a network computes in training and evaluation, whatever backend compiles it: `on_tensorflow` and `on_jax` do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from keras import ops
from numpy.typing import NDArray

from regsweep_trainer.data.dataset import Head
from regsweep_trainer.models.layers import Built
from regsweep_trainer.models.losses import row_losses

ROWS_PER_CALL = 8192  # of an evaluation: bounds its memory


@dataclass(frozen=True, slots=True)
class Drawn:
    """A variable whose first value is drawn."""

    variable: Any
    stream: str
    """From which it is drawn."""
    generator: Any
    """Keras' seed generator, in which a replicate's seed is put."""
    initializer: Any
    """Keras', which draws from that generator."""

    def value(self) -> Any:
        """The next one."""
        return self.initializer(self.variable.shape)


@dataclass(frozen=True, slots=True)
class Program:
    built: Built
    drawn: tuple[Drawn, ...]
    optimizer: Any
    """Keras', built for the model's variables."""
    head: Head
    smoothing: float
    """Of labels."""
    weighted: bool
    """Rows have weights in the loss."""
    batch_size: int
    columns: int
    """Of x."""

    def losses(self, x: Any, y: Any, weights: Any) -> tuple[Any, list[Any]]:
        """(the mean loss of a batch's rows, all penalties), in training mode."""
        outputs = self.built.trained(x, training=True)
        logits, activity = (outputs, None) if self.built.activity is None else outputs
        losses = row_losses(self.head, logits, y, self.smoothing)
        loss = ops.mean(losses * weights if self.weighted else losses)
        return loss, [*self.built.model.losses, *([] if activity is None else [ops.mean(activity)])]


class Compiled(Protocol):
    """A program that runs, on the variables of its model and optimizer."""

    def draw(self) -> list[Any]:
        """The next values of all variables that are drawn."""
        ...

    def epoch(
        self, x: NDArray[np.float32], y: NDArray[np.float32], weights: NDArray[np.float32], order: NDArray[np.int32]
    ) -> bool:
        """One pass over the rows in this order; False when it met a loss that is not finite, at which it stops.

        weights: of each row, shape (rows,); empty where the program has none.
        """
        ...

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of the model in inference mode; shape (rows, 1 or classes)."""
        ...

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each row in inference mode, shape (rows,). Only where the model has some."""
        ...

    def weight_penalties(self) -> list[float]:
        """Of the present weights."""
        ...


def in_parts(function: Callable[[NDArray[np.float32]], Any], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the function makes of all rows, a part of them at a time."""
    parts = [np.asarray(function(x[start : start + ROWS_PER_CALL])) for start in range(0, len(x), ROWS_PER_CALL)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
