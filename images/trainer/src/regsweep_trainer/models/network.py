"""A Keras model whose training epoch is one compiled function.

`Model.fit` spends most of a small network's epoch on its own machinery; here an epoch is one call, and is compiled once for all
replicates of the process: `reset` gives the variables a replicate's values. Weights, dropout masks and row order come from that
replicate's streams (see `seeds`); Keras' global seed is never drawn from.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from regsweep_kit.seeds import stream_seed
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.flags import Flags
from regsweep_trainer.models.inputs import Inputs
from regsweep_trainer.models.layers import Built, build
from regsweep_trainer.models.optimizers import optimizer_of
from regsweep_trainer.models.program import Compiled, Drawn, Program


class Network:
    def __init__(self, flags: Flags, head: Head, inputs: Inputs, classes: int, *, weighted: bool = False) -> None:
        """classes: of the target; ignored for a regression. weighted: rows have weights in the loss."""
        self._built = build(flags, inputs, classes if head is Head.MULTICLASS else 1)
        self._model = self._built.model
        drawn = tuple(_drawn(self._built))
        self._optimizer = optimizer_of(flags, self._model.trainable_variables, [each.variable for each in drawn])
        self._fresh = [variable.numpy() for variable in self._variables()]
        columns, smoothing = inputs.columns, flags.label_smoothing
        self._program = Program(
            self._built, drawn, self._optimizer, head, smoothing, weighted, flags.batch_size, columns
        )
        self._compiled = _compiled(self._program)

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.variables]

    def reset(self, seed_base: int, replicate: int) -> None:
        """All variables as at the start of this replicate's training."""
        for variable, value in zip(self._variables(), self._fresh, strict=True):
            variable.assign(value)
        for each in self._program.drawn:
            each.generator.state.assign(_begun(seed_base, replicate, each.stream))
        for each, value in zip(self._program.drawn, self._compiled.draw(), strict=True):
            each.variable.assign(value)
        for stream, layer in self._built.random.items():
            layer.seed_generator.state.assign(_begun(seed_base, replicate, stream))

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
        return self._compiled.epoch(x, y, none if weights is None else weights, order.astype(np.int32))

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits or (standardised) predictions, in inference mode; shape (rows, 1 or classes)."""
        return self._compiled.outputs(x)

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The activity penalty of each row in inference mode, shape (rows,)."""
        return np.zeros(len(x), np.float32) if self._built.activity is None else self._compiled.activity_penalties(x)

    def regularization_loss(self) -> float:
        """The penalty of the present weights."""
        return float(sum(self._compiled.weight_penalties()))


def _drawn(built: Built) -> Iterator[Drawn]:
    for name, layer in built.weighted.items():
        generator = keras.random.SeedGenerator(0)
        yield Drawn(layer.kernel, f"init/{name}", generator, keras.initializers.GlorotUniform(seed=generator))
    for name, layer in built.embeddings.items():
        generator, deviation = keras.random.SeedGenerator(0), layer.output_dim**-0.5  # as the Estimator's
        normal = keras.initializers.TruncatedNormal(stddev=deviation, seed=generator)
        yield Drawn(layer.embeddings, f"init/{name}", generator, normal)


def _begun(seed_base: int, replicate: int, stream: str) -> NDArray[np.int64]:
    """The state of a seed generator of Keras from which nothing was drawn."""
    return np.array([stream_seed(seed_base, replicate, stream), 0])


def _compiled(program: Program) -> Compiled:
    """By the backend that is up."""
    if keras.backend.backend() == "jax":
        from regsweep_trainer.models.on_jax import OnJax

        return OnJax(program)
    from regsweep_trainer.models.on_tensorflow import OnTensorflow

    return OnTensorflow(program)
