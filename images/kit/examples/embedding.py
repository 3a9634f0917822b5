"""Ratings from a user, an item and its price, made up: how wide an embedding, and how strongly pulled to zero? Users are groups."""

import regsweep_kit as kit

flags = kit.flags(width=kit.flag(4, "of the embeddings"), l2=kit.flag(0.0, "L2 penalty of the embeddings"), epochs=5)

import keras
import numpy as np

USERS, ITEMS = 40, 25
random = np.random.default_rng(0)
user, item = random.integers(USERS, size=800), random.integers(ITEMS, size=800)
price = random.normal(size=800).astype("float32")
taste = random.normal(size=(ITEMS, 2))
rating = (taste[item, 0] - 0.3 * price + 0.5 * random.normal(size=800)).astype("float32")

for replicate in kit.replicates():
    rows = replicate.split({"item": item, "price": price}, rating, groups=user)
    named = {"item": keras.Input((), dtype="int32", name="item"), "price": keras.Input((1,), name="price")}
    penalty = keras.regularizers.L2(flags.l2)
    embedded = keras.layers.Embedding(ITEMS, flags.width, embeddings_regularizer=penalty)(named["item"])
    joined = keras.layers.Concatenate()([embedded, named["price"]])
    model = keras.Model(named, keras.layers.Dense(1)(keras.layers.Dense(16, "relu")(joined)))
    model.compile("adam", "mse", metrics=["mae"])
    early = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    callbacks = [replicate.keras(rows), early]
    model.fit(*rows.train, epochs=flags.epochs, verbose=0, validation_data=rows.stop, callbacks=callbacks)
