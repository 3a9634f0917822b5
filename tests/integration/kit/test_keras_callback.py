"""The Keras callback: what it reports of a model, against numbers computed by hand, whatever the model and its data look like."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import BadDataError
from regsweep_kit.record import Outcome, Progress, Record
from regsweep_kit.script.outputs import Silent
from regsweep_kit.script.parts import Part, Parts
from regsweep_kit.script.replicate import Known, Replicate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5] + RNG.normal(size=120) * 0.1).astype("float32")


class Kept(Silent):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.epochs: list[Progress] = []
        self.expected = 0
        self.record: Record | None = None
        self.final: Progress | None = None

    def expect(self, epochs: int) -> None:
        self.expected = epochs

    def epoch(self, replicate: int, progress: Progress) -> None:
        self.epochs.append(progress)

    def finish(self, record: Record, progress: Progress) -> None:
        self.record, self.final = record, progress


def new(known: Known | None = None, **environment: str) -> tuple[Replicate, Kept]:
    keras.utils.set_random_seed(1)
    output = Kept()
    return Replicate(0, read_contract(environment), output, known or Known()), output


def linear(**options: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, **options)])
    model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


def mse(model: keras.Model, part: Any) -> float:
    return float(np.mean((np.asarray(model(part[0]))[:, 0] - part[1]) ** 2))


def trained(
    model: keras.Model, rows: Any = None, fit: Mapping[str, Any] | None = None, **options: Any
) -> tuple[Kept, Any]:
    replicate, output = new(**options)
    rows = rows or replicate.split(X, Y)
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=[replicate.keras(rows)], **(fit or {}))
    replicate.finish()
    return output, rows


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
    assert output.epochs[0].rows == {"train": len(rows.train.rows), "val": len(rows.val.rows)}


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
        pytest.param(keras.regularizers.L2(1000.0), lambda k: 1000 * (k**2).sum(), id="a penalty that dwarfs the loss"),
    ],
)
def test_the_penalty_is_in_loss_and_not_in_average_loss(penalty: Any, weights: Any) -> None:
    model = linear(kernel_regularizer=penalty)
    model.optimizer.learning_rate = 1e-5
    output, rows = trained(model)
    assert output.record is not None
    values, kernel = output.record.values, model.layers[-1].kernel.numpy()
    assert values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)
    assert values["regularization_loss"] == pytest.approx(weights(kernel), rel=1e-5)
    assert values["val_loss"] == pytest.approx(mse(model, rows.val) + weights(kernel), rel=1e-5)


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


def batches(part: Part) -> Iterator[Any]:
    for start in range(0, len(part.rows), 16):
        yield part.x[start : start + 16], part.y[start : start + 16]


class Sequence(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, part: Part) -> None:
        super().__init__()
        self.batches = list(batches(part))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda part: tf.data.Dataset.from_tensor_slices(tuple(part)).batch(16), id="tf.data.Dataset"),
        pytest.param(
            lambda part: tf.data.Dataset.from_tensor_slices(tuple(part)).shuffle(99).batch(16), id="one that shuffles"
        ),
        pytest.param(Sequence, id="PyDataset"),
        pytest.param(lambda part: lambda: batches(part), id="a function that makes a generator"),
        pytest.param(lambda part: (part.x, part.y), id="a pair of arrays"),
    ],
)
def test_data_of_any_form_give_the_same_numbers(make: Any) -> None:
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    parts = {name: make(getattr(rows, name)) for name in ("train", "stop", "val")}
    fed = (
        parts["train"]()
        if callable(parts["train"])
        and not hasattr(parts["train"], "__len__")
        and not isinstance(parts["train"], tf.data.Dataset)
        else parts["train"]
    )
    if isinstance(fed, tuple):
        model.fit(*fed, epochs=1, verbose=0, callbacks=[replicate.keras(**parts)])
    else:
        model.fit(fed, epochs=1, verbose=0, callbacks=[replicate.keras(**parts)])
    replicate.finish()
    assert output.record is not None
    for part in ("train", "val"):
        assert output.record.values[f"{part}_average_loss"] == pytest.approx(mse(model, getattr(rows, part)), rel=1e-5)


def test_a_generator_is_refused_since_it_can_be_read_only_once() -> None:
    model = linear()
    replicate, _ = new()
    rows = replicate.split(X, Y)
    with pytest.raises(BadDataError, match="give the function that makes it"):
        model.fit(*rows.train, verbose=0, callbacks=[replicate.keras(train=batches(rows.train), val=rows.val)])


@pytest.mark.parametrize("rows", [None, Parts(train=(X, Y), stop=None, val=None, test=None)])
def test_a_callback_without_validation_rows_is_refused(rows: Any) -> None:
    replicate, _ = new()
    with pytest.raises(BadDataError, match="val missing"):
        replicate.keras(rows)


def test_class_weights_do_not_count_and_sample_weights_do() -> None:
    labels = (Y > 0).astype("float32")
    weights = RNG.uniform(1, 50, size=120)
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, labels, weights=weights)
    fit = {"class_weight": {0: 1.0, 1: 20.0}}
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=[replicate.keras(rows)], **fit)
    replicate.finish()
    assert output.record is not None
    errors = (np.asarray(model(rows.val.x))[:, 0] - rows.val.y) ** 2
    assert output.record.values["val_average_loss"] == pytest.approx(
        np.average(errors, weights=rows.val.weights), rel=1e-5
    )


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


def test_train_is_sampled_while_training_and_whole_at_the_end() -> None:
    x = RNG.normal(size=(9000, 3)).astype("float32")
    y = x[:, 0] + (np.arange(9000) % 7 == 0)
    model = linear()
    replicate, output = new()
    rows = replicate.split(x, y)
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=[replicate.keras(rows)])
    replicate.finish()
    assert output.record is not None
    assert output.final is not None
    assert output.epochs[0].rows["train"] == 2000
    assert output.final.rows["train"] == len(rows.train.rows) == 4320
    assert output.record.values["train_average_loss"] == pytest.approx(mse(model, rows.train), rel=1e-5)
    assert output.epochs[0].values["average_loss", "train"] != output.record.values["train_average_loss"]


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


OBJECTIVE_BEST = '{"metric":"val_average_loss","goal":"Minimize","epoch":"Best"}'


@pytest.mark.parametrize("best", [False, True])
def test_the_test_rows_are_scored_at_the_objectives_epoch_and_only_when_asked(best: bool) -> None:
    environment = {"REGSWEEP_SCORE_TEST": "1", **({"REGSWEEP_OBJECTIVE": OBJECTIVE_BEST} if best else {})}
    model = linear()
    replicate, output = new(**environment)
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


def test_a_training_that_diverges_is_stopped() -> None:
    model = linear()
    model.optimizer.learning_rate = 1e20
    output, _ = trained(model, fit={"batch_size": 8})
    assert output.record is not None
    assert output.record.outcome is Outcome.DIVERGED
    assert output.record.epochs == 1


def test_metrics_have_the_same_names_in_every_replicate() -> None:
    known, names = Known(), []
    for _ in range(2):
        replicate, output = new(known)
        model = linear()
        model.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError(), keras.metrics.RootMeanSquaredError()])
        rows = replicate.split(X, Y)
        model.fit(*rows.train, verbose=0, callbacks=[replicate.keras(rows)])
        replicate.finish()
        assert output.record is not None
        names.append(set(output.record.values))
    assert names[0] == names[1]


def test_training_in_several_stages_counts_epochs_on() -> None:
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    callback = replicate.keras(rows)
    for _ in range(2):
        model.fit(*rows.train, epochs=2, verbose=0, callbacks=[callback])
    replicate.finish()
    assert [progress.epoch for progress in output.epochs] == [1, 2, 3, 4]
    assert output.expected == 4
