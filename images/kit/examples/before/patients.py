"""Will a patient's diabetes progress more than the median's? A table with categories, encoded by FeatureSpace."""

import keras
import tensorflow as tf
from keras.utils import FeatureSpace
from sklearn.datasets import load_diabetes

UNITS, DROPOUT = 32, 0.5

table = load_diabetes(scaled=False)
x = dict(zip(table.feature_names, table.data.T.astype("float32"), strict=True))
x["sex"] = x["sex"].astype("int32")
y = (table.target > 140).astype("float32")
x_train, x_val = ({name: column[part] for name, column in x.items()} for part in (slice(300), slice(300, None)))
y_train, y_val = y[:300], y[300:]

space = FeatureSpace(
    features={
        "age": FeatureSpace.float_discretized(num_bins=6),
        "sex": FeatureSpace.integer_categorical(num_oov_indices=0),
        **{name: FeatureSpace.float_normalized() for name in x if name not in ("age", "sex")},
    },
    crosses=[FeatureSpace.cross(("sex", "age"), crossing_dim=16)],
    output_mode="concat",
)
space.adapt(tf.data.Dataset.from_tensor_slices(x_train).batch(64))

hidden = keras.layers.Dense(UNITS, activation="relu")(space.get_encoded_features())
hidden = keras.layers.Dropout(DROPOUT)(hidden)
model = keras.Model(space.get_inputs(), keras.layers.Dense(1, activation="sigmoid")(hidden))
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="AUC")])
model.fit(
    x_train,
    y_train,
    epochs=20,
    verbose=2,
    validation_data=(x_val, y_val),
)
