"""A Keras network on a table: which L2 penalty and which dropout keep it from overfitting?"""

import regsweep_kit as kit

flags = kit.flags(
    l2=kit.flag(0.0, "L2 penalty of all kernels"),
    dropout=kit.flag(0.0, "share of the hidden units that is dropped"),
    units=[64, 64],
    epochs=20,
)

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler


def build(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    entry = x = keras.Input((30,))
    for units in flags.units:
        x = keras.layers.Dense(units, "relu", kernel_regularizer=keras.regularizers.L2(flags.l2))(x)
        x = keras.layers.Dropout(flags.dropout)(x)
    model = keras.Model(entry, keras.layers.Dense(1)(x))
    model.compile(
        "adam",
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=["accuracy", keras.metrics.AUC(from_logits=True)],
    )
    return model


x, y = load_breast_cancer(return_X_y=True)
for replicate in kit.replicates():
    rows = replicate.split(x, y)
    rows = rows.map(StandardScaler().fit(rows.train.x).transform)
    model = build(replicate.seed)
    model.fit(*rows.train, epochs=flags.epochs, verbose=0, callbacks=[replicate.keras(rows)])
