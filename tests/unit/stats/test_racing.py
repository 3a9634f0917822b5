"""Races: what is trained next, and why it ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.judgement import RaceReason
from regsweep.api.spec import Racing
from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.racing import DropReason, Race, looks, race

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
