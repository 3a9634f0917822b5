"""The 40 trainings by KerasTuner's GridSearch, one after the other, as it does."""

import tempfile

import keras_tuner
from training import ACTIVATIONS, BATCH_SIZE, DROPOUTS, EPOCHS, SEEDS, build, data

x, y = data()
half = len(x) // 2
with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.GridSearch(
        lambda hp: build(hp.Choice("dropout", list(DROPOUTS)), hp.Choice("activation", list(ACTIVATIONS))),
        objective="val_loss",
        executions_per_trial=SEEDS,
        directory=folder,
    )
    tuner.search(
        x[:half], y[:half], batch_size=BATCH_SIZE, epochs=EPOCHS, validation_data=(x[half:], y[half:]), verbose=0
    )
