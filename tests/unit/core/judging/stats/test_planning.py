"""How many replicates more tell combinations apart: against the definition, and against sweeps that have them."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from regsweep.api.outlook import Planning
from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.planning import plan_replicates
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
