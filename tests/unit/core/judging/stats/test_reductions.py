"""Shares with Fieller's interval, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from regsweep.api.spec import EpochChoice
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.reductions import ratio_of_means, reduction

BEST = np.array([0.10, 0.13, 0.09, 0.16, 0.12])
PLAIN = np.array([0.20, 0.27, 0.19, 0.30, 0.21])


def statistic(ratio: float, one: Floats, other: Floats) -> float:
    """Of the hypothesis that one's mean is the ratio times the other's: what Fieller's interval inverts."""
    gaps = one - ratio * other
    return float(abs(gaps.mean()) / (gaps.std(ddof=1) / np.sqrt(len(gaps))))


def test_the_ends_are_where_a_paired_t_test_of_the_ratio_turns() -> None:
    found = ratio_of_means(BEST, PLAIN)
    assert found is not None and found.value == pytest.approx(BEST.mean() / PLAIN.mean(), abs=1e-12)
    limit = float(student.ppf(0.975, 4))
    assert [statistic(end, BEST, PLAIN) for end in (found.low, found.high)] == pytest.approx([limit, limit], abs=1e-9)
    assert found.low < found.value < found.high


def test_a_share_is_cut_by_what_the_ratio_leaves() -> None:
    found, ratio = reduction("val_average_loss", EpochChoice.LAST, BEST, PLAIN), ratio_of_means(BEST, PLAIN)
    assert found is not None and ratio is not None
    assert (found.share, found.low, found.high) == pytest.approx((1 - ratio.value, 1 - ratio.high, 1 - ratio.low))


@pytest.mark.parametrize(
    ("metric", "less", "most"),
    [
        pytest.param("val_average_loss", 0.0, 1.0, id="a loss is never below 0"),
        pytest.param("val_average_loss", 0.011, None, id="one that is below 0, as that of a density, is cut by more"),
        pytest.param("overfit_gap", 0.0, None, id="a gap may be below 0"),
    ],
)
def test_a_loss_is_not_cut_by_more_than_all_of_it(metric: str, less: float, most: float | None) -> None:
    best = np.array([0.01, 0.05, 0.02]) - less
    found, ratio = reduction(metric, EpochChoice.LAST, best, PLAIN[:3]), ratio_of_means(best, PLAIN[:3])
    assert found is not None and ratio is not None and ratio.low < 0
    assert found.high == (most or 1 - ratio.low)


@pytest.mark.parametrize(
    ("best", "plain"),
    [
        pytest.param(BEST[:2], PLAIN[:2], id="two replicates"),
        pytest.param(BEST, PLAIN - PLAIN.mean(), id="the other's mean is not surely above 0"),
        pytest.param(BEST, -PLAIN, id="the other's mean is below 0"),
        pytest.param(BEST, np.array([0.2, np.nan, np.nan, 0.3, np.nan]), id="two replicates in common"),
    ],
)
def test_no_share_is_named_without_an_interval(best: Floats, plain: Floats) -> None:
    assert reduction("val_average_loss", EpochChoice.LAST, best, plain) is None


def test_equal_values_give_no_reduction_at_all() -> None:
    found = reduction("val_average_loss", EpochChoice.LAST, PLAIN, PLAIN)
    assert found is not None and (found.share, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-7)


def test_unpaired_replicates_have_the_wider_interval() -> None:
    paired, unpaired = ratio_of_means(BEST, PLAIN), ratio_of_means(BEST, PLAIN, paired=False)
    assert paired is not None and unpaired is not None
    assert unpaired.low < paired.low and paired.high < unpaired.high


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        hard = 0.05 * rng.standard_normal(5)
        found = ratio_of_means(0.5 + hard + 0.05 * rng.standard_normal(5), 1.0 + hard + 0.1 * rng.standard_normal(5))
        held += found is not None and found.low <= 0.5 <= found.high
    assert 930 <= held <= 970
