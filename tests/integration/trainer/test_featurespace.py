"""The Estimator's models: feature columns by FeatureSpace, fitted on training rows alone; Adagrad and initial values as theirs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer import backend
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import Flags, parse_flags
from regsweep_trainer.models.inputs import Embedded

ROWS, TRAIN = 24, np.arange(12)
CITIES = [
    "a",
    "b",
    "a",
    "c",
    "a",
    "b",
    "a",
    "a",
    "b",
    "c",
    "a",
    "b",
    "d",
    "a",
    "e",
    "b",
    "a",
    "c",
    "b",
    "a",
    "d",
    "a",
    "a",
    "b",
]
JOBS = [f"j{k % 4}" for k in range(ROWS)]
AGES = [20.0 + 3 * (k * 7 % 13) for k in range(ROWS)]
COLUMNS: dict[str, Any] = {
    "city": "categorical",
    "job": {"kind": "hashed", "bins": 5},
    "age": {"kind": "bucketized", "boundaries": [30, 45]},
}


@pytest.fixture(scope="module", autouse=True)
def _keras() -> Iterator[None]:
    backend.start(0, allow_cpu=False)
    yield


def flags(path: Path, **more: Any) -> Flags:
    given = {"data_path": str(path), "target": "y", "model": "dnn_classifier", "hidden_units": [4], "columns": COLUMNS}
    return parse_flags({**given, **more})


def data(folder: Path, cities: list[str] = CITIES, ages: list[float] = AGES, **more: Any) -> tuple[Flags, Dataset]:
    lines = (f"{cities[k]},{JOBS[k]},{ages[k]},{k * 5 % 7}.5,{('no', 'yes')[k % 2]}\n" for k in range(ROWS))
    (folder / "t.csv").write_text("city,job,age,n,y\n" + "".join(lines))
    parsed = flags(folder / "t.csv", **more)
    return parsed, load(parsed)


def columns(parsed: Flags, table: Dataset) -> Any:
    from regsweep_trainer.models.featurespace import FeatureColumns

    return FeatureColumns(parsed, table)


def encoded(folder: Path, rows: np.ndarray, train: np.ndarray = TRAIN, **more: Any) -> np.ndarray:
    found: np.ndarray = columns(*data(folder, **more)).fit(train).encode(rows)
    return found


def test_numbers_come_first_then_buckets_categories_and_hashed_values(tmp_path: Path) -> None:
    x = encoded(tmp_path, np.arange(ROWS))
    numbers = np.array([k * 5 % 7 + 0.5 for k in range(ROWS)])
    np.testing.assert_allclose(x[:, 0], (numbers - numbers[:12].mean()) / numbers[:12].std(), rtol=1e-5)
    buckets, city, job = x[:, 1:5], x[:, 5:11], x[:, 11:16]
    assert x.shape == (ROWS, 16)
    for block in (buckets, city, job):
        np.testing.assert_array_equal(block.sum(axis=1), 1)
    same = np.digitize(AGES, [30, 45])
    assert len({(bucket, tuple(row)) for bucket, row in zip(same.tolist(), buckets.tolist(), strict=True)}) == 3
    assert len({(name, tuple(row)) for name, row in zip(JOBS, job.tolist(), strict=True)}) == 4


def test_categories_that_train_lacks_are_unknown(tmp_path: Path) -> None:
    city = encoded(tmp_path, np.arange(ROWS))[:, 5:11]
    assert city[12].tolist() == city[14].tolist() == [1, 0, 0, 0, 0, 0]  # d and e
    assert not city[:12, 0].any()
    assert not city[:, 4:].any()  # the columns of what train lacks


def test_whatever_the_other_rows_hold_training_sees_the_same(tmp_path: Path) -> None:
    """The leak test: vocabularies, quantiles and means come from the training rows."""
    changed: dict[str, Any] = {"columns": {**COLUMNS, "age": {"kind": "bucketized", "bins": 3}}}
    one = encoded(tmp_path, TRAIN, **changed)
    other = encoded(
        tmp_path,
        TRAIN,
        cities=CITIES[:12] + list("edcbaedcbaed"),
        ages=AGES[:12] + [1e6 + k for k in range(12)],
        **changed,
    )
    np.testing.assert_array_equal(one, other)
    elsewhere = encoded(tmp_path, TRAIN, train=np.arange(12, 24), **changed)
    assert not np.array_equal(one, elsewhere)


def test_every_replicate_has_inputs_of_one_shape(tmp_path: Path) -> None:
    shapes = {
        encoded(tmp_path, np.arange(ROWS), train=train).shape for train in (TRAIN, np.arange(2), np.arange(12, 24))
    }
    assert shapes == {(ROWS, 16)}


def test_crosses_tell_combinations_apart_and_embeddings_are_numbers_at_the_end(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "columns": {**COLUMNS, "city": {"kind": "categorical", "embedding": 3}},
        "crosses": [
            {"columns": ["city", "job"], "bins": 500},
            {"columns": ["age", "job"], "bins": 500, "embedding": 2},
        ],
    }
    made = columns(*data(tmp_path, **more))
    assert made.inputs.embedded == (Embedded("city", 6, 3), Embedded("cross of 'age', 'job'", 500, 2))
    x = made.fit(TRAIN).encode(np.arange(ROWS))
    assert x.shape == (ROWS, 1 + 4 + 5 + 500 + 2)
    city, cross = x[:, -2], x[:, -1]
    assert city[:4].tolist() == [1, 2, 1, 3]
    assert city[12] == 0
    pairs = list(zip(np.digitize(AGES, [30, 45]).tolist(), JOBS, strict=True))
    assert len(set(zip(pairs, cross.tolist(), strict=True))) == len(set(pairs))
    combinations = x[:, 10:510]
    np.testing.assert_array_equal(combinations.sum(axis=1), 1)


def test_a_column_that_cannot_be_crossed_is_named(tmp_path: Path) -> None:
    parsed, table = data(tmp_path, crosses=[{"columns": ["city", "n"], "bins": 9}])
    with pytest.raises(InvalidFlagsError, match=r"flag crosses: column 'n' cannot be crossed; .* 'age', 'city', 'job'"):
        columns(parsed, table)


def test_what_was_made_of_columns_is_told(tmp_path: Path) -> None:
    assert columns(*data(tmp_path)).fit(TRAIN).rules == (
        "column 'age': StringLookup, 4 values, 3 known",
        "column 'city': StringLookup, 6 values, 3 known",
        "column 'job': Hashing, 5 values",
    )


def network(folder: Path, **more: Any) -> Any:
    from regsweep_trainer.models.network import Network

    parsed, table = data(folder, **more)
    made = Network(parsed, table.head, columns(parsed, table).inputs, 2)
    made.reset(7, 3)
    return made


def test_the_optimizer_is_the_estimators(tmp_path: Path) -> None:
    """Adagrad, learning rate 0.05, accumulators that begin with 0.1: its first step by hand."""
    parsed, table = data(tmp_path)
    net, x = network(tmp_path), columns(parsed, table).fit(TRAIN).encode(np.arange(ROWS))
    y = table.target.astype(np.float32)
    kernel, hidden = net.kernels()["output"][:, 0].astype(float), net.kernels()["hidden0"].astype(float)
    activation = np.maximum(x @ hidden, 0)
    gradient = activation.T @ (1 / (1 + np.exp(-activation @ kernel)) - y) / ROWS
    assert parsed.learning_rate == 0.05
    net.train_epoch(x, y, np.arange(ROWS), None, parsed.learning_rate)
    expected = kernel - 0.05 * gradient / np.sqrt(0.1 + gradient**2)
    np.testing.assert_allclose(net.kernels()["output"][:, 0], expected, rtol=1e-4, atol=1e-6)


def test_embeddings_begin_as_the_estimators_and_learn(tmp_path: Path) -> None:
    more: dict[str, Any] = {"columns": {**COLUMNS, "job": {"kind": "hashed", "bins": 400, "embedding": 16}}}
    net = network(tmp_path, **more)
    parsed, table = data(tmp_path, **more)
    (layer,) = net._built.embeddings.values()
    before = layer.embeddings.numpy()
    assert before.std() == pytest.approx(16**-0.5 * 0.88, rel=0.05)  # truncated at two standard deviations
    x = columns(parsed, table).fit(TRAIN).encode(np.arange(ROWS))
    net.train_epoch(x, table.target.astype(np.float32), np.arange(ROWS), None, 0.05)
    after = layer.embeddings.numpy()
    moved = np.flatnonzero(np.any(before != after, axis=1))
    assert set(moved) == set(x[:, -1].astype(int))
    net.reset(7, 3)
    np.testing.assert_array_equal(layer.embeddings.numpy(), before)


def test_the_penalty_is_of_embeddings_too(tmp_path: Path) -> None:
    net = network(tmp_path, l2=0.5, columns={**COLUMNS, "city": {"kind": "categorical", "embedding": 3}})
    (layer,) = net._built.embeddings.values()
    kernels = [*net.kernels().values(), layer.embeddings.numpy()]
    assert net.regularization_loss() == pytest.approx(0.5 * sum(np.square(k).sum() for k in kernels), rel=1e-5)
