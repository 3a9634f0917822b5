"""Each regulariser by numbers computed by hand: what it adds to the loss, what it does to a step, and that evaluation knows none of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from regsweep_trainer import backend
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.models.inputs import Image
from support.networks import data, network, train

DIGITS: dict[str, Any] = {"inputs": 64, "classes": 10, "head": Head.MULTICLASS}
CNN: dict[str, Any] = {**DIGITS, "model": "cnn", "image": Image(8, 8, 1), "filters": [4, 3], "units": [5]}


@pytest.fixture(scope="module", autouse=True)
def _keras() -> Iterator[None]:
    backend.start(0, allow_cpu=False)
    yield


def reset(replicate: int = 3, **options: Any) -> Any:
    net = network(**options)
    net.reset(7, replicate)
    return net


def biased(net: Any) -> dict[str, np.ndarray]:
    """Gives every bias a value, and returns them."""
    biases = {}
    for index, (name, layer) in enumerate(net._built.weighted.items()):
        biases[name] = np.linspace(-0.5, 0.25, layer.bias.shape[0]) + 0.1 * index
        layer.bias.assign(biases[name])
    return biases


def forward(net: Any, x: np.ndarray) -> list[np.ndarray]:
    """The outputs of each dense layer with activation relu, the logits last, computed with numpy."""
    outputs, last = [], x.astype(float)
    layers = list(net._built.weighted.values())
    for layer in layers:
        last = last @ layer.kernel.numpy().astype(float) + layer.bias.numpy()
        last = last if layer is layers[-1] else np.maximum(last, 0)
        outputs.append(last)
    return outputs


def test_the_orthogonality_penalty_is_the_mean_cosine_of_each_two_rows_of_hidden_kernels() -> None:
    net = reset(orthogonal=0.3)
    expected = 0.0
    for name, kernel in net.kernels().items():
        if name == "output":
            continue
        unit = kernel / np.linalg.norm(kernel, axis=1, keepdims=True)
        cosines = np.abs(unit @ unit.T)[np.triu_indices(len(unit), 1)]
        expected += 0.3 * cosines.mean()
    assert net.regularization_loss() == pytest.approx(expected, rel=1e-5)


def test_a_kernel_of_one_row_has_no_orthogonality_penalty() -> None:
    net = reset(orthogonal=0.3, inputs=1, units=[4])
    assert net.regularization_loss() == 0
    assert reset(orthogonal=0.3, units=[1, 4]).regularization_loss() > 0


def test_penalties_of_one_kernel_add_up() -> None:
    each: list[dict[str, Any]] = [{"l1": 0.1}, {"l2": 0.1}, {"orthogonal": 0.1}]
    separate = [reset(**flags).regularization_loss() for flags in each]
    assert reset(l1=0.1, l2=0.1, orthogonal=0.1).regularization_loss() == pytest.approx(sum(separate), rel=1e-5)


def test_the_penalty_of_biases_is_l1_and_l2_of_all_of_them() -> None:
    net = reset(bias_l1=0.1, bias_l2=0.01)
    biases = biased(net).values()
    expected = sum(0.1 * np.abs(bias).sum() + 0.01 * np.square(bias).sum() for bias in biases)
    assert net.regularization_loss() == pytest.approx(expected, rel=1e-5)


def test_the_activity_penalty_is_of_all_hidden_outputs_row_by_row() -> None:
    net = reset(activity_l1=0.1, activity_l2=0.01)
    biased(net)
    x = data()[0].train.x[:20]
    *hidden, logits = forward(net, x)
    expected = sum(0.1 * np.abs(layer).sum(axis=1) + 0.01 * np.square(layer).sum(axis=1) for layer in hidden)
    np.testing.assert_allclose(net.activity_penalties(x), expected, rtol=1e-4)
    np.testing.assert_allclose(net.outputs(x), logits, rtol=1e-4, atol=1e-5)
    assert net.regularization_loss() == 0


@pytest.mark.parametrize(
    "flags",
    [
        {"l1": 0.01},
        {"l2": 0.01},
        {"orthogonal": 0.5},
        {"bias_l2": 0.5},
        {"activity_l1": 0.01},
        {"activity_l2": 0.01},
        {"l2": 0.01, "activity_l2": 0.01},
    ],
    ids=str,
)
def test_penalties_are_in_loss_and_not_in_average_loss(flags: dict[str, Any]) -> None:
    values = train(network(**flags), **flags).values
    assert values["regularization_loss"] > 0
    assert values["train_loss"] == pytest.approx(values["train_average_loss"] + values["regularization_loss"])
    assert values["val_loss"] > values["val_average_loss"]
    free = network()
    free.reset(7, 3)
    penalised = reset(**flags)
    x = data()[0].val.x
    np.testing.assert_array_equal(free.outputs(x), penalised.outputs(x))  # the same weights have the same average_loss


def test_the_weights_penalty_of_a_regression_is_in_the_targets_unit() -> None:
    prepared, _ = data("diabetes")
    options: dict[str, Any] = {"head": Head.REGRESSION, "inputs": 10}
    net = network(**options, l2=0.01, activity_l2=0.01)
    values = train(net, name="diabetes", l2=0.01, activity_l2=0.01).values
    penalty = net.regularization_loss() + net.activity_penalties(prepared.train.x).mean()
    assert values["regularization_loss"] == pytest.approx(penalty * prepared.target_scale**2, rel=1e-5)


LINEAR: dict[str, Any] = {"units": [], "optimizer": "sgd", "batch_size": 1000}
RATE = 0.5


class Step:
    """One step of gradient descent of a linear model on 50 rows, bias 3 before it: what the books say it is without regularisation."""

    def __init__(self, weights: np.ndarray | None = None, labels: np.ndarray | None = None, **flags: Any) -> None:
        """labels: what the books take for them; `None`: those of the rows."""
        prepared, _ = data()
        x, y = prepared.train.x[:50], prepared.train.y[:50]
        net = reset(**LINEAR, **flags, weighted=weights is not None)
        layer = net._built.weighted["output"]
        layer.bias.assign([3.0])
        self.before = layer.kernel.numpy()[:, 0].astype(float)
        assert net.train_epoch(x, y, np.arange(50), weights, RATE)
        self.after, self.bias = layer.kernel.numpy()[:, 0].astype(float), float(layer.bias.numpy()[0])
        exact = x.astype(float)
        error = 1 / (1 + np.exp(-exact @ self.before - 3)) - (y if labels is None else labels)
        error *= 1 if weights is None else weights
        self.gradient, self.bias_gradient = exact.T @ error / 50, float(error.mean())
        self.penalty = net.regularization_loss()


def test_weight_decay_shrinks_kernels_before_the_step_and_no_biases() -> None:
    step = Step(weight_decay=0.2)
    np.testing.assert_allclose(step.after, step.before * (1 - RATE * 0.2) - RATE * step.gradient, rtol=1e-4, atol=1e-6)
    assert step.bias == pytest.approx(3 - RATE * step.bias_gradient, rel=1e-5)
    assert step.penalty == 0


def test_with_plain_gradient_descent_weight_decay_is_twice_l2_and_with_adam_it_is_not() -> None:
    np.testing.assert_allclose(Step(weight_decay=0.2).after, Step(l2=0.1).after, rtol=1e-4, atol=1e-6)
    linear = {**LINEAR, "optimizer": "adam"}
    adam = [reset(**linear, weight_decay=0.2), reset(**linear, l2=0.1)]
    prepared, _ = data()
    for net in adam:
        net.train_epoch(prepared.train.x, prepared.train.y, np.arange(100), None, 0.1)
    decayed, penalised = (net.kernels()["output"] for net in adam)
    assert np.abs(decayed - penalised).max() > 1e-3


def test_adamw_is_adam_with_weight_decay() -> None:
    one, other = (train(network(optimizer=name, weight_decay=0.1), optimizer=name) for name in ("adam", "adamw"))
    assert one.values == other.values


def test_label_smoothing_is_in_the_step_and_not_in_the_metrics() -> None:
    y = data()[0].train.y[:50]
    smoothed = Step(label_smoothing=0.2, labels=y * 0.8 + 0.1)
    np.testing.assert_allclose(smoothed.after, smoothed.before - RATE * smoothed.gradient, rtol=1e-4, atol=1e-6)
    x = data()[0].val.x
    np.testing.assert_array_equal(reset(label_smoothing=0.2).outputs(x), reset().outputs(x))


def test_label_smoothing_of_many_classes_is_spread_over_all_of_them() -> None:
    """The books' step of softmax regression."""
    prepared, _ = data("digits")
    net = reset(**LINEAR, **DIGITS, label_smoothing=0.3)
    x, w = prepared.train.x[:50].astype(float), net.kernels()["output"].astype(float)
    powers = np.exp(x @ w)
    labels = np.eye(10)[prepared.train.y[:50].astype(int)] * 0.7 + 0.03
    gradient = x.T @ (powers / powers.sum(axis=1, keepdims=True) - labels) / 50
    net.train_epoch(prepared.train.x[:50], prepared.train.y[:50], np.arange(50), None, RATE)
    np.testing.assert_allclose(net.kernels()["output"], w - RATE * gradient, rtol=1e-3, atol=1e-5)


