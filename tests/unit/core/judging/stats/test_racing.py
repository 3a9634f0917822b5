"""Races: what is trained next, and why it ends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.analysis import RaceReason
from regsweep.api.spec import DEFAULT_SIMPLICITY_ORDER, Constraint, FlagValue, Racing
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.racing import Bound, Drop, DropReason, Race, looks, may_be_picked, race
from regsweep.core.judging.stats.simplicity import at_least_as_simple

SETTINGS = Racing(initial_replicates=3, max_replicates=8)


def table(means: list[float], *, noise: float = 1.0, seed: int = 1, replicates: int = 8) -> Floats:
    rng = np.random.default_rng(seed)
    own = noise * rng.standard_normal((len(means), replicates))
    return np.array(means)[:, None] + own + 4 * rng.standard_normal(replicates)


def nobody(losses: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.zeros(losses.shape, dtype=np.bool_)


def run(losses: Floats, racing: Racing = SETTINGS) -> list[Race]:
    """Trains what the race asks for until it is over."""
    seen = np.full_like(losses, np.nan)
    states = [race(seen, nobody(losses), racing)]
    while states[-1].reason is RaceReason.RACING:
        rows = states[-1].racing
        seen[rows, : states[-1].replicates] = losses[rows, : states[-1].replicates]
        states.append(race(seen, nobody(losses), racing))
    return states


def test_before_any_result_everybody_trains_the_initial_replicates() -> None:
    state = run(table([0, 1]))[0]
    assert (state.reason, state.replicates, state.trained) == (RaceReason.RACING, 3, 0)
    assert state.racing.all()


def test_one_far_ahead_wins_at_the_first_look() -> None:
    final = run(table([0, 90, 90, 90]))[-1]
    assert (final.reason, final.replicates, final.trained, final.full_grid) == (RaceReason.WON, 3, 12, 32)
    assert final.racing.tolist() == [True, False, False, False]
    assert {drop.reason for drop in final.dropped.values()} == {DropReason.DROPPED}


def test_equals_race_until_the_budget_is_spent() -> None:
    final = run(table([0, 0, 0]))[-1]
    assert (final.reason, final.replicates) == (RaceReason.BUDGET_SPENT, 8)
    assert final.racing.all()


def test_those_within_the_minimum_difference_end_the_race_as_equivalent() -> None:
    final = run(table([0, 0, 0], noise=0.01), Racing(initial_replicates=3, max_replicates=8, minimum_difference=1.0))[
        -1
    ]
    assert (final.reason, final.replicates) == (RaceReason.EQUIVALENT, 3)


def test_a_diverged_replicate_ends_a_combinations_race() -> None:
    losses = table([0, 0, 0])
    diverged = nobody(losses)
    diverged[1, 1] = True
    losses[1, 1] = np.nan
    state = race(losses, diverged, SETTINGS)
    assert state.dropped[1].reason is DropReason.DIVERGED
    assert not state.racing[1]


def test_a_possible_pick_is_kept_while_it_may_come_within_a_standard_error() -> None:
    rng = np.random.default_rng(2)
    losses = rng.standard_normal((12, 8)) * 0.5 + np.r_[0.0, np.full(11, 2.4)][:, None]
    strict = race(losses, nobody(losses), SETTINGS, np.zeros(12, dtype=np.bool_))
    lenient = race(losses, nobody(losses), SETTINGS, np.ones(12, dtype=np.bool_))
    assert set(lenient.dropped) <= set(strict.dropped)
    assert sum(drop.replicates for drop in lenient.dropped.values()) >= sum(
        strict.dropped[row].replicates for row in lenient.dropped
    )


@pytest.mark.parametrize(
    "whole_rows", [pytest.param(True, id="said of the row"), pytest.param(False, id="said of the replicate")]
)
def test_a_failed_replicate_does_not_hold_the_race_up(whole_rows: bool) -> None:
    losses = table([0, 0, 0])
    losses[1, 1] = np.nan
    failed = nobody(losses)
    assert race(losses, failed, SETTINGS).reason is RaceReason.RACING
    failed[1, 1] = True
    state = race(losses, nobody(losses), SETTINGS, failed=np.asarray(failed.any(axis=1)) if whole_rows else failed)
    assert state.dropped == {1: Drop(DropReason.FAILED, 3)}
    assert (state.reason, state.racing.tolist()) == (RaceReason.BUDGET_SPENT, [True, False, True])


def test_a_replicate_that_failed_ahead_of_its_look_decides_nothing_yet() -> None:
    losses, failed = table([0, 0, 0]), nobody(table([0, 0, 0]))
    losses[:, 3:] = np.nan
    failed[1, 6] = True
    state = race(losses, nobody(losses), SETTINGS, failed=failed)
    assert (state.reason, state.replicates, state.dropped) == (RaceReason.RACING, 5, {})


def test_the_tied_set_is_that_of_the_last_completed_look() -> None:
    states = run(table([0, 0, 90, 0]))
    assert states[0].tied.all(), "before the first look nothing is told apart"
    assert states[1].tied.tolist() == [True, True, False, True]
    assert (states[-1].tied <= states[-1].racing).all()
    ahead = table([0, 0, 90, 0])
    ahead[:, 3:] = np.nan
    at_look = race(ahead, nobody(ahead), SETTINGS)
    ahead[0, 3] = 50.0
    assert race(ahead, nobody(ahead), SETTINGS).tied.tolist() == at_look.tied.tolist(), "between looks nothing changes"


def test_what_races_on_as_a_possible_pick_alone_is_not_tied() -> None:
    losses = table(np.linspace(0, 6, 40).tolist())
    losses[:, 5:] = np.nan
    state = race(losses, nobody(losses), SETTINGS)
    assert state.reason is RaceReason.RACING
    assert 1 <= state.tied.sum() < state.racing.sum() < 40


def test_what_breaks_a_constraint_is_not_the_best_that_others_are_dropped_for() -> None:
    losses = table([0, 20, 20, 90], noise=0.5)
    accuracy = np.array([[0.5], [0.9], [0.9], [0.9]]) + 0.01 * np.random.default_rng(1).standard_normal((4, 8))
    bound = Bound(accuracy, Constraint(metric="val_accuracy", min=0.8))
    assert race(losses, nobody(losses), SETTINGS).racing.tolist() == [True, False, False, False]
    state = race(losses, nobody(losses), SETTINGS, bounds=[bound])
    assert state.dropped[0] == Drop(DropReason.VIOLATES, 3)
    assert state.racing.tolist() == [False, True, True, False]


def test_what_may_break_a_constraint_by_chance_races_on_and_may_come_back() -> None:
    losses = table([0, 20, 20], noise=0.5)
    accuracy = np.full((3, 8), 0.9)
    accuracy[0] = [0.7, 0.9, 0.75, 0.9, 0.9, 0.9, 0.9, 0.9]  # mean 0.783 at the first look
    bound = Bound(accuracy, Constraint(metric="val_accuracy", min=0.8))
    three = losses.copy()
    three[:, 3:] = np.nan
    early = race(three, nobody(losses), SETTINGS, bounds=[bound])
    assert early.racing.all() and early.tied.tolist() == [False, True, True]
    late = race(losses, nobody(losses), SETTINGS, bounds=[bound])
    assert (late.reason, late.racing.tolist()) == (RaceReason.WON, [True, False, False])


def test_unpaired_replicates_are_raced_by_unpaired_errors() -> None:
    losses = table([0, 3], noise=0.1)
    assert race(losses, nobody(losses), SETTINGS).reason is RaceReason.WON
    assert race(losses, nobody(losses), SETTINGS, paired=False).racing.all()


def by_definition(combinations: Sequence[Combination]) -> list[bool]:
    order = DEFAULT_SIMPLICITY_ORDER
    return [any(at_least_as_simple(a.flags, b.flags, order) for b in combinations if a is not b) for a in combinations]


def test_a_possible_pick_is_at_least_as_simple_as_some_other() -> None:
    choices: dict[str, list[FlagValue]] = {
        "l2": [0, 0.1, 1],
        "units": [[64, 64], [32], 64],
        "activation": ["relu", "tanh"],
        "bias": [True, False],
    }
    grid = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    combinations = [Combination(str(i), flags, i) for i, flags in enumerate(grid)]
    expected = by_definition(combinations)
    assert may_be_picked(combinations, DEFAULT_SIMPLICITY_ORDER).tolist() == expected
    assert 0 < sum(expected) < len(expected)
    some = combinations[:1] + combinations[7::5]
    assert may_be_picked(some, DEFAULT_SIMPLICITY_ORDER).tolist() == by_definition(some)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(0, [], id="no combination"),
        pytest.param(1, [False], id="one is simpler than no other"),
        pytest.param(1001, [True] * 1001, id="above 1,000 all may"),
    ],
)
def test_possible_picks_of_few_and_many(size: int, expected: list[bool]) -> None:
    combinations = [Combination(str(i), {"activation": str(i)}, i) for i in range(size)]
    assert may_be_picked(combinations, DEFAULT_SIMPLICITY_ORDER).tolist() == expected


def test_arrays_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="must be \\(2, 8\\)"):
        race(np.zeros((2, 5)), np.zeros((2, 5), dtype=np.bool_), SETTINGS)


@pytest.mark.parametrize(("initial", "most"), [(3, 20), (3, 3), (5, 6), (4, 1000)])
def test_looks_rise_from_the_initial_to_the_most_replicates(initial: int, most: int) -> None:
    at = looks(Racing(initial_replicates=initial, max_replicates=most))
    assert at[0] == initial and at[-1] == most
    assert list(at) == sorted(set(at))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0, 6), min_size=2, max_size=6))
def test_training_ahead_changes_no_decision_and_a_replay_is_the_same(seed: int, means: list[float]) -> None:
    losses = table(means, seed=seed)
    step_by_step = run(losses)[-1]
    at_once = race(losses, nobody(losses), SETTINGS)
    assert at_once.reason is step_by_step.reason
    assert at_once.racing.tolist() == step_by_step.racing.tolist()
    assert dict(at_once.dropped) == dict(step_by_step.dropped)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0, 6), min_size=2, max_size=6))
def test_a_race_asks_for_no_more_than_the_full_grid_and_always_ends(seed: int, means: list[float]) -> None:
    states = run(table(means, seed=seed))
    assert len(states) <= len(looks(SETTINGS)) + 1
    assert states[-1].trained <= states[-1].full_grid
    assert states[-1].racing.any()
