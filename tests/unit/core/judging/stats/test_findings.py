"""When a finding is said, and when it would cry wolf."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regsweep.api.analysis import Effects, Share
from regsweep.api.findings import GridEnd, Subject
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Flags, Goal
from regsweep.core.grid import Combination
from regsweep.core.judging.stats import findings
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ties import tied_with_best
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record

PRIOR = float(np.log(2))
LOSSES = np.array([0.75, 0.72, 0.78, 0.74, 0.76])
SCATTER = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
NOTHING: Floats = np.full(5, np.nan)


@pytest.mark.parametrize(
    ("losses", "gains", "said"),
    [
        pytest.param(LOSSES, [], True, id="a loss above the prior's"),
        pytest.param(LOSSES, [0.16 + SCATTER], False, id="overconfident, but surely more accurate than the base rate"),
        pytest.param(LOSSES, [SCATTER, 0.21 + SCATTER], False, id="or surely able to rank"),
        pytest.param(LOSSES, [NOTHING, NOTHING], True, id="no other metric is there"),
        pytest.param(PRIOR - 0.001 + SCATTER, [SCATTER], True, id="a loss below the prior's by chance"),
        pytest.param(LOSSES - 0.5, [], False, id="a loss surely below the prior's"),
    ],
)
def test_nothing_learnt_is_said_where_no_metric_shows_anything(losses: Floats, gains: list[Floats], said: bool) -> None:
    tables = [PRIOR - losses, *gains]
    found = findings.no_better_than_prior(0, PRIOR, [each[None] for each in tables], 0.25)
    assert (found is not None) is said


def test_on_pure_noise_nothing_learnt_is_said_of_the_best_of_eight() -> None:
    rng = np.random.default_rng(5)
    said = 0
    for _ in range(300):
        losses = PRIOR + 0.02 * rng.standard_normal((8, 5))
        gains = [PRIOR - losses, 0.03 * rng.standard_normal((8, 5)), 0.03 * rng.standard_normal((8, 5))]
        best = int(losses.mean(axis=1).argmin())
        said += findings.no_better_than_prior(best, PRIOR, gains, 0.0) is not None
    assert said >= 0.95 * 300 - 3 * np.sqrt(0.05 * 0.95 * 300)


@pytest.mark.parametrize("combinations", [8, 100])
def test_what_was_learnt_by_three_replicates_is_seen_however_many_combinations_there_are(combinations: int) -> None:
    rng = np.random.default_rng(4)
    losses = 0.4 + 0.02 * rng.standard_normal((combinations, 3))
    gains = [PRIOR - losses, 0.3 + 0.02 * rng.standard_normal((combinations, 3))]
    assert findings.no_better_than_prior(0, PRIOR, gains, 1.0) is None


@pytest.mark.parametrize("collapsed", [2, 3, 5])
def test_what_was_learnt_is_seen_beside_combinations_that_have_collapsed(collapsed: int) -> None:
    """They predict the same whatever the seed, so that those that have learnt are noisy out of all proportion."""
    rng = np.random.default_rng(8)
    gains = 0.3 + 0.05 * rng.standard_normal((8, 5))
    gains[:collapsed] = -0.001 + 1e-6 * rng.standard_normal((collapsed, 5))
    assert findings.no_better_than_prior(7, PRIOR, [gains, gains], 0.25) is None


def test_a_gap_is_no_share_of_a_loss_that_may_be_negative() -> None:
    gap = 1 + 0.01 * np.random.default_rng(9).standard_normal((4, 5))
    found = [findings.all_overfit(np.full((4, 5), level - 1.0), level - 1.0 + gap) for level in (1.5, 0.5, -1.5)]
    assert [each is not None for each in found] == [True, True, False]


def left_early(gain: Floats) -> None:
    """As a race leaves it that ends after 5 of 10 replicates: most have left after 3."""
    gain[:, 5:] = np.nan
    gain[2:, 3:] = np.nan


def at_random(gain: Floats) -> None:
    """Each combination lacks two replicates, and no two of them the same."""
    for row in range(len(gain)):
        gain[row, [row % 10, (3 * row + 1) % 10]] = np.nan


@pytest.mark.parametrize("lack", [left_early, at_random])
@pytest.mark.parametrize(("better", "said"), [(0.0, True), (0.3, False)])
def test_what_was_learnt_is_seen_where_no_combination_has_every_replicate(
    lack: Callable[[Floats], None], better: float, said: bool
) -> None:
    rng = np.random.default_rng(7)
    gains = [better - 0.01 + 0.01 * rng.standard_normal((8, 10)) for _ in range(2)]
    for gain in gains:
        lack(gain)
    assert (findings.no_better_than_prior(0, PRIOR, gains, 0.25) is not None) is said


def test_nothing_is_said_of_what_was_learnt_where_no_combination_has_three_replicates() -> None:
    gains: Floats = np.full((4, 5), np.nan)
    gains[:, :2] = -0.1
    assert findings.no_better_than_prior(0, PRIOR, [gains], 0.25) is None


LOSS = "val_average_loss"


def late(epochs: list[int], best: float = 0.97, **values: float) -> list[Record]:
    """Records with these other values; the best epochs are by the loss, and their mean is 0.2."""
    rule = EpochRule(LOSS, Goal.MINIMIZE)
    return [
        Record(
            "key", k, Outcome.OK, "run", epochs=each, metrics=values, best=BestEpoch(round(best * each), 0.1, 0.2, rule)
        )
        for k, each in enumerate(epochs)
    ]


@pytest.mark.parametrize(
    ("records", "flags", "said"),
    [
        pytest.param(late([100] * 5), {"l2": 0.1}, True, id="the best epochs are among the last"),
        pytest.param(late([100] * 5, 0.5), {"l2": 0.1}, False, id="they are not"),
        pytest.param(late([100] * 5), {"early_stopping": 5}, False, id="early stopping by a flag"),
        pytest.param(late([100] * 5), {"early_stopping": 0}, True, id="early stopping switched off"),
        pytest.param(late([100] * 5), {"l2": 0.1, "early_stopping": 5}, False, id="or by a parameter of all"),
        pytest.param(late([91, 60, 77, 100, 80]), {"l2": 0.1}, False, id="early stopping that is seen by the epochs"),
    ],
)
def test_not_converged_is_said_of_trainings_of_a_fixed_length(records: list[Record], flags: Flags, said: bool) -> None:
    assert (findings.not_converged(Subject.BEST, records, flags, LOSS) is not None) is said


def some(*gains: float | None) -> list[Record]:
    """Replicates with these gains, None: not reported; the first two have their best epoch half way."""
    halves = [0.5, 0.5, *[0.97] * 5]
    return [
        replace(record, replicate=k)
        for k, (gain, half) in enumerate(zip(gains, halves, strict=False))
        for record in late([100], half, **({} if gain is None else {"late_gain": gain}))
    ]


@pytest.mark.parametrize(
    ("records", "objective", "minimum", "gain"),
    [
        pytest.param(late([100] * 5, late_gain=2.5e-5), LOSS, None, None, id="an eighth of a thousandth of the loss"),
        pytest.param(late([100] * 5, late_gain=0.002), LOSS, None, 0.002, id="a hundredth of the loss"),
        pytest.param(late([100] * 5, late_gain=0.002), LOSS, 0.01, None, id="less than the difference that matters"),
        pytest.param(late([100] * 5, late_gain=0.01), LOSS, 0.01, 0.01, id="just what matters"),
        pytest.param(late([100] * 5, late_gain=2.5e-5), LOSS, 1e-5, 2.5e-5, id="or little, where little matters"),
        pytest.param(
            late([100] * 5, late_gain=0.002), "val_auc", 0.01, 0.002, id="a difference that is another metric's"
        ),
        pytest.param(some(0.9, 0.9, 0.007, 0.007, 0.007), LOSS, 0.0042, 0.0042, id="0 where the best is not late"),
        pytest.param(some(0, 0, 0.0069, 0.007, 0.007), LOSS, 0.0042, None, id="the mean decides"),
        pytest.param(some(None, None, 0.01, 0.01, 0.01), LOSS, 0.02, None, id="what is not late need not say it"),
        pytest.param(some(0, 0, -5, 0.01, 0.01), LOSS, 0.004, 0.004, id="a gain below 0 is none"),
    ],
)
def test_not_converged_is_silent_about_a_gain_that_does_not_matter(
    records: list[Record], objective: str, minimum: float | None, gain: float | None
) -> None:
    found = findings.not_converged(Subject.BEST, records, {}, objective, minimum)
    assert (found and found.gain) == (gain and pytest.approx(gain))
    assert found is None or found.gain_share == pytest.approx(gain / 0.2 if gain else None)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(late([100] * 5), id="none says it"),
        pytest.param([*late([100] * 4, late_gain=1e-9), *some(None, None, None)[2:]], id="one does not"),
        pytest.param(late([100] * 5, late_gain=1e300), id="a number beyond all that is computed with"),
    ],
)
def test_where_the_gain_is_not_known_the_place_of_the_best_epoch_decides(records: list[Record]) -> None:
    found = findings.not_converged(Subject.BEST, records, {}, LOSS, 1e9)
    assert found is not None
    assert (found.gain, found.gain_share) == (None, None)


def of_rows(metric: str, rows: int | None, gain: float) -> list[Record]:
    """Replicates that are ranked by so many rows, and whose best epochs are by this metric."""
    environment, rule = Environment(val_rows=rows), EpochRule(metric, Goal.MAXIMIZE)
    return [
        replace(each, environment=environment, best=BestEpoch(97, 1.0, 0.97, rule))
        for each in late([100] * 5, late_gain=gain)
    ]


@pytest.mark.parametrize(
    ("metric", "rows", "gain", "minimum", "said"),
    [
        pytest.param("val_accuracy", 91, 0.010989, None, False, id="one row of 91, rounded down"),
        pytest.param("val_accuracy", 91, 0.01099, None, False, id="one row, rounded up"),
        pytest.param("val_accuracy", 91, 0.0132, None, True, id="more than one row on average"),
        pytest.param("val_accuracy", 91, 0.010989, 0.001, False, id="one row, where less would matter"),
        pytest.param("val_recall", 91, 0.010989, None, False, id="another share of rows"),
        pytest.param("val_binary_accuracy", 91, 0.010989, None, False, id="an accuracy by another name"),
        pytest.param("val_accuracy", 10_000, 0.010989, None, True, id="many rows"),
        pytest.param("val_accuracy", None, 0.010989, None, True, id="rows that are not known"),
        pytest.param("val_accuracy", 0, 0.010989, None, True, id="no rows"),
        pytest.param("val_auc_precision_recall", 91, 0.010989, None, True, id="an area, which is no share of rows"),
    ],
)
def test_a_gain_of_one_row_is_none(
    metric: str, rows: int | None, gain: float, minimum: float | None, said: bool
) -> None:
    found = findings.not_converged(Subject.BEST, of_rows(metric, rows, gain), {}, metric, minimum)
    assert (found is not None) is said


@pytest.mark.parametrize("best", [0.0, 1e-320, None])
def test_beside_a_best_value_of_next_to_nothing_a_gain_has_no_share(best: float | None) -> None:
    records = [
        replace(each, best=BestEpoch(99, None, best, EpochRule(LOSS, Goal.MINIMIZE)))
        for each in late([100] * 5, late_gain=0.1)
    ]
    found = findings.not_converged(Subject.BEST, records, {}, LOSS)
    assert found is not None
    assert (found.gain, found.gain_share) == (0.1, None)


def sensitive(here: Floats, there: Floats) -> bool:
    one, other = tied_with_best(here), tied_with_best(there)
    assert one is not None and other is not None
    return findings.objective_sensitive(here, there, one, other) is not None


def test_the_choice_of_epochs_is_seldom_named_where_it_changes_nobodys_place() -> None:
    rng = np.random.default_rng(4)
    means = np.linspace(0, 3, 8)[:, None]
    said = 0
    for _ in range(200):
        here = means + rng.standard_normal((8, 5))
        said += sensitive(here, here - 1 + 0.5 * rng.standard_normal((8, 5)))
    assert said <= 0.05 * 200 + 3 * np.sqrt(0.05 * 0.95 * 200)


def test_the_choice_of_epochs_is_named_where_it_decides() -> None:
    rng = np.random.default_rng(5)
    here = np.repeat([[0.0], [10.0]], 4, axis=0) + 0.1 * rng.standard_normal((8, 5))
    assert sensitive(here, 0.1 * rng.standard_normal((8, 5)))


GRID = [
    Combination(f"{i:02x}", {"l2": a, "dropout": b}, i)
    for i, (a, b) in enumerate(itertools.product([0.0, 0.1, 1.0], [0.0, 0.5]))
]


@pytest.mark.parametrize(
    ("flag", "end", "better"),
    [
        pytest.param("dropout", GridEnd.LARGEST, True, id="surely better at that end"),
        pytest.param("dropout", GridEnd.SMALLEST, False, id="worse at the other"),
        pytest.param("l2", GridEnd.LARGEST, False, id="no different"),
        pytest.param("units", GridEnd.LARGEST, False, id="not swept"),
    ],
)
def test_the_value_at_an_end_is_compared_with_the_next(flag: str, end: GridEnd, better: bool) -> None:
    own = 0.1 * np.random.default_rng(6).standard_normal((6, 5))
    losses = own + np.array([0.0 if each.flags["dropout"] else 1.0 for each in GRID])[:, None]
    assert findings.better_than_neighbour(flag, end, GRID, losses, np.ones(6, dtype=np.bool_)) is better


@pytest.mark.parametrize(
    ("near", "better"),
    [
        pytest.param([0.0], True, id="where it is"),
        pytest.param([0.1, 1.0], False, id="where it is not"),
        pytest.param([], False, id="where nothing may be the best"),
    ],
)
def test_an_end_must_be_better_where_the_best_may_be(near: list[float], better: bool) -> None:
    own = 0.1 * np.random.default_rng(6).standard_normal((6, 5))
    worse = np.array([each.flags["dropout"] == 0 and each.flags["l2"] == 0 for each in GRID])
    may_be_best = np.array([each.flags["l2"] in near for each in GRID])
    found = findings.better_than_neighbour("dropout", GridEnd.LARGEST, GRID, own + 9.0 * worse[:, None], may_be_best)
    assert found is better


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        pytest.param([Share(flags=["l2"], p_value=0.01)], True, id="by itself"),
        pytest.param([Share(flags=["l2"], p_value=0.3)], False, id="not surely"),
        pytest.param([Share(flags=["l2"]), Share(flags=["dropout"], p_value=0.01)], False, id="another one"),
        pytest.param([Share(flags=["dropout", "l2"], p_value=0.01)], True, id="together with another one"),
    ],
)
def test_a_flag_matters_where_it_accounts_for_more_than_chance(shares: list[Share], expected: bool) -> None:
    assert findings.matters("l2", Effects(shares=shares)) is expected


def test_without_effects_no_flag_is_known_to_matter() -> None:
    assert not findings.matters("l2", None)
