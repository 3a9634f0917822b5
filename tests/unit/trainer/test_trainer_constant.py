"""The constant predictor: what it predicts, and that it is trained and scored as a network is."""

from typing import Any

import numpy as np
import pytest

from regsweep_kit.objective import Objective
from regsweep_kit.record import Outcome, Record
from regsweep_kit.splits import Division, Draw, split
from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.constant import ConstantPredictor
from regsweep_trainer.preparation import Prepared, prepare
from regsweep_trainer.run import outline
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate

ROWS = 120
FEATURES = np.random.default_rng(1).normal(size=(ROWS, 3)).astype(np.float32)


def dataset(target: Any, classes: tuple[str, ...] | None) -> Dataset:
    return Dataset("made", FEATURES.astype(float), np.asarray(target, float), classes)


def trained(data: Dataset, **flags: Any) -> tuple[Record, Prepared]:
    parsed = parse_flags({"dataset": "iris", "epochs": 3, "model": "constant", **flags})
    prepared = prepare(data, split(outline(data), Division(), Draw(1)), None)
    task = Task(replicate=0, seed_base=0, head=data.head, flags=parsed, objective=Objective())
    model = ConstantPredictor(data.head, len(data.classes or ()))
    return train_replicate(model, prepared, task, lambda _: None)[0], prepared


def test_of_two_classes_it_predicts_the_share_of_the_training_rows() -> None:
    record, data = trained(dataset(np.arange(ROWS) % 4 > 0, ("no", "yes")))
    share = data.train.target.mean()
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert record.outcome is Outcome.OK
    assert record.values["train_average_loss"] == pytest.approx(entropy, rel=1e-6)
    assert record.values["val_prediction_mean"] == pytest.approx(share, rel=1e-6)
    assert record.values["val_auc"] == 0.5
    assert record.values["val_accuracy"] == record.values["val_accuracy_baseline"]


def test_of_more_classes_it_predicts_their_frequencies() -> None:
    record, data = trained(dataset(np.arange(ROWS) % 5 % 3, ("a", "b", "c")))
    shares = np.bincount(data.train.target.astype(int)) / len(data.train.target)
    assert record.values["train_average_loss"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)


def test_of_a_regression_it_predicts_the_mean_in_the_targets_unit() -> None:
    record, data = trained(dataset(1e4 + 50 * FEATURES[:, 0], None))
    assert record.values["train_average_loss"] == pytest.approx(data.train.target.var(), rel=1e-4)
    assert record.values["val_prediction_mean"] == pytest.approx(data.train.target.mean(), rel=1e-6)


@pytest.mark.parametrize(
    "flags", [{"l2": 1.0}, {"units": [8]}, {"units": 8, "layers": 3}, {"learning_rate": 5.0}, {"activity_l2": 0.5}]
)
def test_flags_of_a_network_change_nothing(flags: dict[str, Any]) -> None:
    data = dataset(np.arange(ROWS) % 4 > 0, ("no", "yes"))
    assert trained(data, **flags)[0] == trained(data)[0]


def test_a_replicate_does_not_remember_the_one_before() -> None:
    model = ConstantPredictor(dataset(FEATURES[:, 0], None).head, 0)
    model.train_epoch(None, np.array([3.0, 5.0]), np.array([0, 1]), None, 0.1)
    kept = model.weights()
    assert model.outputs(FEATURES[:2]).tolist() == [[4.0], [4.0]]
    model.reset(0, 1)
    assert model.outputs(FEATURES[:1]).tolist() == [[0.0]]
    model.restore(kept)
    assert model.outputs(FEATURES[:1]).tolist() == [[4.0]]


@pytest.mark.parametrize("name", ["linear", "constant"])
@pytest.mark.parametrize(
    "layers",
    [
        {"units": [64, 64]},
        {"units": 32},
        {"units": 32, "layers": 3},
        {"units": [8, 8], "activation": ["relu", "tanh"], "dropout": [0.1, 0.2]},
        {"filters": [8], "spatial_dropout": 0.3, "orthogonal": 0.1},
        {"activity_l2": 0.1, "units": [8]},
    ],
)
def test_a_reference_takes_the_parameters_of_networks_and_has_no_hidden_layer(
    name: str, layers: dict[str, Any]
) -> None:
    flags = parse_flags({"dataset": "iris", "model": name, **layers})
    assert (flags.hidden_layers, flags.activations, flags.dropouts) == ((), (), ())


def test_weights_of_rows_count_where_they_count_in_the_metrics() -> None:
    weights, order = np.array([1.0, 3.0], np.float32), np.array([1, 0])
    for head, weighted, expected in (
        (Head.REGRESSION, True, 4.5),
        (Head.REGRESSION, False, 4.0),
        (Head.BINARY, True, np.log(3)),
        (Head.BINARY, False, 0.0),
    ):
        model = ConstantPredictor(head, 2, weighted=weighted)
        y = np.array([3.0, 5.0]) if head is Head.REGRESSION else np.array([0.0, 1.0])
        model.train_epoch(None, y, order, weights, 0.1)
        assert model.outputs(FEATURES[:1])[0, 0] == pytest.approx(expected)
