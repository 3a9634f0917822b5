"""Handwritten digits of 8 x 8 pixels, by a small convolutional network."""

import keras
import regsweep_kit as kit
from sklearn.datasets import load_digits

DROPOUT = kit.flags(dropout=0.5).dropout

x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")
rows = kit.replicate().split(x, y)
(x_train, y_train), (x_val, y_val) = rows.train, rows.stop

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dropout(DROPOUT),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    x_train,
    y_train,
    epochs=8,
    verbose=2,
    validation_data=(x_val, y_val),
    callbacks=[kit.replicate().keras(rows)],
)
print("accuracy:", model.evaluate(x_val, y_val, verbose=0)[1])
