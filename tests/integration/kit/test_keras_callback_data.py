"""The Keras callback and its data: any form gives the same numbers, weights count as they should, and train is sampled while training."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from regsweep_kit.errors import BadDataError
from regsweep_kit.script import evaluation
from regsweep_kit.script.parts import Part, Parts
from support.keras_replicates import RNG, X, Y, linear, mse, new


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


def test_data_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "MOST_BATCHES", 100)
    model = linear()
    replicate, _ = new()
    rows = replicate.split(X, Y)
    endless = tf.data.Dataset.from_tensor_slices(tuple(rows.train)).batch(16).repeat()
    with pytest.raises(BadDataError, match=r"train repeats for ever.*before \.repeat\(\)"):
        model.fit(endless, steps_per_epoch=2, verbose=0, callbacks=[replicate.keras(rows, train=endless)])

    def goes_on() -> Iterator[Any]:
        while True:
            yield from batches(rows.val)

    with pytest.raises(BadDataError, match="val: the generator has given 100 batches and goes on"):
        model.fit(*rows.train, verbose=0, callbacks=[replicate.keras(rows, val=goes_on)])


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


@pytest.mark.parametrize(
    "container", [dict, lambda frame: [frame[name] for name in frame]], ids=["a mapping", "a list"]
)
def test_columns_of_a_data_frame_are_evaluated_in_every_part(container: Any) -> None:
    """More rows than the live sample has, so that train too is evaluated whole at the end."""
    frame = pd.DataFrame(RNG.normal(size=(5000, 2)).astype("float32"), columns=["a", "b"])
    inputs = {name: keras.Input((1,), name=name) for name in frame}
    model = keras.Model(inputs if container is dict else [*inputs.values()], keras.layers.Add()([*inputs.values()]))
    model.compile("sgd", "mse")
    replicate, output = new({"REGSWEEP_SCORE_TEST": "1"})
    rows = replicate.split(frame, frame["a"] + frame["b"] + 1)
    callback = replicate.keras(rows.map(container))
    model.fit(container(rows.train.x), rows.train.y, epochs=1, verbose=0, callbacks=[callback])
    replicate.finish()
    assert output.final is not None
    values = {split: value for (name, split), value in output.final.values.items() if name == "average_loss"}
    assert values == {split: pytest.approx(1, rel=1e-5) for split in ("train", "val", "test")}
