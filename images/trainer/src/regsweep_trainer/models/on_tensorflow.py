"""A program as TensorFlow's graphs: an epoch is one call, and its graph is traced once for all replicates of the process."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from regsweep_trainer.models.program import Program, in_parts


class OnTensorflow:
    def __init__(self, program: Program) -> None:
        self._program = program
        built = program.built
        rows = [tf.TensorSpec((None, program.columns), tf.float32)]
        self._epoch = self._compile_epoch()
        self._outputs = _graph(lambda x: built.model(x, training=False), rows)
        self._activity = _graph(lambda x: built.activity(x, training=False), rows)

    def draw(self) -> list[Any]:
        return [drawn.value() for drawn in self._program.drawn]

    def epoch(
        self, x: NDArray[np.float32], y: NDArray[np.float32], weights: NDArray[np.float32], order: NDArray[np.int32]
    ) -> bool:
        return bool(self._epoch(x, y, weights, tf.constant(order)))

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return in_parts(self._outputs, x)

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return in_parts(self._activity, x)

    def weight_penalties(self) -> list[float]:
        return [float(loss) for loss in self._program.built.model.losses]

    def _loss(self, x: Any, y: Any, weights: Any) -> Any:
        loss, penalties = self._program.losses(x, y, weights)
        return loss + tf.add_n([tf.convert_to_tensor(penalty) for penalty in penalties]) if penalties else loss

    def _compile_epoch(self) -> Any:
        program = self._program
        batch_size, weighted, optimizer = program.batch_size, program.weighted, program.optimizer
        variables = program.built.model.trainable_variables

        def step(x: Any, y: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = self._loss(x, y, weights)
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return tf.math.is_finite(loss)

        def epoch(x: Any, y: Any, weights: Any, order: Any) -> Any:
            count = tf.shape(order)[0]

            def body(start: Any, _: Any) -> Any:
                rows = order[start : tf.minimum(start + batch_size, count)]
                own = tf.gather(weights, rows) if weighted else weights
                return start + batch_size, step(tf.gather(x, rows), tf.gather(y, rows), own)

            return tf.while_loop(
                lambda start, finite: finite & (start < count),
                body,
                (tf.constant(0), tf.constant(True)),
                parallel_iterations=1,
            )[1]

        numbers = tf.TensorSpec((None,), tf.float32)
        rows = tf.TensorSpec((None, program.columns), tf.float32)
        return _graph(epoch, [rows, numbers, numbers, tf.TensorSpec((None,), tf.int32)])


def _graph(function: Callable[..., Any], signature: list[Any]) -> Any:
    """The function, traced once. No Python control flow depends on tensors here: AutoGraph would take half of the time to find that."""
    return tf.function(function, input_signature=signature, autograph=False)
