"""The Keras callback: what it reports of a model, against numbers computed by hand, whatever the model looks like."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from regsweep_kit.record import Outcome
from regsweep_kit.script.replicate import Known
from support.keras_replicates import OBJECTIVE_BEST, X, Y, linear, mse, new, trained


def test_losses_are_those_of_the_weights_as_they_are_in_inference_mode() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    output, rows = trained(model)
    assert output.record is not None
    for part in ("train", "val"):
        assert output.record.values[f"{part}_average_loss"] == pytest.approx(mse(model, getattr(rows, part)), rel=1e-5)
    mae = float(np.mean(np.abs(np.asarray(model(rows.val.x))[:, 0] - rows.val.y)))
    assert output.record.values["val_mae"] == pytest.approx(mae, rel=1e-5)
    assert output.expected == 2
    assert [progress.epoch for progress in output.epochs] == [1, 2]
    assert output.weights_after == [(0, 1), (0, 2)]
    assert output.epochs[0].rows == {"train": len(rows.train.rows), "val": len(rows.val.rows)}


def cosines(kernel: np.ndarray) -> np.ndarray:
    """Absolute values of the cosines of each two columns."""
    unit = kernel / np.linalg.norm(kernel, axis=0)
    return np.asarray(np.abs(unit.T @ unit)[np.triu_indices(kernel.shape[1], 1)])


class ActivityPenalty(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        self.add_loss(7.0 * keras.ops.mean(x**2))
        return x


@pytest.mark.parametrize(
    ("penalty", "weights"),
    [
        pytest.param(keras.regularizers.L1(0.1), lambda k: 0.1 * np.abs(k).sum(), id="l1"),
        pytest.param(keras.regularizers.L2(0.1), lambda k: 0.1 * (k**2).sum(), id="l2"),
        pytest.param(
            keras.regularizers.L1L2(0.1, 0.2), lambda k: 0.1 * np.abs(k).sum() + 0.2 * (k**2).sum(), id="l1 and l2"
        ),
        pytest.param(
            keras.regularizers.OrthogonalRegularizer(0.4, mode="columns"),
            lambda k: 0.4 * cosines(k).mean(),
            id="orthogonal",
        ),
        pytest.param(keras.regularizers.L2(1000.0), lambda k: 1000 * (k**2).sum(), id="a penalty that dwarfs the loss"),
    ],
)
def test_the_penalty_is_in_loss_and_not_in_average_loss(penalty: Any, weights: Any) -> None:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, kernel_regularizer=penalty), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 1e-5
    output, rows = trained(model)
    assert output.record is not None
    values, kernel = output.record.values, model.layers[0].kernel.numpy()
    assert values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)
    assert values["regularization_loss"] == pytest.approx(weights(kernel), rel=1e-5)
    assert values["val_loss"] == pytest.approx(mse(model, rows.val) + weights(kernel), rel=1e-5)


def test_weight_decay_is_no_penalty() -> None:
    model = linear()
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5), "mse")
    output, rows = trained(model)
    assert output.record is not None
    values = output.record.values
    assert values["regularization_loss"] == 0
    assert values["val_loss"] == values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)


def test_penalties_on_activations_are_not_in_average_loss_either() -> None:
    model = keras.Sequential([keras.Input((3,)), ActivityPenalty(), keras.layers.Dense(1, activity_regularizer="l2")])
    model.compile("sgd", "mse")
    output, rows = trained(model)
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)


def test_a_loss_that_layers_add_is_the_loss_where_there_is_no_other() -> None:
    class Autoencoder(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5))

        def call(self, x: Any) -> Any:
            out = self.dense(x)
            self.add_loss(keras.ops.mean((out - x) ** 2))
            return out

    model = Autoencoder()
    model.compile(keras.optimizers.SGD(0.01))
    replicate, output = new()
    rows = replicate.split(X)
    model.fit(rows.train.x, epochs=1, verbose=0, callbacks=[replicate.keras(rows)])
    replicate.finish()
    assert output.record is not None
    expected = float(np.mean((np.asarray(model(rows.val.x)) - rows.val.x) ** 2))
    assert output.record.values["val_average_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_training_itself_and_its_validation_keep_the_penalty() -> None:
    model = linear(kernel_regularizer=keras.regularizers.L2(10.0))
    replicate, _ = new()
    rows = replicate.split(X, Y)
    history = model.fit(*rows.train, epochs=2, verbose=0, validation_data=rows.stop, callbacks=[replicate.keras(rows)])
    penalty = 10 * float((model.layers[-1].kernel.numpy() ** 2).sum())
    assert history.history["val_loss"][-1] == pytest.approx(mse(model, rows.stop) + penalty, rel=1e-4)
    assert type(model) is keras.Sequential


def test_a_loss_of_ones_own_counts_without_the_penalties_that_it_adds() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: Any = True
        ) -> Any:
            return 3.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    entry = keras.Input((3,))
    model = Own(entry, keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(5.0))(entry))
    model.compile(keras.optimizers.SGD(0.001), "mse")
    output, rows = trained(model)
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(3 * mse(model, rows.val), rel=1e-5)


def test_steps_of_ones_own_are_taken() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = keras.ops.mean(keras.ops.abs(self(x, training=True)[:, 0] - y))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

        def test_step(self, data: Any) -> Any:
            x, y = data
            return {
                "loss": keras.ops.mean(keras.ops.abs(self(x)[:, 0] - y)),
                "rows/seen": keras.ops.cast(keras.ops.shape(x)[0], "float32"),
            }

    entry = keras.Input((3,))
    model = Own(entry, keras.layers.Dense(1)(entry))
    model.compile("sgd")
    output, rows = trained(model)
    assert output.record is not None
    expected = float(np.mean(np.abs(np.asarray(model(rows.val.x))[:, 0] - rows.val.y)))
    assert output.record.values["val_average_loss"] == pytest.approx(expected, rel=1e-5)
    assert output.record.values["val_rows_seen"] == len(rows.val.rows)


def test_several_inputs_and_outputs() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    both = keras.layers.Concatenate()([a, b])
    left, right = keras.layers.Dense(1, name="left")(both), keras.layers.Dense(1, name="right")(both)
    model = keras.Model({"a": a, "b": b}, {"left": left, "right": right})
    model.compile(
        "sgd", {"left": "mse", "right": "mae"}, metrics={"left": ["mae"]}, loss_weights={"left": 2.0, "right": 1.0}
    )
    replicate, output = new()
    rows = replicate.split({"a": X, "b": X}, {"left": Y, "right": -Y})
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=[replicate.keras(rows)])
    replicate.finish()
    assert output.record is not None
    values, out = output.record.values, model(rows.val.x)
    first = float(np.mean((np.asarray(out["left"])[:, 0] - rows.val.y["left"]) ** 2))
    second = float(np.mean(np.abs(np.asarray(out["right"])[:, 0] - rows.val.y["right"])))
    assert values["val_average_loss"] == pytest.approx(2 * first + second, rel=1e-5)
    assert values["val_left_loss"] == pytest.approx(first, rel=1e-5)
    assert "val_left_mae" in values


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 4}])
def test_a_model_compiled_in_any_way_gives_the_same_numbers(options: dict[str, Any]) -> None:
    model = linear(kernel_regularizer=keras.regularizers.L2(2.0))
    model.compile(keras.optimizers.SGD(0.01), "mse", **options)
    output, rows = trained(model)
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)


def test_mixed_precision_loses_no_more_than_its_digits() -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = linear()
        output, rows = trained(model)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-2)


def test_weights_that_were_restored_are_what_counts() -> None:
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    early = keras.callbacks.EarlyStopping("val_loss", mode="max", patience=1, restore_best_weights=True)
    callbacks = [replicate.keras(rows), early]
    model.fit(*rows.train, epochs=9, verbose=0, validation_data=rows.stop, callbacks=callbacks)
    replicate.finish()
    assert output.record is not None
    assert output.record.epochs == 2
    assert output.record.values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)


@pytest.mark.parametrize("best", [False, True])
def test_the_test_rows_are_scored_at_the_objectives_epoch_and_only_when_asked(best: bool) -> None:
    environment = {"REGSWEEP_SCORE_TEST": "1", **({"REGSWEEP_OBJECTIVE": OBJECTIVE_BEST} if best else {})}
    model = linear()
    replicate, output = new(environment)
    rows = replicate.split(X, Y)
    weights = []

    def worsen(epoch: int, logs: Any) -> None:
        weights.append(model.get_weights())
        if epoch == 1:
            model.set_weights([value + 100 for value in weights[-1]])

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=worsen), replicate.keras(rows)]
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=callbacks)
    last = model.get_weights()
    replicate.finish()
    assert output.record is not None
    assert output.record.best is not None
    assert output.record.best.epoch == 1
    assert all(np.array_equal(a, b) for a, b in zip(last, model.get_weights(), strict=True))
    if best:
        model.set_weights(weights[0])
        assert output.record.best.train == pytest.approx(mse(model, rows.train), rel=1e-5)
    assert output.record.values["test_average_loss"] == pytest.approx(mse(model, rows.test), rel=1e-5)
    assert "test_average_loss" not in trained(linear())[0].record.values  # type: ignore[union-attr]


@pytest.mark.parametrize("best", [False, True])
def test_a_model_is_saved_with_the_weights_of_the_epoch_that_counts(best: bool, tmp_path: Path) -> None:
    environment = {"REGSWEEP_MODELS": str(tmp_path), **({"REGSWEEP_OBJECTIVE": OBJECTIVE_BEST} if best else {})}
    model = linear()
    replicate, output = new(environment)
    rows = replicate.split(X, Y)

    def worsen(epoch: int, logs: Any) -> None:
        if epoch == 1:
            model.set_weights([value + 100 for value in model.get_weights()])

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=worsen), replicate.keras(rows)]
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=callbacks)
    last = model.get_weights()
    saved = replicate.save(model)
    replicate.finish()
    assert saved == tmp_path / "replicate-0.keras"
    assert output.record is not None
    assert output.record.best is not None
    recorded = output.record.best.val if best else output.record.values["val_average_loss"]
    assert mse(keras.models.load_model(saved), rows.val) == pytest.approx(recorded, rel=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(last, model.get_weights(), strict=True)), (
        "the model itself is as it was"
    )


def test_a_training_that_diverges_is_stopped() -> None:
    model = linear()
    model.optimizer.learning_rate = 1e20
    output, _ = trained(model, batch_size=8)
    assert output.record is not None
    assert output.record.outcome is Outcome.DIVERGED
    assert output.record.epochs == 1


def test_metrics_have_the_same_names_in_every_replicate() -> None:
    known, names = Known(), []
    for _ in range(2):
        replicate, output = new(known=known)
        model = linear()
        model.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError(), keras.metrics.RootMeanSquaredError()])
        rows = replicate.split(X, Y)
        model.fit(*rows.train, verbose=0, callbacks=[replicate.keras(rows)])
        replicate.finish()
        assert output.record is not None
        names.append(set(output.record.values))
    assert names[0] == names[1]
