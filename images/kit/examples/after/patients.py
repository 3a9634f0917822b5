"""Will a patient's diabetes progress more than the median's? A table with categories, encoded by FeatureSpace."""

import keras
import regsweep_kit as kit
import tensorflow as tf
from keras.utils import FeatureSpace
from sklearn.datasets import load_diabetes

UNITS, DROPOUT = kit.flags(units=32, dropout=0.5).values()

frame = load_diabetes(as_frame=True, scaled=False).frame.astype("float32").astype({"sex": "int32"})
y = (frame.pop("target") > 140).astype("float32")
rows = kit.replicate().split(frame, y)
(x_train, y_train), (x_val, y_val) = rows.train, rows.stop

space = FeatureSpace(
    features={
        "age": FeatureSpace.float_discretized(num_bins=6),
        "sex": FeatureSpace.integer_categorical(num_oov_indices=0),
        **{name: FeatureSpace.float_normalized() for name in frame if name not in ("age", "sex")},
    },
    crosses=[FeatureSpace.cross(("sex", "age"), crossing_dim=16)],
    output_mode="concat",
)
space.adapt(tf.data.Dataset.from_tensor_slices(dict(x_train)).batch(64))

hidden = keras.layers.Dense(UNITS, activation="relu")(space.get_encoded_features())
hidden = keras.layers.Dropout(DROPOUT)(hidden)
model = keras.Model(space.get_inputs(), keras.layers.Dense(1, activation="sigmoid")(hidden))
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="AUC")])
model.fit(
    dict(x_train),
    y_train,
    epochs=20,
    verbose=2,
    validation_data=(dict(x_val), y_val),
    callbacks=[kit.replicate().keras(rows.map(dict))],
)
