"""Trainings in several stages: each `fit` may have another compile, another model or a callback of its own."""

from typing import Any

import keras
import pytest

from support.keras_replicates import OBJECTIVE_BEST, X, Y, linear, mse, new


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


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_a_model_that_is_compiled_again_is_evaluated_as_it_is_then(loss: str) -> None:
    """As when its lower layers are trained too from some epoch on."""
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    callback = replicate.keras(rows)
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=[callback])
    model.compile("sgd", loss)
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=[callback])
    replicate.finish()
    assert output.record is not None
    wanted = model.evaluate(*rows.val, verbose=0, return_dict=True)["loss"]
    assert output.record.values["val_average_loss"] == pytest.approx(wanted, rel=1e-5)
    assert output.epochs[-1].values["average_loss", "val"] == pytest.approx(wanted, rel=1e-5)


def test_a_compile_after_the_last_stage_changes_nothing() -> None:
    model = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=[replicate.keras(rows)])
    model.compile("sgd", "mse")
    model.evaluate(*rows.train, verbose=0)
    replicate.finish()
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(mse(model, rows.val), rel=1e-5)


def test_a_callback_evaluates_the_model_that_is_trained() -> None:
    first = linear()
    replicate, output = new()
    rows = replicate.split(X, Y)
    callback = replicate.keras(rows)
    first.fit(*rows.train, epochs=1, verbose=0, callbacks=[callback])
    second = keras.Sequential([first, keras.layers.Dense(1)])
    second.compile("sgd", "mse")
    second.fit(*rows.train, epochs=1, verbose=0, callbacks=[callback])
    replicate.finish()
    assert output.record is not None
    assert output.record.values["val_average_loss"] == pytest.approx(mse(second, rows.val), rel=1e-5)


def test_the_best_epoch_may_be_in_any_stage_whichever_callback_it_had() -> None:
    model = linear()
    replicate, output = new({"REGSWEEP_SCORE_TEST": "1", "REGSWEEP_OBJECTIVE": OBJECTIVE_BEST})
    rows = replicate.split(X, Y)
    model.fit(*rows.train, epochs=2, verbose=0, callbacks=[replicate.keras(rows)])
    best = model.get_weights()

    def worsen(epoch: int, logs: Any) -> None:
        model.set_weights([value + 100 for value in best])

    worse = [keras.callbacks.LambdaCallback(on_epoch_end=worsen), replicate.keras(rows)]
    model.fit(*rows.train, epochs=1, verbose=0, callbacks=worse)
    replicate.finish()
    assert output.record is not None
    assert output.record.best is not None
    assert output.record.best.epoch == 2
    model.set_weights(best)
    assert output.record.values["test_average_loss"] == pytest.approx(mse(model, rows.test), rel=1e-5)
