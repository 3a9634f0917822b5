"""Partial grids: what a flag does is seen between combinations that differ in it alone, so that nothing that others do is taken for it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import null_space

from regsweep.core.grid import Combination
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.factors import Factor, factors_of, products
from regsweep.core.judging.stats.matched import complete_settings, matched_gram
from regsweep.core.judging.stats.moderation import Floats

SHAPE = (3, 4, 2, 2)
CELLS = list(itertools.product(*map(range, SHAPE)))
GRID = [Combination(f"{i:02x}", {f"flag{k}": v for k, v in enumerate(cell)}, i) for i, cell in enumerate(CELLS)]
samples = st.lists(st.integers(0, len(CELLS) - 1), min_size=6, max_size=len(CELLS), unique=True).map(sorted)


def table(rows: Sequence[int], seed: int, *names: Sequence[int]) -> Floats:
    """(rows, 4): for each of the `names` a sum of any function of all flags but those; replicates of their own."""
    rng = np.random.default_rng(seed)
    values = np.zeros((*SHAPE, 4))
    for without in names:
        values = values + rng.standard_normal([1 if k in without else size for k, size in enumerate(SHAPE)] + [4])
    return np.asarray(values.reshape(len(CELLS), 4)[list(rows)])


def factor(factors: Sequence[Factor], k: int) -> Factor | None:
    return next((each for each in factors if each.name == f"flag{k}"), None)


@given(rows=samples, seed=st.integers(0, 9), k=st.integers(0, 3))
def test_whatever_other_flags_do_together_a_flag_that_does_nothing_has_no_part_in_it(
    rows: list[int], seed: int, k: int
) -> None:
    values, factors = table(rows, seed, [k]), factors_of([GRID[row] for row in rows])
    idle = factor(factors, k)
    if idle is not None:
        assert np.abs(matched_gram(values, idle.columns, factors, [idle])[0]).max() < 1e-20
        complete = complete_settings(factors, idle)
        by_value = [values[complete & (idle.codes == code)].mean(axis=0) for code in range(idle.levels)]
        assert not complete.any() or np.ptp(by_value, axis=0).max() < 1e-9


@given(rows=samples, seed=st.integers(0, 9), pair=st.sampled_from(list(itertools.combinations(range(4), 2))))
def test_a_pair_has_no_part_in_what_either_of_its_flags_does_with_others(
    rows: list[int], seed: int, pair: tuple[int, int]
) -> None:
    values, factors = table(rows, seed, [pair[0]], [pair[1]]), factors_of([GRID[row] for row in rows])
    both = [found for k in pair if (found := factor(factors, k)) is not None]
    if len(both) == 2:
        assert np.abs(matched_gram(values, products(both[0].columns, both[1].columns), factors, both)[0]).max() < 1e-20


@pytest.mark.parametrize("pair", [(0,), (2,), (0, 1), (2, 3)])
def test_contrasts_are_those_of_least_squares_beside_all_cells_of_the_other_flags(pair: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    rows = np.sort(rng.choice(len(CELLS), 30, replace=False))
    values, factors = rng.standard_normal((30, 4)), factors_of([GRID[row] for row in rows])
    chosen = [found for k in pair if (found := factor(factors, k)) is not None]
    cells = np.array(CELLS)[rows]
    own = np.einsum("gi,gj->gij", chosen[0].columns, chosen[-1].columns).reshape(30, -1)
    own = own if len(pair) == 2 else chosen[0].columns
    nuisance = np.column_stack(
        [
            (np.delete(cells, k, axis=1) == setting).all(axis=1)
            for k in pair
            for setting in np.unique(np.delete(cells, k, axis=1), axis=0)
        ]
    ).astype(float)
    beside = null_space(nuisance.T)
    u, s, _ = np.linalg.svd(beside.T @ own, full_matrices=False)
    scores = u[:, s > 1e-9].T @ beside.T @ values
    gram, contrasts = matched_gram(values, own, factors, chosen)
    assert contrasts == int((s > 1e-9).sum())
    np.testing.assert_allclose(gram, scores.T @ scores, rtol=1e-9, atol=1e-12)


def test_where_no_two_combinations_differ_in_one_flag_alone_nothing_is_tested() -> None:
    rows = [CELLS.index(cell) for cell in ((0, 0, 0, 0), (1, 1, 1, 0), (2, 2, 0, 1), (0, 3, 1, 1), (1, 0, 1, 1))]
    effects = analyse_effects([GRID[row] for row in rows], np.random.default_rng(1).standard_normal((5, 4)))
    assert effects is not None and all(share.p_value is None for share in effects.shares if len(share.flags) == 1)
    assert all(mean.level is None and mean.beside_best is None for mean in effects.means)


def test_two_flags_that_vary_together_have_no_share_whichever_is_declared_first() -> None:
    cells = [(a, a, b) for a in range(3) for b in range(2)]
    values = np.random.default_rng(2).standard_normal((6, 4))
    for order in ((0, 1, 2), (1, 0, 2)):
        grid = [Combination(f"{i}", {f"flag{k}": cell[k] for k in order}, i) for i, cell in enumerate(cells)]
        effects = analyse_effects(grid, values)
        assert effects is not None
        known = {tuple(share.flags) for share in effects.shares if share.eta_squared is not None}
        assert ("flag2",) in known and not {("flag0",), ("flag1",)} & known


def test_the_order_in_which_flags_are_declared_makes_no_difference() -> None:
    rng = np.random.default_rng(4)
    rows = sorted(rng.choice(len(CELLS), 24, replace=False).tolist())
    values = table(rows, 5, [2, 3]) + rng.standard_normal((24, 4))
    found = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        grid = [
            Combination(GRID[r].id, {f"flag{k}": GRID[r].flags[f"flag{k}"] for k in order}, GRID[r].index) for r in rows
        ]
        effects = analyse_effects(grid, values)
        assert effects is not None
        figures = {frozenset(share.flags): (share.eta_squared, share.p_value) for share in effects.shares}
        assert any(eta is not None for eta, _ in figures.values())
        found.append({(*sorted(flags), k): figure for flags, pair in figures.items() for k, figure in enumerate(pair)})
    unknown = [{key for key, figure in each.items() if figure is None} for each in found]
    assert unknown[0] == unknown[1]
    known = [{key: figure for key, figure in each.items() if figure is not None} for each in found]
    assert known[0] == pytest.approx(known[1], rel=1e-8)


def test_idle_flags_are_seldom_named_where_half_of_the_grid_is_missing_and_others_matter_together() -> None:
    rng = np.random.default_rng(6)
    named = 0
    for _ in range(60):
        rows = sorted(rng.choice(len(CELLS), 24, replace=False).tolist())
        values = 2 * table(rows, int(rng.integers(1_000_000)), [2, 3])[:, :1] + rng.standard_normal((24, 5))
        effects = analyse_effects([GRID[row] for row in rows], values, is_loss=False)
        assert effects is not None
        sure = [share for share in effects.shares if share.p_value is not None and share.p_value <= 0.05]
        named += any({"flag2", "flag3"} & set(share.flags) for share in sure)
    assert named / 60 <= 0.1
