"""Splits: disjoint and whole, stratified, test rows never moved by a replicate, val never moved by a cap on training rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.errors import BadDataError
from regsweep_kit.resampling import Fold
from regsweep_kit.splits import Division, Draw, Outline, Splits, split, stratified_order


def classes(*counts: int, marks: Sequence[str] | None = None) -> Outline:
    labels = np.repeat(np.arange(len(counts)), counts)
    return Outline("made", len(labels), "0f" * 32, labels, tuple(f"c{i}" for i in range(len(counts))), marks)


def divide(data: Outline, split_seed: int = 1, fold: Fold | None = None, **division: Any) -> Splits:
    return split(data, Division(**division), Draw(split_seed, fold))


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
    changed = replace(data, digest="1f" * 32)
    assert not np.array_equal(divide(data).test, divide(data, test_seed=1).test)
    assert not np.array_equal(divide(data).test, divide(changed).test)


@settings(deadline=None, max_examples=40)
@given(sizes, seeds, st.floats(0, 0.3), st.floats(0.04, 0.3), st.sampled_from([None, Fold(1, 3)]))
def test_audit_rows_are_set_aside_from_all_other_parts_and_the_same_in_every_replicate(
    counts: list[int], seed: int, test: float, audit: float, fold: Fold | None
) -> None:
    data = classes(*counts)
    assert data.labels is not None
    one = divide(data, seed, test_fraction=test, audit_fraction=audit, fold=fold)
    other = divide(data, seed + 1, test_fraction=test, audit_fraction=audit, fold=fold)
    together = np.concatenate([one.train, one.stop, one.val, one.test, one.audit])
    assert np.array_equal(np.sort(together), np.arange(data.rows))
    assert len(one.audit) == one.counts["audit"] == round(audit * data.rows)
    assert np.array_equal(one.audit, other.audit)
    assert np.array_equal(one.test, divide(data, seed, test_fraction=test).test)
    expected = np.array(counts) * len(one.audit) / data.rows
    assert np.abs(np.bincount(data.labels[one.audit], minlength=len(counts)) - expected).max() <= len(counts) + 1


def test_audit_rows_come_from_those_marked_train() -> None:
    marked = classes(20, 20, marks=("train", "train", "val", "test") * 10)
    parts = divide(marked, audit_fraction=0.1)
    assert parts.counts == {"train": 16, "stop": 5, "val": 5, "test": 10, "audit": 4}
    assert {int(row) % 4 for row in parts.audit} <= {0, 1}
    assert np.array_equal(parts.audit, divide(marked, 7, audit_fraction=0.1).audit)
    assert not np.array_equal(parts.audit, divide(marked, test_seed=1, audit_fraction=0.1).audit)


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
    marked = classes(20, 20, marks=("train", "train", "val", "test") * 10)
    for seed in (1, 2):
        parts = divide(marked, seed)
        assert [row % 4 for row in parts.test] == [3] * 10
        assert {int(row) % 4 for row in (*parts.stop, *parts.val)} == {2}
        assert len(parts.train) == 20


def test_without_marked_val_rows_train_is_divided() -> None:
    marked = classes(20, 20, marks=("train",) * 30 + ("test",) * 10)
    assert divide(marked).counts == {"train": 18, "stop": 6, "val": 6, "test": 10}


@pytest.mark.parametrize(
    ("data", "changes", "says"),
    [
        pytest.param(classes(3, 3), {}, r"too few rows \(6\): stop would have 1, at least 2", id="too few rows"),
        pytest.param(classes(50, 50), {"val_fraction": 0.999}, "train would have 0", id="nothing left to train on"),
        pytest.param(classes(50, 1), {}, r"class 'c1' of the target has 1 rows in all and none in", id="a rare class"),
        pytest.param(classes(300, 12), {"train_rows": 4}, "none in train", id="a cap that loses a class"),
        pytest.param(
            classes(50, 50),
            {"audit_fraction": 0.01},
            "audit would have 1, .* change val_fraction, test_fraction, audit_fraction or",
            id="an audit of one row",
        ),
        pytest.param(classes(50, 50), {"audit_fraction": 0.9}, "train would have 0", id="everything audited"),
        pytest.param(
            classes(20, 20),
            {"fold": Fold(0, 11)},
            r"stop in fold 1 of 11 would have 1, .*; change the number of folds,",
            id="a fold that is too small",
        ),
        pytest.param(
            classes(100, 5),
            {"fold": Fold(2, 5)},
            r"class 'c1' .* none in (stop|val) in fold 3 of 5 .* change train_rows, the number of folds",
            id="a fold that lacks a class",
        ),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(data: Outline, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        divide(data, **changes)


@settings(deadline=None, max_examples=60)
@given(sizes, seeds, st.integers(2, 7), st.floats(0, 0.3))
def test_over_the_folds_every_row_outside_test_validates_once(
    counts: list[int], seed: int, folds: int, test: float
) -> None:
    data = classes(*counts)
    parts = [divide(data, seed, test_fraction=test, fold=Fold(index, folds)) for index in range(folds)]
    validated = np.concatenate([np.concatenate([part.stop, part.val]) for part in parts])
    assert np.array_equal(np.sort(np.concatenate([validated, parts[0].test])), np.arange(data.rows))
    sizes_of_folds = [len(part.stop) + len(part.val) for part in parts]
    assert max(sizes_of_folds) - min(sizes_of_folds) <= 1
    for part in parts:
        assert np.array_equal(part.test, parts[0].test)
        together = np.concatenate([part.train, part.stop, part.val, part.test])
        assert np.array_equal(np.sort(together), np.arange(data.rows))
        assert len(part.val) - len(part.stop) in (0, 1)
        assert data.labels is not None
        expected = np.array(counts) * len(part.val) / data.rows
        assert np.abs(np.bincount(data.labels[part.val], minlength=len(counts)) - expected).max() <= len(counts) + 1


def test_val_fraction_is_ignored_with_folds() -> None:
    data, fold = classes(60, 40), Fold(1, 4)
    assert divide(data, fold=fold).counts == divide(data, fold=fold, val_fraction=0.9).counts


def test_a_cap_gives_every_fold_training_rows_of_its_own() -> None:
    data = classes(100, 100)
    capped = [set(divide(data, train_rows=20, fold=Fold(index, 4)).train) for index in range(4)]
    assert all(len(rows) == 20 for rows in capped)
    assert all(not capped[i] & capped[j] for i in range(4) for j in range(i))
    assert capped[0] < set(divide(data, train_rows=40, fold=Fold(0, 4)).train)


def test_marked_val_rows_contradict_folds() -> None:
    marked = classes(20, 20, marks=("train",) * 20 + ("val",) * 10 + ("test",) * 10)
    with pytest.raises(
        BadDataError, match=r"^10 rows of made are marked val, but .* 4 folds, in which every row outside test"
    ):
        divide(marked, fold=Fold(0, 4))


def test_marked_test_rows_are_outside_all_folds() -> None:
    marked = classes(20, 20, marks=("train", "train", "train", "test") * 10)
    for index in range(3):
        assert divide(marked, fold=Fold(index, 3)).counts == {"train": 20, "stop": 5, "val": 5, "test": 10}


def test_a_regression_is_shuffled() -> None:
    rows = np.arange(100)
    order = stratified_order(rows, None, 3)
    assert sorted(order) == list(rows)
    assert list(order) != list(rows)


def outer_folds(data: Outline, folds: int, split_seed: int = 1, **options: Any) -> list[Splits]:
    return [divide(data, split_seed, outer=Fold(index, folds), **options) for index in range(folds)]


@settings(deadline=None, max_examples=60)
@given(sizes, seeds, st.integers(2, 7), st.sampled_from([None, Fold(0, 3), Fold(2, 3)]), st.floats(0, 0.2))
def test_every_row_is_test_row_of_exactly_one_outer_fold(
    counts: list[int], seed: int, folds: int, fold: Fold | None, audit: float
) -> None:
    data = classes(*counts)
    assert data.labels is not None
    parts = outer_folds(data, folds, seed, fold=fold, audit_fraction=audit if round(audit * data.rows) > 1 else 0)
    assert np.array_equal(np.sort(np.concatenate([part.test for part in parts])), np.arange(data.rows))
    assert max(len(part.test) for part in parts) - min(len(part.test) for part in parts) <= 1
    for part in parts:
        together = np.concatenate([part.train, part.stop, part.val, part.test, part.audit])
        assert np.array_equal(np.sort(together), np.arange(data.rows))
        expected = np.array(counts) * len(part.test) / data.rows
        assert np.abs(np.bincount(data.labels[part.test], minlength=len(counts)) - expected).max() <= len(counts) + 1


@settings(deadline=None, max_examples=40)
@given(seeds, seeds, st.integers(2, 5))
def test_outer_folds_depend_on_the_data_and_test_seed_alone(one: int, other: int, folds: int) -> None:
    data = classes(60, 40)
    for index in range(folds):
        outer = Fold(index, folds)
        test = divide(data, one, outer=outer).test
        assert np.array_equal(test, divide(data, other, outer=outer, val_fraction=0.3, test_fraction=0.9).test)
        assert np.array_equal(test, divide(data, other, outer=outer, fold=Fold(1, 2), train_rows=20).test)
        assert not np.array_equal(test, divide(data, one, outer=outer, test_seed=1).test)
        assert not np.array_equal(test, divide(replace(data, digest="1f" * 32), one, outer=outer).test)


@settings(deadline=None, max_examples=60)
@given(sizes, seeds, st.integers(0, 2), st.sampled_from([None, Fold(0, 3), Fold(1, 2)]))
def test_inner_splits_are_those_of_the_data_without_the_outer_test_rows(
    counts: list[int], seed: int, index: int, fold: Fold | None
) -> None:
    """So they do not depend on what these rows contain."""
    data = classes(*counts)
    assert data.labels is not None
    whole = divide(data, seed, fold=fold, outer=Fold(index, 3))
    rest = np.setdiff1d(np.arange(data.rows), whole.test)
    without = replace(data, rows=len(rest), labels=data.labels[rest], digest="1f" * 32)
    alone = divide(without, seed, fold=fold, test_fraction=0)
    for part in ("train", "stop", "val"):
        assert np.array_equal(getattr(whole, part), rest[getattr(alone, part)])


def test_an_outer_fold_is_the_test_rows_of_that_fraction() -> None:
    data = classes(60, 40)
    assert np.array_equal(divide(data, outer=Fold(0, 5)).test, divide(data, test_fraction=0.2).test)


@pytest.mark.parametrize("mark", ["test", "val"])
def test_marked_test_or_val_rows_contradict_outer_folds(mark: str) -> None:
    marked = classes(20, 20, marks=("train", "train", "train", mark) * 10)
    with pytest.raises(
        BadDataError, match=f"^10 rows of made are marked {mark}, but .* 5 outer folds, in which every row"
    ):
        divide(marked, outer=Fold(0, 5))
    assert len(divide(classes(20, 20, marks=("train",) * 40), outer=Fold(0, 5)).test) == 8


@pytest.mark.parametrize(
    ("data", "folds", "says"),
    [
        pytest.param(
            classes(20, 20), 30, r"test in outer fold 11 of 30 would have 1, at least 2", id="some of one row"
        ),
        pytest.param(
            classes(6, 6), 12, r"test in outer fold 1 of 12 would have 1, .* the number of outer folds", id="one"
        ),
        pytest.param(
            classes(3, 3), 3, r"stop would have 1, .*; change val_fraction, the number of outer folds", id="rest"
        ),
    ],
)
def test_an_outer_fold_that_cannot_be_is_refused(data: Outline, folds: int, says: str) -> None:
    with pytest.raises(BadDataError, match=says):
        outer_folds(data, folds)
