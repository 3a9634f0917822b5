"""Intervals: for this data set and for new data."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy import stats

from regsweep.api.analysis import Interval
from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.intervals import (
    Estimand,
    Split,
    given_data,
    new_data,
    unpaired,
)
from regsweep.core.judging.stats.levels import rows_ratio
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.results.records import Environment, Outcome, Record

VALUES = np.array([0.31, 0.28, 0.35, 0.30, 0.29, 0.33])


def folds(kind: ResamplingKind, number: int) -> Resampling:
    return Resampling(kind=kind, folds=number)


def t_interval(values: Floats, variance: float, df: int) -> tuple[float, float]:
    low, high = stats.t.interval(0.95, df, loc=values.mean(), scale=np.sqrt(variance))
    return float(low), float(high)


def test_the_interval_for_this_data_set_is_students() -> None:
    interval = given_data(VALUES)
    assert interval is not None
    assert interval.standard_error == pytest.approx(float(stats.sem(VALUES)), rel=1e-9)
    assert (interval.low, interval.high) == pytest.approx(t_interval(VALUES, VALUES.var(ddof=1) / 6, 5), rel=1e-9)
    assert not interval.approximate


@pytest.mark.parametrize(
    ("split", "factor", "approximate"),
    [
        pytest.param(
            Split(val_rows_per_train_row=0.25), 1 / 6 + 0.25, False, id="Nadeau and Bengio: 1/n + n_val/n_train"
        ),
        pytest.param(Split(val_rows_per_train_row=1.0), 1 / 6 + 1, True, id="as many val as train rows: approximate"),
        pytest.param(
            Split(folds(ResamplingKind.REPEATED_KFOLD, 3)),
            1 / 6 + 1 / 2,
            True,
            id="3 folds twice: 1/(kr) + 1/(k-1), Bouckaert and Frank",
        ),
        pytest.param(Split(folds(ResamplingKind.KFOLD, 6)), 1 / 6 + 1 / 5, True, id="6 folds once"),
    ],
)
def test_the_interval_for_new_data(split: Split, factor: float, approximate: bool) -> None:
    interval = new_data(VALUES, split)
    assert interval is not None
    assert interval.standard_error == pytest.approx(float(np.sqrt(VALUES.var(ddof=1) * factor)), rel=1e-9)
    assert (interval.low, interval.high) == pytest.approx(t_interval(VALUES, VALUES.var(ddof=1) * factor, 5), rel=1e-9)
    assert interval.approximate is approximate


@pytest.mark.parametrize("n", [1, 2])
def test_no_interval_below_three_replicates(n: int) -> None:
    assert given_data(VALUES[:n]) is None
    assert new_data(VALUES[:n], Split(val_rows_per_train_row=0.2)) is None


def test_no_interval_for_new_data_without_the_numbers_of_rows() -> None:
    assert new_data(VALUES, Split()) is None


def test_an_interval_that_rests_on_more_than_its_formula_was_tried_for_is_approximate() -> None:
    plain = new_data(VALUES, Split(val_rows_per_train_row=0.5))
    by_fold = given_data(VALUES, Split(folds(ResamplingKind.KFOLD, 6)))
    large = new_data(VALUES, Split(val_rows_per_train_row=0.6))
    assert plain is not None and by_fold is not None and large is not None
    assert (plain.approximate, by_fold.approximate, large.approximate) == (False, True, True)


def interval(mean: float, low: float, high: float) -> Interval:
    return Interval(mean=mean, standard_error=0.1, low=low, high=high)


@pytest.mark.parametrize(
    ("found", "bounds", "ends", "cut"),
    [
        pytest.param(interval(0.9, 0.7, 1.1), (0, 1), (0.7, 1), True, id="an accuracy is at most 1"),
        pytest.param(interval(0.1, -0.08, 0.3), (0, 1), (0, 0.3), True, id="and at least 0"),
        pytest.param(interval(0.1, -0.1, 0.3), (0, inf), (0, 0.3), True, id="a loss is at least 0"),
        pytest.param(interval(0.5, 0.4, 0.6), (0, 1), (0.4, 0.6), False, id="nothing to cut"),
        pytest.param(interval(-2, -3, 1), (0, inf), (-3, 1), False, id="bounds that do not hold cut nothing"),
        pytest.param(interval(0.1, -9, 9), (-inf, inf), (-9, 9), False, id="no bounds"),
    ],
)
def test_an_interval_is_cut_at_what_the_metric_can_be(
    found: Interval, bounds: tuple[float, float], ends: tuple[float, float], cut: bool
) -> None:
    shown = cut_to(found, *bounds)
    assert ((shown.low, shown.high), shown.cut) == (ends, cut)
    assert (shown.mean, shown.standard_error) == (found.mean, found.standard_error)


def environment(train: int | None, val: int | None) -> Record:
    return Record("key", 0, Outcome.OK, "run", environment=Environment(train_rows=train, val_rows=val))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([environment(400, 100), environment(400, 100)], 0.25, id="as the records say"),
        pytest.param([environment(400, 100), environment(400, 200)], 0.375, id="their mean where replicates differ"),
        pytest.param([environment(400, 100), environment(None, None)], 0.25, id="unknown ones are passed over"),
        pytest.param([environment(None, 100)], None, id="not known without the training rows"),
        pytest.param([environment(0, 100)], None, id="no training rows are no ratio"),
        pytest.param([], None, id="no record"),
    ],
)
def test_the_ratio_of_rows_comes_from_the_records(records: list[Record], expected: float | None) -> None:
    assert rows_ratio(records) == expected


def test_an_unpaired_difference_has_welchs_interval() -> None:
    one, other = VALUES, 3 * VALUES[:4]
    interval = unpaired(Estimand.GIVEN_DATA, one, other, Split())
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_an_unpaired_difference_for_new_data_adds_the_ratio_to_each_mean() -> None:
    interval = unpaired(Estimand.NEW_DATA, VALUES + 0.1, VALUES[::-1], Split(val_rows_per_train_row=0.25))
    assert interval is not None
    assert interval.mean == pytest.approx(0.1)
    assert interval.standard_error == pytest.approx(np.sqrt(2 * VALUES.var(ddof=1) * (1 / 6 + 0.25)), rel=1e-9)
    assert unpaired(Estimand.NEW_DATA, VALUES, VALUES, Split()) is None
    assert unpaired(Estimand.GIVEN_DATA, VALUES, VALUES[:2], Split()) is None


def test_replicates_that_are_all_equal_do_not_tell_how_sure_they_are() -> None:
    """Five accuracies of 1 are no proof of an accuracy between 1 and 1."""
    saturated = np.ones(5)
    assert given_data(saturated) is None
    assert new_data(saturated, Split(val_rows_per_train_row=0.25)) is None
    assert unpaired(Estimand.GIVEN_DATA, saturated, saturated, Split()) is None
    assert given_data(np.array([1, 1, 1, 1, 0.99])) is not None


def test_equal_values_are_equal_whatever_their_mean_is_rounded_to() -> None:
    assert given_data(np.full(7, 0.1)) is None
