"""The Keras model that the flags describe.

Input: [GaussianNoise], [Dropout]. cnn: each convolution is Conv2D, [normalisation], activation, [SpatialDropout2D], MaxPooling2D. Hidden
layer: Dense, [normalisation], activation, [GaussianNoise], [Dropout], [GaussianDropout], [AlphaDropout]. Output layer: Dense, linear;
the loss is taken from logits.
"""

from dataclasses import dataclass, field
from typing import Any

import keras

from regsweep_trainer.flags import Flags
from regsweep_trainer.models import penalties
from regsweep_trainer.models.inputs import Image, Inputs

NORMALIZATIONS = {
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
    "unit": keras.layers.UnitNormalization,
}


@dataclass
class Built:
    """A model, and its layers by what is done with them."""

    model: Any = None
    """From x to the logits, shape (rows, outputs)."""
    activity: Any = None
    """From x to the activity penalty of each row, shape (rows,); `None`: there is none."""
    trained: Any = None
    """From x to both: [logits], or [logits, activity penalties]."""
    weighted: dict[str, Any] = field(default_factory=dict)
    """Layers with a kernel, by name, first to last."""
    embeddings: dict[str, Any] = field(default_factory=dict)
    """Layers of embeddings, by name."""
    random: dict[str, Any] = field(default_factory=dict)
    """Layers that draw while training, by the stream that they draw from."""


def build(flags: Flags, inputs: Inputs, outputs: int) -> Built:
    """outputs: of the last layer."""
    builder = _Builder(flags)
    entry = keras.Input((inputs.columns,))
    x = builder.embed(entry, inputs) if inputs.embedded else builder.disturb_inputs(entry)
    if flags.model == "cnn":
        assert inputs.image is not None  # the run has seen to it
        x = builder.convolve(x, inputs.image)
    x = builder.hide(x)
    logits = builder.dense("output", outputs)(x)
    return builder.finish(entry, logits)


class _Builder:
    def __init__(self, flags: Flags) -> None:
        self._flags = flags
        self._built = Built()
        self._activities: list[Any] = []

    def disturb_inputs(self, x: Any) -> Any:
        x = self._random("augment", keras.layers.GaussianNoise, self._flags.noise)(x)
        return self._random("dropout/input", keras.layers.Dropout, self._flags.input_dropout)(x)

    def embed(self, entry: Any, inputs: Inputs) -> Any:
        """The disturbed numbers, and the vectors of the embedded columns."""
        numbers = inputs.columns - len(inputs.embedded)
        parts = [self.disturb_inputs(entry[:, :numbers])] if numbers else []
        for position, each in enumerate(inputs.embedded, start=numbers):
            layer = keras.layers.Embedding(
                each.size,
                each.dimension,
                embeddings_initializer="zeros",
                embeddings_regularizer=penalties.of_kernels(self._flags),
                name=f"embedding{position - numbers}",
            )
            self._built.embeddings[layer.name] = layer
            parts.append(layer(keras.ops.cast(entry[:, position], "int32")))
        return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]

    def convolve(self, x: Any, image: Image) -> Any:
        flags = self._flags
        activation = flags.activation if isinstance(flags.activation, str) else "relu"
        x = keras.layers.Reshape((image.height, image.width, image.channels))(x)
        for index, filters in enumerate(flags.filters):
            name = f"conv{index}"
            x = self._activate(self._convolution(name, filters)(x), activation)
            x = self._random(f"dropout/{name}", keras.layers.SpatialDropout2D, flags.spatial_dropout)(x)
            if 1 < flags.pool_size <= min(x.shape[1], x.shape[2]):
                x = keras.layers.MaxPooling2D(flags.pool_size)(x)
        return keras.layers.Flatten()(x)

    def hide(self, x: Any) -> Any:
        flags = self._flags
        layers = zip(flags.hidden_layers, flags.activations, flags.dropouts, strict=True)
        for index, (units, activation, dropout) in enumerate(layers):
            name = f"hidden{index}"
            x = self._activate(self.dense(name, units, rows=x.shape[-1])(x), activation)
            x = self._random(f"noise/{name}", keras.layers.GaussianNoise, flags.hidden_noise)(x)
            x = self._random(f"dropout/{name}", keras.layers.Dropout, dropout)(x)
            x = self._random(f"gaussian_dropout/{name}", keras.layers.GaussianDropout, flags.gaussian_dropout)(x)
            x = self._random(f"alpha_dropout/{name}", keras.layers.AlphaDropout, flags.alpha_dropout)(x)
        return x

    def dense(self, name: str, units: int, rows: int = 0) -> Any:
        """rows: of a hidden layer's kernel; 0: of the output layer's."""
        return self._weighted(
            keras.layers.Dense(
                units,
                kernel_initializer="zeros",  # never used: `reset` sets the weights before the first step
                kernel_regularizer=penalties.of_kernels(self._flags, rows),
                bias_regularizer=penalties.of_biases(self._flags),
                kernel_constraint=penalties.bound(self._flags, (0,)),
                name=name,
            )
        )

    def finish(self, entry: Any, logits: Any) -> Built:
        built = self._built
        built.model = built.trained = keras.Model(entry, logits)
        if self._flags.penalizes_activity and self._activities:
            activity = penalties.of_activity(self._flags, self._activities)
            built.activity = keras.Model(entry, activity)
            built.trained = keras.Model(entry, [logits, activity])
        return built

    def _convolution(self, name: str, filters: int) -> Any:
        return self._weighted(
            keras.layers.Conv2D(
                filters,
                self._flags.kernel_size,
                padding="same",
                kernel_initializer="zeros",
                kernel_regularizer=penalties.of_kernels(self._flags),
                bias_regularizer=penalties.of_biases(self._flags),
                kernel_constraint=penalties.bound(self._flags, (0, 1, 2)),
                name=name,
            )
        )

    def _activate(self, x: Any, activation: str) -> Any:
        normalization = NORMALIZATIONS.get(self._flags.normalizes)
        if normalization is not None:
            x = normalization()(x)
        x = keras.layers.Activation(activation)(x)
        self._activities.append(x)
        return x

    def _weighted(self, layer: Any) -> Any:
        self._built.weighted[layer.name] = layer
        return layer

    def _random(self, stream: str, kind: Any, strength: float) -> Any:
        """The layer, whose seed is set by `reset`; with strength 0 it does nothing."""
        if not strength:
            return lambda x: x
        self._built.random[stream] = layer = kind(strength, seed=0)
        return layer
