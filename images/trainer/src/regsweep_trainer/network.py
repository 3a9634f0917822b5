"""The dense network: a Keras model whose training epoch is one compiled TensorFlow function.

`Model.fit` spends most of a small network's epoch on its own machinery; here an epoch is one call, and the graph is traced once for all
replicates of the process: `reset` gives the variables a replicate's values. Weights, dropout masks and row order come from that
replicate's streams (see `seeds`); Keras' global seed is never drawn from.
Inputs: [GaussianNoise]. Hidden layer: Dense, [BatchNormalization], activation, [Dropout]. Output layer: Dense, linear; the loss is
taken from logits.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from regsweep_kit.seeds import stream_seed
from regsweep_trainer.dataset import Head
from regsweep_trainer.flags import Flags

ROWS_PER_CALL = 8192  # of an evaluation: bounds its memory

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "adagrad": keras.optimizers.Adagrad,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


class Network:
    def __init__(self, flags: Flags, head: Head, inputs: int, classes: int) -> None:
        """inputs: columns of x. classes: of the target; ignored for a regression."""
        self._head = head
        self._dense: dict[str, Any] = {}
        self._random: dict[str, Any] = {}
        """Layers that draw while training, by the stream that they draw from."""
        self._model = self._build(flags, inputs, classes if head is Head.MULTICLASS else 1)
        self._optimizer = OPTIMIZERS[flags.optimizer](learning_rate=flags.learning_rate)
        self._optimizer.build(self._model.trainable_variables)
        self._fresh = [variable.numpy() for variable in self._variables()]
        self._epoch = self._compile_epoch(flags.batch_size)
        rows = tf.TensorSpec((None, inputs), tf.float32)
        self._outputs = tf.function(lambda x: self._model(x, training=False), input_signature=[rows])

    def _build(self, flags: Flags, inputs: int, outputs: int) -> Any:
        def dense(name: str, units: int) -> Any:
            penalty = keras.regularizers.L1L2(l1=flags.l1, l2=flags.l2) if flags.l1 or flags.l2 else None
            # The zeros are never used: `reset` sets the weights before the first step.
            layer = keras.layers.Dense(units, kernel_initializer="zeros", kernel_regularizer=penalty, name=name)
            self._dense[name] = layer
            return layer

        def random(stream: str, layer: Any) -> Any:
            self._random[stream] = layer  # its seed, too, is set by `reset`
            return layer

        x = entry = keras.Input((inputs,))
        if flags.noise:
            x = random("augment", keras.layers.GaussianNoise(flags.noise, seed=0))(x)
        for index, units in enumerate(flags.hidden_units):
            name = f"hidden{index}"
            x = dense(name, units)(x)
            if flags.batch_norm:
                x = keras.layers.BatchNormalization()(x)
            x = keras.layers.Activation(flags.activation)(x)
            if flags.dropout:
                x = random(f"dropout/{name}", keras.layers.Dropout(flags.dropout, seed=0))(x)
        return keras.Model(entry, dense("output", outputs)(x))

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.variables]

    def reset(self, seed_base: int, replicate: int) -> None:
        """All variables as at the start of this replicate's training."""
        for variable, value in zip(self._variables(), self._fresh, strict=True):
            variable.assign(value)
        for name, layer in self._dense.items():
            initializer = keras.initializers.GlorotUniform(seed=stream_seed(seed_base, replicate, f"init/{name}"))
            layer.kernel.assign(initializer(layer.kernel.shape))
        for stream, layer in self._random.items():
            layer.seed_generator.state.assign(np.array([stream_seed(seed_base, replicate, stream), 0]))

    def summary(self) -> str:
        """Keras' summary: layers, shapes and numbers of weights."""
        parts: list[str] = []
        self._model.summary(line_length=80, print_fn=lambda text, **_: parts.append(text))
        return "\n".join(parts).strip("\n")

    def kernels(self) -> dict[str, NDArray[np.float32]]:
        """The weights of each dense layer, without biases."""
        return {name: layer.kernel.numpy() for name, layer in self._dense.items()}

    def weights(self) -> list[NDArray[Any]]:
        return [variable.numpy() for variable in self._model.variables]

    def restore(self, weights: list[NDArray[Any]]) -> None:
        for variable, value in zip(self._model.variables, weights, strict=True):
            variable.assign(value)

    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64]) -> bool:
        """One pass over the rows in this order; False when it met a loss that is not finite, at which it stops."""
        return bool(self._epoch(x, y, tf.constant(order, tf.int32)))

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits or (standardised) predictions, in inference mode; shape (rows, 1 or classes)."""
        parts = [self._outputs(x[start : start + ROWS_PER_CALL]).numpy() for start in range(0, len(x), ROWS_PER_CALL)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def regularization_loss(self) -> float:
        """The penalty of the present weights."""
        return float(sum(float(loss) for loss in self._model.losses))

    def _loss(self, logits: Any, y: Any) -> Any:
        if self._head is Head.BINARY:
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits[:, 0])
        elif self._head is Head.MULTICLASS:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=logits)
        else:
            losses = tf.square(logits[:, 0] - y)
        return tf.reduce_mean(losses)

    def _compile_epoch(self, batch_size: int) -> Any:
        model, optimizer = self._model, self._optimizer
        variables = model.trainable_variables

        def step(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = self._loss(model(x, training=True), y)
                if model.losses:
                    loss += tf.add_n([tf.convert_to_tensor(penalty) for penalty in model.losses])
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return tf.math.is_finite(loss)

        def epoch(x: Any, y: Any, order: Any) -> Any:
            count = tf.shape(order)[0]

            def body(start: Any, _: Any) -> Any:
                rows = order[start : tf.minimum(start + batch_size, count)]
                return start + batch_size, step(tf.gather(x, rows), tf.gather(y, rows))

            return tf.while_loop(
                lambda start, finite: finite & (start < count),
                body,
                (tf.constant(0), tf.constant(True)),
                parallel_iterations=1,
            )[1]

        inputs = model.inputs[0].shape[1]
        return tf.function(
            epoch,
            input_signature=[
                tf.TensorSpec((None, inputs), tf.float32),
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None,), tf.int32),
            ],
        )
