"""How many replicates more tell combinations apart: against the definition, and against sweeps that have them."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from regsweep.api.outlook import Planning
from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.planning import NoiseOfDifferences, plan_replicates
from regsweep.core.judging.stats.ties import tied_with_best

HOLDOUT = Resampling()
BEST = [0.30, 0.34, 0.27, 0.33, 0.31]
SECOND = [0.31, 0.36, 0.30, 0.31, 0.34]


def planned(
    losses: Floats | list[list[float]],
    minimum: float | None = None,
    resampling: Resampling = HOLDOUT,
    *,
    paired: bool = True,
) -> Planning | None:
    table = np.array(losses)
    tied = tied_with_best(table, paired=paired)
    assert tied is not None
    combinations = [Combination(f"{row:012x}", {"l2": row}, row) for row in range(len(table))]
    return plan_replicates(combinations, table, tied, resampling, minimum)


def test_two_combinations_need_what_the_paired_t_test_needs() -> None:
    found = planned([BEST, SECOND], minimum=0.02)
    gaps = np.array(SECOND) - np.array(BEST)
    of_pair = TTestPower()
    assert found is not None and found.first_two is not None and found.minimum_difference is not None
    wanted = of_pair.solve_power(
        effect_size=gaps.mean() / gaps.std(ddof=1), power=0.8, alpha=0.025, alternative="larger"
    )
    assert (found.replicates, found.second) == (5, "000000000001")
    assert found.first_two.difference == pytest.approx(gaps.mean())
    assert found.first_two.replicates == ceil(wanted)
    wanted = of_pair.solve_power(effect_size=0.02 / gaps.std(ddof=1), power=0.8, alpha=0.025, alternative="larger")
    assert found.minimum_difference.replicates == ceil(wanted)
    shown = of_pair.solve_power(nobs=5, power=0.8, alpha=0.025, alternative="larger") * gaps.std(ddof=1)
    assert found.detectable == pytest.approx(shown, rel=1e-5)


def test_each_number_stands_within_its_interval() -> None:
    found = planned([BEST, SECOND, [each + 0.01 for each in SECOND[::-1]]], minimum=0.02)
    assert found is not None and found.minimum_difference is not None and found.first_two is not None
    assert found.detectable_low < found.detectable < found.detectable_high
    for needed in (found.minimum_difference, found.first_two):
        assert needed.low <= (needed.replicates or 1001) <= (needed.high or 1001)


def test_of_two_that_are_tied_no_number_may_suffice() -> None:
    found = planned([BEST, SECOND])
    assert found is not None and found.first_two is not None
    assert found.first_two.high is None and 5 < found.first_two.low < (found.first_two.replicates or 0)


def test_what_is_told_apart_already_needs_nothing() -> None:
    found = planned([BEST, [each + 1 + 0.01 * place for place, each in enumerate(SECOND)]])
    assert found is not None and found.first_two is None and found.second is None
    assert found.detectable > 0


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param([BEST], id="one combination"),
        pytest.param([BEST, BEST], id="two that are equal in every replicate"),
        pytest.param([BEST, [np.nan, np.nan, np.nan, 0.3, 0.4]], id="nothing to compare with"),
    ],
)
def test_without_a_spread_nothing_is_planned(losses: list[list[float]]) -> None:
    assert planned(losses) is None


def test_folds_come_in_whole_rounds() -> None:
    folds = Resampling(kind=ResamplingKind.REPEATED_KFOLD, folds=5)
    found, holdout = planned([BEST, SECOND], 0.02, folds), planned([BEST, SECOND], 0.02)
    for each, other in ((found, holdout),):
        assert each is not None and other is not None and each.first_two is not None and other.first_two is not None
        assert each.first_two.replicates == ceil((other.first_two.replicates or 0) / 5) * 5


def test_pairing_saves_replicates() -> None:
    hard = np.array([0.3, -0.2, 0.1, -0.3, 0.2])
    table = np.array([BEST, SECOND]) + hard
    paired, unpaired = planned(table, 0.02), planned(table, 0.02, paired=False)
    assert paired is not None and unpaired is not None
    assert paired.detectable < unpaired.detectable / 2


def test_a_crowd_of_hundreds_is_planned_all_the_same() -> None:
    rng = np.random.default_rng(4)
    found = planned(np.linspace(0.3, 0.32, 150)[:, None] + 0.01 * rng.standard_normal((150, 5)), minimum=0.01)
    assert (
        found is not None and found.minimum_difference is not None and found.minimum_difference.replicates is not None
    )


def unequal(noise: list[float], means: list[float], rng: np.random.Generator, n: int) -> Floats:
    """Losses whose first two move together but for `noise[0]`; the others have noises of their own."""
    table = np.array(means)[:, None] + np.array(noise)[:, None] * rng.standard_normal((len(noise), n))
    return table + np.where(np.arange(len(noise)) < 2, 1.0, 0.0)[:, None] * 0.5 * rng.standard_normal(n)


@pytest.mark.parametrize(
    ("noise", "means"),
    [
        pytest.param([0.4, 0.4, 1.5, 1.5], [0.0, 0.4, 4.0, 5.0], id="a quiet pair among loud ones that leave"),
        pytest.param([0.2, 0.2, 1.0], [0.0, 0.15, 1.5], id="a small difference"),
        pytest.param([1.0, 1.0, 0.3], [0.0, 1.0, 3.0], id="a loud pair"),
    ],
)
def test_a_pair_is_told_apart_with_the_replicates_named_however_noisy_the_others_are(
    noise: list[float], means: list[float]
) -> None:
    rng = np.random.default_rng(8)
    numbers: list[int] = []
    while len(numbers) < 15:
        table = unequal(noise, means, rng, 5)
        table += np.array(means)[:, None] - table.mean(axis=1, keepdims=True)  # so that they differ as they do in truth
        found = planned(table)
        assert found is not None
        if found.first_two is not None:
            numbers.append(found.first_two.replicates or 1000)
    replicates, apart = int(np.median(numbers)), 0
    for _ in range(100):
        tied = tied_with_best(unequal(noise, means, rng, replicates))
        apart += tied is not None and not tied.tied[:2].all()
    assert 0.6 <= apart / 100 <= 0.97


def test_the_interval_leaves_open_when_the_others_leave() -> None:
    """The two differ by little and hardly vary beside each other; two others are far louder."""
    loud = [0.5, 0.9, 0.2, 0.75, 0.4]
    found = planned(
        [BEST, [b + d for b, d in zip(BEST, (2e-3, 3e-3, 1e-3, 2e-3, 1e-3), strict=True)], loud, loud[::-1]]
    )
    assert found is not None and found.first_two is not None and found.first_two.replicates is not None
    assert found.first_two.low == 6 < found.first_two.replicates and found.first_two.high is None


def test_the_noise_is_known_no_better_than_what_it_is_pooled_from_allows() -> None:
    rng = np.random.default_rng(5)
    losses = 1 + 0.1 * rng.standard_normal((4, 8))
    tied = tied_with_best(losses)
    assert tied is not None and tied.tied.all() and tied.pooled_degrees_of_freedom == 21
    for limit in (tied.critical_value, 2.398, 1.0):
        noise = NoiseOfDifferences.of(losses, replace(tied, critical_value=limit))
        assert noise is not None and noise.degrees_of_freedom <= 21


def test_two_that_are_equal_in_every_replicate_are_said_not_to_differ() -> None:
    found = planned([BEST, BEST, SECOND])
    assert found is not None and found.first_two is not None
    assert found.first_two.difference == 0 and found.first_two.replicates is None


def test_two_shares_of_rows_that_are_equal_but_for_the_digits_of_records_are_said_not_to_differ() -> None:
    """Means of five shares of 236 rows, each rounded to six digits as records hold it."""
    rows = [[200, 201, 205, 199, 211], [201, 200, 204, 201, 210], [190, 201, 199, 195, 201]]
    losses = sorted(([float(f"{1 - each / 236:.6g}") for each in of_row] for of_row in rows), key=np.mean)
    found = planned(losses)
    assert 0 < np.mean(losses[1]) - np.mean(losses[0]) < 1e-6
    assert found is not None and found.first_two is not None
    assert (found.first_two.difference, found.first_two.replicates) == (0, None)


@pytest.mark.parametrize("missing", [(1, 4), (2, 0)])
def test_a_pair_with_missing_replicates_is_planned_by_those_in_common(missing: tuple[int, int]) -> None:
    table = np.array([BEST, SECOND, [each + 0.01 for each in SECOND[::-1]]])
    table[missing] = np.nan
    found = planned(table)
    assert found is not None and found.first_two is not None
    assert found.first_two.low <= (found.first_two.replicates or 1001) <= (found.first_two.high or 1001)


@pytest.mark.parametrize("combinations", [2, 3])
def test_with_as_many_replicates_the_two_are_told_apart_as_often_as_it_says(combinations: int) -> None:
    """The promise itself, on sweeps whose truth is known. Of many pilots the typical number is taken: each one's is uncertain."""
    rng = np.random.default_rng(6)
    truth = np.array([0.0, 1.0, *[3.0] * (combinations - 2)])[:, None]
    numbers = []
    for _ in range(9):
        found = planned(truth + rng.standard_normal((combinations, 8)), minimum=1.0)
        assert found is not None and found.minimum_difference is not None
        numbers.append(found.minimum_difference.replicates or 1000)
    replicates = int(np.median(numbers))
    apart = 0
    for _ in range(100):
        tied = tied_with_best(truth + rng.standard_normal((combinations, replicates)))
        apart += tied is not None and not tied.tied[:2].all()
    assert 0.7 <= apart / 100 <= 0.95
