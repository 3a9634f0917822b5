"""The Keras network: pairing of seeds over combinations, the same record for the same inputs, and the loss it really minimises."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from regsweep_trainer import backend
from regsweep_trainer.data.sources import load_bundled
from support.networks import data, network, train


@pytest.fixture(scope="module", autouse=True)
def _keras() -> Iterator[None]:
    backend.start(0, allow_cpu=False)
    yield


def initial(replicate: int = 3, seed_base: int = 7, **flags: Any) -> dict[str, np.ndarray]:
    net = network(**flags)
    net.reset(seed_base, replicate)
    kernels: dict[str, np.ndarray] = net.kernels()
    return kernels


@pytest.mark.parametrize(
    "flags",
    [
        {"l2": 0.01},
        {"l1": 0.01},
        {"dropout": 0.2},
        {"batch_norm": True},
        {"noise": 0.3},
        {"dropout": 0.5, "batch_norm": True, "l2": 1},
        {"optimizer": "sgd", "learning_rate": 1},
        {"activation": "softmax"},
    ],
    ids=str,
)
def test_initial_weights_do_not_depend_on_the_regularisation(flags: dict[str, Any]) -> None:
    plain, other = initial(), initial(**flags)
    assert plain.keys() == other.keys() == {"hidden0", "hidden1", "output"}
    for name in plain:
        np.testing.assert_array_equal(plain[name], other[name])


def test_initial_weights_of_a_layer_do_not_depend_on_the_layers_after_it() -> None:
    np.testing.assert_array_equal(initial()["hidden0"], initial(units=[16])["hidden0"])


@pytest.mark.parametrize("changes", [{"replicate": 4}, {"seed_base": 8}])
def test_initial_weights_depend_on_replicate_and_seed_base(changes: dict[str, int]) -> None:
    assert not np.array_equal(initial()["hidden0"], initial(**changes)["hidden0"])


def test_initial_weights_are_glorot_uniform() -> None:
    kernel = initial(units=[1000])["hidden0"]
    limit = np.sqrt(6 / (30 + 1000))
    assert np.abs(kernel).max() == pytest.approx(limit, rel=1e-3)
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_keras_global_seed_plays_no_part() -> None:
    import keras

    records = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        records.append(train(network(dropout=0.5, noise=0.2)))
    assert records[0] == records[1]


@pytest.mark.parametrize("optimizer", ["adam", "adamax", "nadam", "adagrad", "rmsprop", "sgd"])
def test_a_replicate_is_the_same_alone_or_after_others(optimizer: str) -> None:
    """Also: the same inputs give the same record. Every variable, the optimizer's too, is as new after a reset."""
    flags: dict[str, Any] = {"dropout": 0.3, "noise": 0.1, "batch_norm": True, "l2": 0.01, "optimizer": optimizer}
    busy = network(**flags)
    train(busy, replicate=1, **flags)
    again = train(busy, **flags)
    assert again == train(network(**flags), **flags)
    assert again.values != train(busy, replicate=4, **flags).values


def test_noise_is_there_in_training_and_off_in_evaluation() -> None:
    rows = data()[0].train.x
    calm, noisy = network(), network(noise=0.5)
    for net in (calm, noisy):
        net.reset(7, 3)
    np.testing.assert_array_equal(calm.outputs(rows), noisy.outputs(rows))
    assert train(network(noise=0.5)).values != train(network()).values


def test_dropout_and_penalty_are_off_in_evaluation_and_losses_add_up() -> None:
    record = train(network(dropout=0.5, l2=0.01), dropout=0.5, l2=0.01)
    values = record.values
    assert values["regularization_loss"] > 0
    assert values["train_loss"] == pytest.approx(values["train_average_loss"] + values["regularization_loss"])
    assert values["val_loss"] == pytest.approx(values["val_average_loss"] + values["regularization_loss"])


def test_the_penalty_is_l1_and_l2_of_all_kernels() -> None:
    net = network(l1=0.1, l2=0.01)
    net.reset(7, 3)
    kernels = net.kernels().values()
    expected = sum(0.1 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum() for kernel in kernels)
    assert net.regularization_loss() == pytest.approx(expected, rel=1e-5)


def test_one_step_of_gradient_descent_is_the_one_of_the_books() -> None:
    """A linear model, one batch, sgd: the new weights are known in closed form, penalty included."""
    prepared, _ = data()
    net = network(units=[], optimizer="sgd", learning_rate=0.5, batch_size=1000, l2=0.1)
    net.reset(7, 3)
    x, y, w = (
        prepared.train.x.astype(float),
        prepared.train.y.astype(float),
        net.kernels()["output"][:, 0].astype(float),
    )
    gradient = x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y) + 2 * 0.1 * w
    assert net.train_epoch(prepared.train.x, prepared.train.y, np.arange(len(y)), None, 0.5)
    np.testing.assert_allclose(net.kernels()["output"][:, 0], w - 0.5 * gradient, rtol=1e-4, atol=1e-6)


def test_every_row_is_seen_once_in_an_epoch_the_last_short_batch_included() -> None:
    """The same step, in three batches of 40, 40 and 20 rows."""
    prepared, _ = data()
    net = network(units=[], optimizer="sgd", learning_rate=0.5, batch_size=40)
    net.reset(7, 3)
    x, y, w = (
        prepared.train.x.astype(float),
        prepared.train.y.astype(float),
        net.kernels()["output"][:, 0].astype(float),
    )
    order, b = np.random.default_rng(1).permutation(100), 0.0
    for rows in (order[:40], order[40:80], order[80:]):
        error = 1 / (1 + np.exp(-(x[rows] @ w + b))) - y[rows]
        w, b = w - 0.5 * x[rows].T @ error / len(rows), b - 0.5 * error.mean()
    net.train_epoch(prepared.train.x, prepared.train.y, order, None, 0.5)
    np.testing.assert_allclose(net.kernels()["output"][:, 0], w, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_other_heads_learn(name: str) -> None:
    loaded = load_bundled(name)
    net = network(loaded.head, loaded.features.shape[1], len(loaded.classes or ()))
    first, last = (train(net, name=name, epochs=epochs, dataset=name, learning_rate=0.01).values for epochs in (1, 15))
    assert last["train_average_loss"] < 0.8 * first["train_average_loss"]


def test_a_loss_that_is_not_finite_stops_the_epoch() -> None:
    prepared, _ = data()
    net = network(optimizer="sgd", learning_rate=1e30)
    net.reset(7, 3)
    assert not net.train_epoch(prepared.train.x, prepared.train.y, np.arange(100), None, 1e30)
