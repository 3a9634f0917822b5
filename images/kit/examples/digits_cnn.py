"""A small convolutional network on 8 x 8 images of digits: spatial dropout, weight decay, both or neither?"""

import regsweep_kit as kit

flags = kit.flags(
    dropout=kit.flag(0.0, "share of the feature maps that is dropped"),
    weight_decay=kit.flag(0.0, "of AdamW; it is no part of the loss"),
    filters=16,
    epochs=5,
)

import keras
from sklearn.datasets import load_digits

x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")
for replicate in kit.replicates():
    rows = replicate.split(x, y)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(flags.filters, 3, activation="relu"),
            keras.layers.SpatialDropout2D(flags.dropout),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(weight_decay=flags.weight_decay), loss, metrics=["accuracy"])
    model.fit(*rows.train, epochs=flags.epochs, verbose=0, callbacks=[replicate.keras(rows)])
