"""Keras' optimizers, as the flags say."""

from typing import Any

import keras

from regsweep_trainer.flags import Flags

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.Adam,  # with weight decay Keras' Adam is its AdamW
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "adagrad": keras.optimizers.Adagrad,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def optimizer_of(flags: Flags, variables: list[Any], kernels: list[Any]) -> Any:
    """The optimizer, built for these variables. kernels: those of them that decay, where there is weight decay; biases do not."""
    optimizer = OPTIMIZERS[flags.optimizer](
        learning_rate=flags.learning_rate,
        weight_decay=flags.weight_decay or None,
        clipnorm=flags.clip_norm or None,
        global_clipnorm=flags.global_clip_norm or None,
        clipvalue=flags.clip_value or None,
    )
    decaying = {id(kernel) for kernel in kernels}
    optimizer.exclude_from_weight_decay(var_list=[variable for variable in variables if id(variable) not in decaying])
    optimizer.build(variables)
    return optimizer
