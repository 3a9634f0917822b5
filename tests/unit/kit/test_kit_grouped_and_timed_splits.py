"""Groups are in one part alone; rows in order of time are trained on before they are validated and tested on."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regsweep_kit.errors import BadDataError
from regsweep_kit.groupsplits import split_groups
from regsweep_kit.resampling import Fold
from regsweep_kit.splits import Division, Draw, Outline, Splits, split
from regsweep_kit.timesplits import split_in_time

PARTS = ("train", "stop", "val", "test", "audit")


def outline(rows: int, labels: np.ndarray | None = None, **more: object) -> Outline:
    return Outline("t", rows, "d" * 64, labels, () if labels is None else ("a", "b"), **more)  # type: ignore[arg-type]


def disjoint_and_complete(splits: Splits, rows: int) -> bool:
    return sorted(np.concatenate([getattr(splits, part) for part in PARTS]).tolist()) == list(range(rows))


divisions = st.builds(
    Division,
    val_fraction=st.floats(0.2, 0.6),
    test_fraction=st.floats(0, 0.3),
    audit_fraction=st.sampled_from([0.0, 0.2]),
)
draws = st.builds(Draw, st.integers(0, 9), st.none() | st.integers(0, 2).map(lambda index: Fold(index, 3)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=40, max_size=120), divisions, draws)
def test_no_group_is_in_two_parts(values: list[int], division: Division, draw: Draw) -> None:
    groups = np.unique(values, return_inverse=True)[1].astype(np.int64)
    try:
        splits = split_groups(outline(len(groups)), groups, division, draw)
    except BadDataError as error:
        assert "too few rows" in str(error)
        return
    assert disjoint_and_complete(splits, len(groups))
    for one, other in combinations(PARTS, 2):
        assert not set(groups[getattr(splits, one)].tolist()) & set(groups[getattr(splits, other)].tolist())


@settings(deadline=None)
@given(st.integers(30, 90), divisions, draws)
def test_groups_of_one_row_each_are_split_as_rows_are(rows: int, division: Division, draw: Draw) -> None:
    try:
        alone = split(outline(rows), division, draw)
    except BadDataError:
        assume(False)
    grouped = split_groups(outline(rows), np.arange(rows), division, draw)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(grouped, part), getattr(alone, part))


def test_fewer_training_rows_of_groups_are_a_subset_and_nothing_else_changes() -> None:
    groups = np.repeat(np.arange(30), 4)
    whole, many, few = (
        split_groups(outline(120), groups, Division(train_rows=most), Draw(1)) for most in (None, 30, 10)
    )
    assert set(few.train) < set(many.train) < set(whole.train)
    assert len(few.train) == 10
    np.testing.assert_array_equal(few.val, whole.val)


def test_rows_of_a_group_that_are_marked_differently_are_refused() -> None:
    marks = ["train"] * 8 + ["val"] * 8 + ["train", "val"]
    groups = np.array([*range(16), 16, 16])
    with pytest.raises(BadDataError, match="row 18 is marked val, and another row of its group train; mark all rows"):
        split_groups(outline(18, marks=marks), groups, Division(), Draw(1))


def test_groups_are_stratified_by_their_most_frequent_class() -> None:
    groups = np.repeat(np.arange(40), 3)
    labels = np.where(groups < 20, 0, 1)
    labels[::3] = 0  # the first row of each group
    splits = split_groups(outline(120, labels), groups, Division(), Draw(1))
    for part in ("train", "stop", "val", "test"):
        share = (groups[getattr(splits, part)] < 20).mean()
        assert share == pytest.approx(0.5, abs=0.15)


def test_other_strata_than_the_classes() -> None:
    strata = np.arange(100) % 4
    splits = split(outline(100, np.arange(100) // 50, strata=strata), Division(), Draw(1))
    for part in ("train", "stop", "val", "test"):
        counts = np.bincount(strata[getattr(splits, part)], minlength=4)
        assert counts.max() - counts.min() <= 1


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=20, max_size=120),
    divisions.filter(lambda division: division.audit_fraction == 0),
    draws,
)
def test_each_part_lies_before_the_next_one(values: list[int], division: Division, draw: Draw) -> None:
    times = np.array(values, float)
    try:
        splits = split_in_time(outline(len(times)), times, division, draw)
    except BadDataError as error:
        assert "too few rows" in str(error)
        return
    for one, other in combinations(("train", "stop", "val", "test"), 2):
        earlier, later = times[getattr(splits, one)], times[getattr(splits, other)]
        if len(later):
            assert earlier.max() < later.min()
    if draw.fold is None:
        assert disjoint_and_complete(splits, len(times))


def test_folds_in_time_train_on_all_that_comes_before() -> None:
    times = np.arange(100.0)[::-1]
    folds = [split_in_time(outline(100), times, Division(test_fraction=0.2), Draw(1, Fold(k, 3))) for k in range(3)]
    assert [len(fold.train) for fold in folds] == [20, 40, 60]
    assert [len(fold.stop) + len(fold.val) for fold in folds] == [20, 20, 20]
    assert all(set(fold.test) == set(range(20)) for fold in folds)


def test_fewer_training_rows_in_time_are_the_last_ones() -> None:
    splits = split_in_time(outline(100), np.arange(100.0), Division(train_rows=7), Draw(1))
    assert splits.train.tolist() == list(range(41, 48))


def test_outer_folds_are_not_for_rows_in_order_of_time() -> None:
    with pytest.raises(BadDataError, match="t is in order of time, but REGSWEEP_RESAMPLING asks for 5 outer folds"):
        split_in_time(outline(100), np.arange(100.0), Division(outer=Fold(0, 5)), Draw(1))
