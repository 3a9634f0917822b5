"""Intervals: for this data set and for new data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regsweep.core.stats.intervals import (
    APPROXIMATE_NOTE,
    FEW_REPLICATES_NOTE,
    KFOLD_NOTE,
    Resampling,
    ResamplingKind,
    given_data,
    new_data,
)
from regsweep.core.stats.moderation import Floats

VALUES = np.array([0.31, 0.28, 0.35, 0.30, 0.29, 0.33])


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
    ("resampling", "factor", "approximate"),
    [
        pytest.param(
            Resampling(val_rows_per_train_row=0.25), 1 / 6 + 0.25, False, id="Nadeau and Bengio: 1/n + n_val/n_train"
        ),
        pytest.param(
            Resampling(val_rows_per_train_row=1.0), 1 / 6 + 1, True, id="as many val as train rows: approximate"
        ),
        pytest.param(
            Resampling(ResamplingKind.REPEATED_KFOLD, 3),
            1 / 6 + 1 / 2,
            True,
            id="3 folds twice: 1/(kr) + 1/(k-1), Bouckaert and Frank",
        ),
        pytest.param(Resampling(ResamplingKind.KFOLD, 6), 1 / 6 + 1 / 5, True, id="6 folds once"),
    ],
)
def test_the_interval_for_new_data(resampling: Resampling, factor: float, approximate: bool) -> None:
    interval = new_data(VALUES, resampling)
    assert interval is not None
    assert interval.standard_error == pytest.approx(float(np.sqrt(VALUES.var(ddof=1) * factor)), rel=1e-9)
    assert (interval.low, interval.high) == pytest.approx(t_interval(VALUES, VALUES.var(ddof=1) * factor, 5), rel=1e-9)
    assert interval.approximate is approximate


@pytest.mark.parametrize("n", [1, 2])
def test_no_interval_below_three_replicates(n: int) -> None:
    assert given_data(VALUES[:n]) is None
    assert new_data(VALUES[:n], Resampling(val_rows_per_train_row=0.2)) is None


def test_no_interval_for_new_data_without_the_numbers_of_rows() -> None:
    assert new_data(VALUES, Resampling()) is None


def test_what_is_weak_about_an_interval_is_noted() -> None:
    few = given_data(VALUES[:4])
    folds = given_data(VALUES, Resampling(ResamplingKind.KFOLD, 6))
    large = new_data(VALUES, Resampling(val_rows_per_train_row=0.6))
    assert few is not None and folds is not None and large is not None
    assert (few.notes, folds.notes, large.notes) == ((FEW_REPLICATES_NOTE,), (KFOLD_NOTE,), (APPROXIMATE_NOTE,))


@pytest.mark.parametrize(
    ("kind", "folds", "message"),
    [
        pytest.param(ResamplingKind.HOLDOUT, 5, "folds belong to KFold", id="folds without k-fold"),
        pytest.param(ResamplingKind.KFOLD, None, "needs folds of 2 or more", id="k-fold without folds"),
        pytest.param(ResamplingKind.REPEATED_KFOLD, 1, "but got 1", id="one fold"),
    ],
)
def test_folds_and_kind_must_go_together(kind: ResamplingKind, folds: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resampling(kind, folds)
