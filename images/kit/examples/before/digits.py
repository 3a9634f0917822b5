"""Handwritten digits of 8 x 8 pixels, by a small convolutional network."""

import keras
from sklearn.datasets import load_digits

DROPOUT = 0.5

x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")
x_train, x_val, y_train, y_val = x[:1200], x[1200:], y[:1200], y[1200:]

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
)
print("accuracy:", model.evaluate(x_val, y_val, verbose=0)[1])
