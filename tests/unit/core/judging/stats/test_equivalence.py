"""The correlated Bayesian t test against baycomp's figures, to 1e-9, and what holds of any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regsweep.api.analysis import Equivalence
from regsweep.core.judging.stats.equivalence import equivalences

BEST = [0.25, 0.26, 0.33, 0.30, 0.31, 0.27, 0.30, 0.29, 0.28, 0.27]
OTHER = [0.31, 0.27, 0.40, 0.35, 0.29, 0.33, 0.38, 0.30, 0.36, 0.28]


def beside(
    best: list[float], other: list[float], ratio: float, minimum: float, *, paired: bool = True
) -> Equivalence | None:
    """The other beside the best."""
    return equivalences(np.array([best, other]), 0, np.array([ratio, ratio]), minimum, paired)[1]


@pytest.mark.parametrize(
    ("n", "ratio", "minimum", "expected"),
    [
        # baycomp 1.0.3: CorrelatedTTest(best, other, rope=minimum, runs).probs()
        pytest.param(
            5, 1 / 4, 0.02, (0.050175886096515285, 0.25502660708142233, 0.6947975068220624), id="five folds, one run"
        ),
        pytest.param(
            10, 1 / 9, 0.05, (0.00016887714518777747, 0.7029806701250925, 0.29685045272971977), id="ten folds, one run"
        ),
        pytest.param(
            10, 1 / 4, 0.02, (0.008638919422731381, 0.16257302418239927, 0.8287880563948693), id="five folds, two runs"
        ),
        pytest.param(
            10, 1 / 4, 0.1, (4.282584473096387e-05, 0.9898636760732025, 0.01009349808206661), id="a wide region"
        ),
        # Posterior(mean, var * (1 / n + ratio), n - 1, minimum).probs(), for splits that are no folds
        pytest.param(10, 0.3, 0.02, (0.011742889711128508, 0.1747491226811635, 0.813507987607708), id="a holdout"),
        pytest.param(
            10,
            0.25 / 0.6,
            0.01,
            (0.03807519247865995, 0.08907936129782457, 0.8728454462235155),
            id="a third is held out",
        ),
    ],
)
def test_the_probabilities_are_those_of_baycomp(
    n: int, ratio: float, minimum: float, expected: tuple[float, float, float]
) -> None:
    found = beside(BEST[:n], OTHER[:n], ratio, minimum)
    assert found is not None
    assert (found.better, found.equivalent, found.worse) == pytest.approx(expected, abs=1e-9)


TABLES = arrays(np.float64, (3, 6), elements=st.floats(-2, 2, allow_nan=False))


@given(TABLES, st.floats(0.01, 1), st.floats(0.01, 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_they_add_up_to_1_and_turn_round_with_the_roles(
    losses: np.ndarray[tuple[int, int], np.dtype[np.float64]], ratio: float, minimum: float, paired: bool
) -> None:
    ratios = np.full(3, ratio)
    one = equivalences(losses, 0, ratios, minimum, paired)[1]
    other = equivalences(losses, 1, ratios, minimum, paired)[0]
    assert one is not None and other is not None
    assert one.better + one.equivalent + one.worse == pytest.approx(1, abs=1e-12)
    assert min(one.better, one.equivalent, one.worse) >= 0
    assert (one.better, one.worse) == pytest.approx((other.worse, other.better), abs=1e-9)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        pytest.param(0.0, (0, 1, 0), id="equal in every replicate"),
        pytest.param(0.25, (0, 0, 1), id="worse by the same in every replicate"),
        pytest.param(-0.25, (1, 0, 0), id="better by the same"),
        pytest.param(0.125, (0, 1, 0), id="just as much as is too small to matter"),
    ],
)
def test_differences_without_noise_leave_no_doubt(shift: float, expected: tuple[int, int, int]) -> None:
    best = [0.5, 0.75, 1.0]  # halves and quarters, so that differences are exact
    found = beside(best, [each + shift for each in best], 0.25, 0.125)
    assert found is not None and (found.better, found.equivalent, found.worse) == expected


@pytest.mark.parametrize(
    ("other", "ratio"),
    [
        pytest.param([0.3, 0.4, np.nan, np.nan], 0.25, id="two replicates in common"),
        pytest.param([0.3, 0.4, 0.3, 0.5], np.nan, id="the numbers of rows are not known"),
    ],
)
def test_nothing_is_said_where_too_little_is_known(other: list[float], ratio: float) -> None:
    assert beside([0.2, 0.3, 0.2, 0.3], other, ratio, 0.01) is None


def test_a_combination_is_not_compared_with_itself() -> None:
    losses = np.array([BEST, OTHER, OTHER])
    assert [each is None for each in equivalences(losses, 1, np.full(3, 0.25), 0.01)] == [False, True, False]


def test_of_two_combinations_the_one_with_more_validation_rows_counts() -> None:
    losses = np.array([BEST, OTHER])
    mixed = equivalences(losses, 0, np.array([0.1, 0.4]), 0.01)[1]
    assert mixed == beside(BEST, OTHER, 0.4, 0.01) != beside(BEST, OTHER, 0.1, 0.01)
    assert equivalences(losses, 0, np.array([0.4, np.nan]), 0.01)[1] == mixed


def test_only_common_replicates_count() -> None:
    gap = [*OTHER[:5], np.nan, np.nan, np.nan, np.nan, np.nan]
    assert beside(BEST, gap, 0.25, 0.02) == beside(BEST[:5], OTHER[:5], 0.25, 0.02)


def test_unpaired_replicates_are_compared_by_welch() -> None:
    from scipy.stats import t as student

    a, b = np.array(BEST), np.array(OTHER)
    parts = [np.var(each, ddof=1) * (1 / 10 + 0.25) for each in (a, b)]
    df = sum(parts) ** 2 / sum(part**2 / 9 for part in parts)
    found = beside(BEST, OTHER, 0.25, 0.02, paired=False)
    expected = student.sf(0.02, df, b.mean() - a.mean(), np.sqrt(sum(parts)))
    assert found is not None and found.worse == pytest.approx(expected, abs=1e-12)
