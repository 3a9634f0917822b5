"""Six significant digits, in whatever model a figure stands."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.analysis import (
    Analysis,
    Comparison,
    Effects,
    FinalEvaluation,
    FinalResult,
    Fit,
    Interval,
    Levels,
    Share,
)
from regsweep.api.findings import Finding, FindingType
from regsweep.api.status import Estimate, RankedResult
from regsweep.core.rounding import in_six_digits, rounded, six_digits

LONG, SHORT = 0.123456789, 0.123457
INTERVAL = Interval(mean=LONG, standard_error=LONG, low=LONG, high=LONG)
ROUNDED = Interval(mean=SHORT, standard_error=SHORT, low=SHORT, high=SHORT)


def test_figures_are_rounded_wherever_they_stand_in_a_model() -> None:
    share = Share(flags=["l2"], eta_squared=LONG, expected_share=LONG)
    result = FinalResult(label="x", roles=[], replicates=3, loss=INTERVAL, metrics={"test_auc": LONG})
    found = in_six_digits(
        Analysis(
            best=Levels(given_data=INTERVAL),
            comparisons=[Comparison(label="x", tied=True, fit=Fit.BALANCED, difference=LONG)],
            effects=Effects(shares=[share]),
            final=FinalEvaluation(results=[result], difference=INTERVAL),
            findings=[Finding(type=FindingType.NO_BETTER_THAN_PRIOR, loss=LONG, prior_loss=LONG)],
        )
    )
    assert found == Analysis(
        best=Levels(given_data=ROUNDED),
        comparisons=[Comparison(label="x", tied=True, fit=Fit.BALANCED, difference=SHORT)],
        effects=Effects(shares=[Share(flags=["l2"], eta_squared=SHORT, expected_share=SHORT)]),
        final=FinalEvaluation(
            results=[FinalResult(label="x", roles=[], replicates=3, loss=ROUNDED, metrics={"test_auc": SHORT})],
            difference=ROUNDED,
        ),
        findings=[Finding(type=FindingType.NO_BETTER_THAN_PRIOR, loss=SHORT, prior_loss=SHORT)],
    )


def test_what_a_person_gave_and_what_is_counted_stay_as_they_are() -> None:
    given_values = {"l2": 0.123456789, "units": [1234567, 0.987654321]}
    result = RankedResult(flags=given_values, label="l2=0.123456789", objective=Estimate(mean=LONG), replicates=1234567)
    found = in_six_digits(result)
    assert (found.flags, found.replicates) == (given_values, 1234567)
    assert found.objective == Estimate(mean=SHORT)
    edge = Finding(type=FindingType.AT_GRID_EDGE, value=0.123456789, suggestion=1048577)
    assert in_six_digits(edge) == edge


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_rounding_changes_nothing_twice_and_little_once(value: float) -> None:
    assert six_digits(six_digits(value)) == six_digits(value)
    assert math.isclose(six_digits(value), value, rel_tol=5.1e-6, abs_tol=1e-320)


@pytest.mark.parametrize(("value", "expected"), [(None, None), (math.nan, None), (math.inf, None), (LONG, SHORT)])
def test_what_is_no_number_is_absent(value: float | None, expected: float | None) -> None:
    assert rounded(value) == expected
