"""Is an engine faulty? Its noise is a time series, made up here, and a fault is a weak tone in it."""

import keras
import numpy as np

L2 = 1e-4


def record(engines, steps=96, seed=0):
    """The noise of so many engines, and which of them are faulty."""
    random = np.random.default_rng(seed)
    faulty = random.integers(2, size=engines)
    time, phase = np.arange(steps), random.uniform(0, 2 * np.pi, size=(engines, 1))
    noise = np.cumsum(random.normal(size=(engines, steps)), axis=1) / 4 + random.normal(size=(engines, steps)) / 2
    return (noise + faulty[:, None] * np.sin(time / 2 + phase))[..., None].astype("float32"), faulty


x, y = record(400)
x_train, x_val, y_train, y_val = x[:300], x[300:], y[:300], y[300:]


def make_model(shape):
    penalty = keras.regularizers.L2(L2)
    inputs = hidden = keras.Input(shape)
    for filters in (16, 16):
        hidden = keras.layers.Conv1D(filters, 5, padding="same", activation="relu", kernel_regularizer=penalty)(hidden)
    hidden = keras.layers.GlobalAveragePooling1D()(hidden)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", kernel_regularizer=penalty)(hidden))


model = make_model(x.shape[1:])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"])
model.fit(
    x_train,
    y_train,
    epochs=12,
    verbose=2,
    validation_data=(x_val, y_val),
)
