"""Splits: disjoint and whole, stratified, test rows never moved by a replicate, val never moved by a cap on training rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_trainer.dataset import Dataset
from regsweep_trainer.errors import BadDataError
from regsweep_trainer.preparation import fixed_sample, prepare
from regsweep_trainer.sources import load_bundled
from regsweep_trainer.splits import Splits, split, stratified_order


def classes(*counts: int) -> Dataset:
    target = np.repeat(np.arange(len(counts)), counts).astype(float)
    features = np.arange(len(target), dtype=float).reshape(-1, 1)
    return Dataset("made", features, target, tuple(f"c{i}" for i in range(len(counts))))


def divide(data: Dataset, split_seed: int = 1, **changes: object) -> Splits:
    options = {"test_seed": 0, "val_fraction": 0.4, "test_fraction": 0.2, "train_rows": None, **changes}
    return split(data, split_seed=split_seed, **options)  # type: ignore[arg-type]  # keyword arguments of any one of them


sizes = st.lists(st.integers(30, 120), min_size=2, max_size=4)
seeds = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=60)
@given(sizes, seeds, st.floats(0.2, 0.7), st.floats(0, 0.5))
def test_every_row_is_in_exactly_one_part(counts: list[int], seed: int, val: float, test: float) -> None:
    data = classes(*counts)
    parts = divide(data, seed, val_fraction=val, test_fraction=test)
    together = np.concatenate([parts.train, parts.stop, parts.val, parts.test])
    assert np.array_equal(np.sort(together), np.arange(data.rows))
    assert len(parts.test) == round(test * data.rows)
    assert len(parts.val) - len(parts.stop) in (0, 1)


@settings(deadline=None, max_examples=60)
@given(sizes, seeds)
def test_parts_have_the_classes_in_proportion(counts: list[int], seed: int) -> None:
    data = classes(*counts)
    assert data.labels is not None
    parts = divide(data, seed)
    for rows in (parts.train, parts.stop, parts.val, parts.test):
        expected = np.array(counts) * len(rows) / data.rows
        assert np.abs(np.bincount(data.labels[rows], minlength=len(counts)) - expected).max() <= len(counts) + 1


@settings(deadline=None, max_examples=40)
@given(seeds, seeds)
def test_test_rows_do_not_depend_on_the_replicate(one: int, other: int) -> None:
    data = classes(60, 40)
    assert np.array_equal(divide(data, one).test, divide(data, other).test)
    assert one == other or not np.array_equal(divide(data, one).train, divide(data, other).train)


def test_test_rows_depend_on_test_seed_and_on_the_data() -> None:
    data = classes(60, 40)
    changed = Dataset("made", data.features + 1, data.target, data.classes)
    assert not np.array_equal(divide(data).test, divide(data, test_seed=1).test)
    assert not np.array_equal(divide(data).test, divide(changed).test)


@pytest.mark.parametrize("train_rows", [10, 20, 40, 10_000])
def test_a_cap_on_training_rows_leaves_all_else_as_it_is(train_rows: int) -> None:
    data = classes(60, 60)
    whole, capped = divide(data), divide(data, train_rows=train_rows)
    assert len(capped.train) == min(train_rows, len(whole.train))
    assert set(capped.train) <= set(whole.train)
    assert data.labels is not None
    assert abs(data.labels[capped.train].mean() - 0.5) <= 0.1
    for part in ("stop", "val", "test"):
        assert np.array_equal(getattr(capped, part), getattr(whole, part))


def test_a_smaller_cap_is_a_part_of_a_larger_one() -> None:
    data = classes(60, 60)
    assert set(divide(data, train_rows=10).train) < set(divide(data, train_rows=30).train)


def test_marks_decide_test_and_val_rows() -> None:
    data = classes(20, 20)
    marks = tuple(("train", "train", "val", "test")[row % 4] for row in range(40))
    marked = Dataset("made", data.features, data.target, data.classes, marks)
    for seed in (1, 2):
        parts = divide(marked, seed)
        assert [row % 4 for row in parts.test] == [3] * 10
        assert {int(row) % 4 for row in (*parts.stop, *parts.val)} == {2}
        assert len(parts.train) == 20


def test_without_marked_val_rows_train_is_divided() -> None:
    data = classes(20, 20)
    marked = Dataset("made", data.features, data.target, data.classes, ("train",) * 30 + ("test",) * 10)
    assert divide(marked).counts == {"train": 18, "stop": 6, "val": 6, "test": 10}


@pytest.mark.parametrize(
    ("data", "changes", "says"),
    [
        pytest.param(classes(3, 3), {}, r"too few rows \(6\): stop would have 1, at least 2", id="too few rows"),
        pytest.param(classes(50, 50), {"val_fraction": 0.999}, "train would have 0", id="nothing left to train on"),
        pytest.param(classes(50, 1), {}, r"class 'c1' of the target has 1 rows in all and none in", id="a rare class"),
        pytest.param(classes(300, 12), {"train_rows": 4}, "none in train", id="a cap that loses a class"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(data: Dataset, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        divide(data, **changes)


def test_a_regression_is_shuffled() -> None:
    rows = np.arange(100)
    order = stratified_order(rows, None, 3)
    assert sorted(order) == list(rows)
    assert list(order) != list(rows)


def test_standardisation_is_fitted_on_train_alone() -> None:
    data = load_bundled("diabetes")
    parts = divide(data)
    prepared = prepare(data, parts)
    assert prepared.train.x.dtype == np.float32
    np.testing.assert_allclose(prepared.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.train.x.std(axis=0), 1, atol=1e-5)
    assert np.abs(prepared.val.x.mean(axis=0)).max() > 0.01
    assert prepared.target_mean == pytest.approx(data.target[parts.train].mean())
    np.testing.assert_allclose(
        prepared.target_mean + prepared.target_scale * prepared.val.y.astype(float), prepared.val.target, rtol=1e-5
    )


def test_a_column_that_is_constant_in_train_stays_finite() -> None:
    data = Dataset("made", np.full((40, 1), 0.1), (np.arange(40) % 2).astype(float), ("a", "b"))
    assert np.isfinite(prepare(data, divide(data)).train.x).all()


def test_the_live_sample_is_fixed_and_bounded() -> None:
    data = classes(3000, 3000)
    train = prepare(data, divide(data)).train
    sample = fixed_sample(train, 2000)
    assert len(sample.y) == len(sample.x) == len(sample.target) == 2000
    assert np.array_equal(sample.x, fixed_sample(train, 2000).x)
    assert abs(sample.y.mean() - 0.5) < 0.05
    assert fixed_sample(train, 10_000) is train
