"""A Keras model whose training epoch is one compiled TensorFlow function.

`Model.fit` spends most of a small network's epoch on its own machinery; here an epoch is one call, and the graph is traced once for all
replicates of the process: `reset` gives the variables a replicate's values. Weights, dropout masks and row order come from that
replicate's streams (see `seeds`); Keras' global seed is never drawn from.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from regsweep_kit.seeds import stream_seed
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.flags import Flags
from regsweep_trainer.models.inputs import Inputs
from regsweep_trainer.models.layers import build
from regsweep_trainer.models.losses import row_losses
from regsweep_trainer.models.optimizers import optimizer_of

ROWS_PER_CALL = 8192  # of an evaluation: bounds its memory


class Network:
    def __init__(self, flags: Flags, head: Head, inputs: Inputs, classes: int, *, weighted: bool = False) -> None:
        """classes: of the target; ignored for a regression. weighted: rows have weights in the loss."""
        self._head = head
        self._smoothing = flags.label_smoothing
        self._weighted = weighted
        self._built = build(flags, inputs, classes if head is Head.MULTICLASS else 1)
        self._model = self._built.model
        kernels = [layer.kernel for layer in self._built.weighted.values()]
        kernels += [layer.embeddings for layer in self._built.embeddings.values()]
        self._optimizer = optimizer_of(flags, self._model.trainable_variables, kernels)
        self._fresh = [variable.numpy() for variable in self._variables()]
        self._epoch = self._compile_epoch(flags.batch_size, inputs.columns)
        rows = [tf.TensorSpec((None, inputs.columns), tf.float32)]
        self._outputs = tf.function(lambda x: self._model(x, training=False), input_signature=rows)
        self._activity = tf.function(lambda x: self._built.activity(x, training=False), input_signature=rows)

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.variables]

    def reset(self, seed_base: int, replicate: int) -> None:
        """All variables as at the start of this replicate's training."""
        for variable, value in zip(self._variables(), self._fresh, strict=True):
            variable.assign(value)
        for name, layer in self._built.weighted.items():
            initializer = keras.initializers.GlorotUniform(seed=stream_seed(seed_base, replicate, f"init/{name}"))
            layer.kernel.assign(initializer(layer.kernel.shape))
        for name, layer in self._built.embeddings.items():
            seed = stream_seed(seed_base, replicate, f"init/{name}")
            normal = keras.initializers.TruncatedNormal(stddev=layer.output_dim**-0.5, seed=seed)  # as the Estimator's
            layer.embeddings.assign(normal(layer.embeddings.shape))
        for stream, layer in self._built.random.items():
            layer.seed_generator.state.assign(np.array([stream_seed(seed_base, replicate, stream), 0]))

    def summary(self) -> str:
        """Keras' summary: layers, shapes and numbers of weights."""
        parts: list[str] = []
        self._model.summary(line_length=80, print_fn=lambda text, **_: parts.append(text))
        return "\n".join(parts).strip("\n")

    def model(self) -> Any:
        """From x to the logits, or to standardised numbers; it changes as the network is trained on."""
        return self._model

    def kernels(self) -> dict[str, NDArray[np.float32]]:
        """The weights of each layer that has some, without biases."""
        return {name: layer.kernel.numpy() for name, layer in self._built.weighted.items()}

    def state(self) -> list[NDArray[Any]]:
        """All that training goes on from: weights, the optimizer's variables, the states of the layers that draw."""
        return [variable.numpy() for variable in self._variables()]

    def resume(self, state: list[NDArray[Any]]) -> None:
        """Takes such a state back."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def weights(self) -> list[NDArray[Any]]:
        return [variable.numpy() for variable in self._model.variables]

    def restore(self, weights: list[NDArray[Any]]) -> None:
        for variable, value in zip(self._model.variables, weights, strict=True):
            variable.assign(value)

    def train_epoch(
        self, x: Any, y: Any, order: NDArray[np.int64], weights: NDArray[np.float32] | None, learning_rate: float
    ) -> bool:
        """One pass over the rows in this order; False when it met a loss that is not finite, at which it stops.

        weights: of each row in the loss, shape (rows,); `None` if and only if the network was made for rows without weights.
        """
        self._optimizer.learning_rate.assign(learning_rate)
        none = np.empty(0, np.float32)
        return bool(self._epoch(x, y, none if weights is None else weights, tf.constant(order, tf.int32)))

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits or (standardised) predictions, in inference mode; shape (rows, 1 or classes)."""
        return _in_parts(self._outputs, x)

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The activity penalty of each row in inference mode, shape (rows,)."""
        return _in_parts(self._activity, x) if self._built.activity is not None else np.zeros(len(x), np.float32)

    def regularization_loss(self) -> float:
        """The penalty of the present weights."""
        return float(sum(float(loss) for loss in self._model.losses))

    def _loss(self, x: Any, y: Any, weights: Any) -> Any:
        """Of a batch, in training mode, with all penalties."""
        outputs = self._built.trained(x, training=True)
        logits, activity = (outputs, None) if self._built.activity is None else outputs
        losses = row_losses(self._head, logits, y, self._smoothing)
        loss = tf.reduce_mean(losses * weights if self._weighted else losses)
        penalties = [tf.convert_to_tensor(penalty) for penalty in self._model.losses]
        penalties += [] if activity is None else [tf.reduce_mean(activity)]
        return loss + tf.add_n(penalties) if penalties else loss

    def _compile_epoch(self, batch_size: int, columns: int) -> Any:
        optimizer = self._optimizer
        variables = self._model.trainable_variables

        def step(x: Any, y: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = self._loss(x, y, weights)
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return tf.math.is_finite(loss)

        def epoch(x: Any, y: Any, weights: Any, order: Any) -> Any:
            count = tf.shape(order)[0]

            def body(start: Any, _: Any) -> Any:
                rows = order[start : tf.minimum(start + batch_size, count)]
                own = tf.gather(weights, rows) if self._weighted else weights
                return start + batch_size, step(tf.gather(x, rows), tf.gather(y, rows), own)

            return tf.while_loop(
                lambda start, finite: finite & (start < count),
                body,
                (tf.constant(0), tf.constant(True)),
                parallel_iterations=1,
            )[1]

        numbers = tf.TensorSpec((None,), tf.float32)
        rows = tf.TensorSpec((None, columns), tf.float32)
        return tf.function(epoch, input_signature=[rows, numbers, numbers, tf.TensorSpec((None,), tf.int32)])


def _in_parts(function: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    parts = [function(x[start : start + ROWS_PER_CALL]).numpy() for start in range(0, len(x), ROWS_PER_CALL)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