def test_weights_of_rows_are_in_the_step() -> None:
    weights = np.linspace(0, 2, 50).astype(np.float32)
    step = Step(weights=weights)
    np.testing.assert_allclose(step.after, step.before - RATE * step.gradient, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_clipped_by_norm_or_value() -> None:
    free = Step()
    norm = float(np.linalg.norm(free.gradient))
    whole = float(np.hypot(norm, free.bias_gradient))
    cases: list[tuple[dict[str, Any], np.ndarray]] = [
        ({"clip_norm": norm / 4}, free.gradient / 4),
        ({"global_clip_norm": whole / 4}, free.gradient / 4),
        ({"clip_value": 0.01}, np.clip(free.gradient, -0.01, 0.01)),
    ]
    for flags, clipped in cases:
        np.testing.assert_allclose(Step(**flags).after, free.before - RATE * clipped, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", [{}, CNN], ids=["dense", "cnn"])
def test_max_norm_bounds_the_weights_that_lead_to_each_unit_or_filter(options: dict[str, Any]) -> None:
    net = reset(**options, max_norm=0.3)
    prepared, _ = data("digits" if options else "breast_cancer")
    net.train_epoch(prepared.train.x, prepared.train.y, np.arange(100), None, 0.1)
    for kernel in net.kernels().values():
        norms = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
        assert norms.max() == pytest.approx(0.3, rel=1e-4)


DRAWS = {
    "dropout": 0.5,
    "input_dropout": 0.5,
    "gaussian_dropout": 0.5,
    "alpha_dropout": 0.5,
    "noise": 0.5,
    "hidden_noise": 0.5,
}


@pytest.mark.parametrize("name", DRAWS)
def test_what_disturbs_training_is_off_in_evaluation(name: str) -> None:
    flags: dict[str, Any] = {name: DRAWS[name]}
    rows = data()[0].val.x
    np.testing.assert_array_equal(reset(**flags).outputs(rows), reset().outputs(rows))
    net = network(**flags)
    disturbed = train(net, **flags)
    assert disturbed.values != train(network()).values
    assert train(net, **flags) == disturbed


def test_dropout_of_each_layer_is_its_own() -> None:
    assert train(network(dropout=[0.5, 0]), dropout=[0.5, 0]).values != train(network(dropout=[0, 0.5])).values
    assert train(network(dropout=[0.5, 0.5])).values == train(network(dropout=0.5)).values
    assert train(network(dropout=[0, 0])).values == train(network()).values


def test_activation_of_each_layer_is_its_own() -> None:
    assert train(network(activation=["tanh", "relu"])).values != train(network(activation=["relu", "tanh"])).values
    assert train(network(activation=["tanh", "tanh"])).values == train(network(activation="tanh")).values


@pytest.mark.parametrize("kind", ["batch", "layer", "unit"])
def test_each_normalisation_trains_and_starts_from_the_same_weights(kind: str) -> None:
    net = reset(normalization=kind)
    for name, kernel in reset().kernels().items():
        np.testing.assert_array_equal(net.kernels()[name], kernel)
    assert train(network(normalization=kind)).values != train(network()).values


def test_normalization_batch_is_batch_norm() -> None:
    assert train(network(normalization="batch")).values == train(network(batch_norm=True)).values


def test_a_cnn_learns_and_spatial_dropout_is_off_in_evaluation() -> None:
    plain, dropping = network(**CNN), network(**CNN, spatial_dropout=0.5)
    flags: dict[str, Any] = {"name": "digits", "epochs": 20, "learning_rate": 0.02}
    learnt = train(plain, **flags).values
    assert learnt["train_average_loss"] < 1.5
    assert set(plain.kernels()) == {"conv0", "conv1", "hidden0", "output"}
    rows = data("digits")[0].val.x
    for net in (plain, dropping):
        net.reset(7, 3)
    np.testing.assert_array_equal(plain.outputs(rows), dropping.outputs(rows))
    assert train(dropping, **flags).values != learnt


def test_a_cnn_convolves_images_row_by_row() -> None:
    """A single filter that passes its centre, no pooling: the features reach the hidden layer as they are."""
    net = reset(**{**CNN, "filters": [1], "pool_size": 1, "units": [], "activation": "linear"})
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 2] = 1  # takes the right-hand neighbour
    net._built.weighted["conv0"].kernel.assign(kernel)
    x = data("digits")[0].val.x
    right = np.zeros((len(x), 8, 8))
    right[:, :, :-1] = x.reshape(-1, 8, 8)[:, :, 1:]
    expected = right.reshape(-1, 64) @ net.kernels()["output"]
    np.testing.assert_allclose(net.outputs(x), expected, rtol=1e-4, atol=1e-4)
