"""One small training, the same for every tool: a dense network on scikit-learn's breast cancer table. Imports nothing of ours."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

DROPOUTS = (0.0, 0.2, 0.4, 0.5)
ACTIVATIONS = ("relu", "elu")
SEEDS = 5
EPOCHS = 20
BATCH_SIZE = 32


def data() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(x, y), standardised."""
    x, y = load_breast_cancer(return_X_y=True)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32"), y.astype("float32")


def build(dropout: float, activation: str) -> Any:
    """The compiled model."""
    model = keras.Sequential([keras.Input((30,))])
    for _ in range(2):
        model.add(keras.layers.Dense(64, activation))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(1))
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def train(dropout: float, activation: str, seed: int) -> float:
    """The validation loss of one training on a random half of the rows."""
    keras.utils.set_random_seed(seed)
    x, y = data()
    order = np.random.default_rng(seed).permutation(len(x))
    fit, val = order[: len(x) // 2], order[len(x) // 2 :]
    model = build(dropout, activation)
    history = model.fit(
        x[fit], y[fit], batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0, validation_data=(x[val], y[val])
    )
    return float(history.history["val_loss"][-1])
