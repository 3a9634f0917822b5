"""What the loss adds for weights, and the bound on them: regularisers and constraints of Keras, as the flags say."""

from typing import Any

import keras

from regsweep_trainer.flags import Flags


class Sum(keras.regularizers.Regularizer):  # type: ignore[misc]
    """Several penalties of the same weights."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts

    def __call__(self, weights: Any) -> Any:
        return sum(part(weights) for part in self._parts)


def of_kernels(flags: Flags, rows: int = 0) -> Any:
    """The penalty of a kernel, or `None`. rows: of a hidden dense layer's kernel; 0: of another one, which has no orthogonality penalty."""
    parts = []
    if flags.l1 or flags.l2:
        parts.append(keras.regularizers.L1L2(l1=flags.l1, l2=flags.l2))
    if flags.orthogonal and rows > 1:  # one row has no other
        parts.append(keras.regularizers.OrthogonalRegularizer(flags.orthogonal))
    if len(parts) > 1:
        return Sum(parts)
    return parts[0] if parts else None


def of_biases(flags: Flags) -> Any:
    """The penalty of a bias, or `None`."""
    if flags.bias_l1 or flags.bias_l2:
        return keras.regularizers.L1L2(l1=flags.bias_l1, l2=flags.bias_l2)
    return None


def of_activity(flags: Flags, outputs: list[Any]) -> Any:
    """The activity penalty of each row, shape (rows,). outputs: of the hidden layers, each of shape (rows, ...)."""
    penalty = 0
    for output in outputs:
        flat = keras.layers.Flatten()(output)
        penalty += flags.activity_l1 * keras.ops.sum(keras.ops.absolute(flat), axis=1)
        penalty += flags.activity_l2 * keras.ops.sum(keras.ops.square(flat), axis=1)
    return penalty


def bound(flags: Flags, axes: tuple[int, ...]) -> Any:
    """The constraint on a kernel, or `None`. axes: over which the weights lead to one unit or filter."""
    return keras.constraints.MaxNorm(flags.max_norm, axis=list(axes)) if flags.max_norm else None
