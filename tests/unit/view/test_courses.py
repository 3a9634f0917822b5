"""Learning curves: means over replicates that are there, and gaps where nothing is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.view.courses import MOST_POINTS, Point, course_of, mean_curve, thinned
from regsweep.view.figures.curves import curves_picture


def test_the_mean_ends_where_the_first_replicate_ends() -> None:
    """Beyond that it would be a mean of others, and jump."""
    curves = {0: [(1, 1.0), (2, 2.0), (3, 3.0)], 1: [(1, 3.0), (2, 4.0)]}
    assert mean_curve(curves) == [(1, 2.0), (2, 3.0)]
    assert mean_curve({}) == ()


def test_what_is_no_number_leaves_a_gap_at_its_epoch() -> None:
    points = [Point(0, 1, 1.0), Point(0, 2, math.nan), Point(0, 3, math.inf), Point(0, 4, 2.0)]
    assert course_of("loss", {"val_loss": points}).val == {0: [(1, 1.0), (4, 2.0)]}


def test_an_epoch_that_comes_twice_counts_once_with_its_last_value() -> None:
    points = [Point(0, 2, 1.0), Point(0, 1, 5.0), Point(0, 2, 3.0)]
    assert course_of("loss", {"train_loss": points}).train == {0: [(1, 5.0), (2, 3.0)]}


@given(st.integers(1, 2000))
def test_a_thinned_curve_keeps_its_ends_and_its_order(length: int) -> None:
    curve = [(epoch, 1.0) for epoch in range(length)]
    found = thinned(curve)
    assert len(found) == min(length, MOST_POINTS)
    assert (found[0], found[-1]) == (curve[0], curve[-1])
    assert list(found) == sorted(set(found))


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        (
            [1.0, 0.5],
            [1.0, 0.8],
            "At epoch 2 train is 0.5 and validation 0.8, the gap between them 0.3; one replicate.",
        ),
        ([], [1.0, 0.8], "At epoch 2 validation is 0.8; one replicate."),
        ([1.0, 0.5], [], "At epoch 2 train is 0.5; one replicate."),
    ],
)
def test_a_picture_says_in_words_what_it_shows(train: list[float], val: list[float], words: str) -> None:
    points = {
        f"{split}_loss": [Point(0, epoch, value) for epoch, value in enumerate(values, 1)]
        for split, values in (("train", train), ("val", val))
    }
    picture = curves_picture("x", "l2=0", course_of("loss", points))
    assert picture is not None
    assert picture.caption == words


@pytest.mark.parametrize(
    "points", [{}, {"val_loss": [Point(0, 1, 0.5)]}, {"val_loss": [Point(0, k, math.nan) for k in range(9)]}]
)
def test_one_point_is_no_curve(points: dict[str, list[Point]]) -> None:
    assert curves_picture("x", "l2=0", course_of("loss", points)) is None


def test_a_picture_in_which_losses_differ_a_hundredfold_is_in_ratios() -> None:
    steep = {"val_loss": [Point(0, epoch, 10.0**-epoch) for epoch in range(1, 6)]}
    picture = curves_picture("x", "l2=0", course_of("loss", steep))
    assert picture is not None
    assert "10" in picture.svg
