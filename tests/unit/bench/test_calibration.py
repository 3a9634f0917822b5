"""A slice of the calibration: what it shows of a few worlds is seen in every run of the tests."""

from __future__ import annotations

import numpy as np
import pytest

from bench.calibration.flags import WORLDS, named
from bench.calibration.outside import tied_figures

SWEEPS = 150


@pytest.mark.parametrize(
    "world", ["two bests, the rest far and 1/4 as noisy", "idle flag of 2 values", "equal normal noise"]
)
def test_a_true_best_is_seldom_left_out_of_the_tied_set(world: str) -> None:
    error, *_ = tied_figures(world, 8, 5, SWEEPS, np.random.default_rng(1))
    assert not error.missed, error


def test_what_is_clearly_worse_is_left_out_of_the_tied_set() -> None:
    _, power = tied_figures("equal normal noise", 8, 5, SWEEPS, np.random.default_rng(1))
    assert power.value > 0.8, power


@pytest.mark.parametrize("world", ["slope x replicate", "idle flags", "smooth along a flag"])
def test_nothing_is_seldom_said_to_matter(world: str) -> None:
    (error,) = named(world, WORLDS[world], (4, 2), 5, SWEEPS, np.random.default_rng(1))
    assert not error.missed, error


def test_a_flag_that_matters_is_found() -> None:
    name = "equal normal noise"
    _, power = named(name, WORLDS[name], (4, 2), 5, SWEEPS, np.random.default_rng(1))
    assert not power.missed, power
