"""Effects against statsmodels, to 1e-9."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from regsweep.api.analysis import Effects, Share
from regsweep.api.findings import NoteType
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects
from regsweep.core.judging.stats.effects import Term, VarianceTable, analyse_effects, split_variance
from regsweep.core.judging.stats.moderation import Floats

L2 = [0.0, 0.01, 0.1]
DROPOUT = [0.0, 0.2, 0.4, 0.6]
GRID = list(itertools.product(L2, DROPOUT))
COMBINATIONS = [Combination(f"{i:02x}", {"l2": a, "dropout": b}, i) for i, (a, b) in enumerate(GRID)]


def objective(seed: int = 1, n: int = 5) -> Floats:
    rng = np.random.default_rng(seed)
    levels = np.array([2 + 3 * a + (b - 0.3) ** 2 * 4 + 5 * a * b for a, b in GRID])
    return levels[:, None] + 0.3 * rng.standard_normal(n) + 0.1 * rng.standard_normal((len(GRID), n))


def frame(values: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"rep": k, "a": a, "b": b, "obj": values[i, k]}
            for i, (a, b) in enumerate(GRID[: len(values)])
            for k in range(values.shape[1])
            if np.isfinite(values[i, k])
        ]
    )


def shares_of(effects: Effects | None) -> dict[tuple[str, ...], Share]:
    assert effects is not None
    return {tuple(share.flags): share for share in effects.shares}


def terms_of(table: VarianceTable | None) -> dict[tuple[str, ...], Term]:
    assert table is not None
    return {term.flags: term for term in table.terms}


NAMES = {("l2",): "C(a)", ("dropout",): "C(b)", ("l2", "dropout"): "C(a):C(b)"}


def test_a_full_grid_is_split_as_statsmodels_does() -> None:
    values = objective()
    table = sm.stats.anova_lm(ols("obj ~ C(rep) + C(a)*C(b)", frame(values)).fit(), typ=1)
    split, effects = split_variance(COMBINATIONS, values), analyse_effects(COMBINATIONS, values)
    assert split is not None and not split.is_partial
    assert effects is not None and effects.adds_up
    left = table["sum_sq"].sum() - table.loc["C(rep)", "sum_sq"]
    noise = table.loc["Residual", "sum_sq"] / table.loc["Residual", "df"]
    for flags, name in NAMES.items():
        term, share, row = terms_of(split)[flags], shares_of(effects)[flags], table.loc[name]
        assert term.degrees_of_freedom == row["df"]
        assert term.sum_of_squares == pytest.approx(row["sum_sq"], rel=1e-9)
        assert share.p_value == pytest.approx(row["PR(>F)"], rel=1e-6)
        assert share.eta_squared == pytest.approx(row["sum_sq"] / left, rel=1e-9)
        assert share.omega_squared == pytest.approx((row["sum_sq"] - row["df"] * noise) / (left + noise), rel=1e-9)
    assert split.residual_degrees_of_freedom == table.loc["Residual", "df"]
    assert split.mean_square == pytest.approx(noise, rel=1e-9)


def test_missing_replicates_give_type_iii_as_statsmodels_does() -> None:
    values = objective(2)
    values[[0, 4, 7, 7], [1, 2, 0, 3]] = np.nan
    fit = ols("obj ~ C(rep, Sum) + C(a, Sum)*C(b, Sum)", frame(values)).fit()
    table = sm.stats.anova_lm(fit, typ=3)
    split, effects = split_variance(COMBINATIONS, values), analyse_effects(COMBINATIONS, values)
    assert split is not None and split.is_partial
    assert effects is not None and not effects.adds_up
    assert [note.type for note in effects.notes] == [NoteType.PARTIAL_GRID]
    for flags, name in {
        ("l2",): "C(a, Sum)",
        ("dropout",): "C(b, Sum)",
        ("l2", "dropout"): "C(a, Sum):C(b, Sum)",
    }.items():
        assert terms_of(split)[flags].sum_of_squares == pytest.approx(table.loc[name, "sum_sq"], rel=1e-9)
        assert shares_of(effects)[flags].p_value == pytest.approx(table.loc[name, "PR(>F)"], rel=1e-6)
    assert split.mean_square == pytest.approx(fit.mse_resid, rel=1e-9)


def test_a_partial_grid_refuses_the_pair_and_keeps_the_flags() -> None:
    values = objective(3)[:-1]
    table = sm.stats.anova_lm(ols("obj ~ C(rep, Sum) + C(a, Sum) + C(b, Sum)", frame(values)).fit(), typ=3)
    terms = terms_of(split_variance(COMBINATIONS[:-1], values))
    assert terms[("l2", "dropout")].sum_of_squares is None
    assert terms[("l2",)].sum_of_squares == pytest.approx(table.loc["C(a, Sum)", "sum_sq"], rel=1e-9)
    assert terms[()].degrees_of_freedom == 5, "what flags alone do not explain is shown all the same"
    assert shares_of(analyse_effects(COMBINATIONS[:-1], values))[("l2", "dropout")].eta_squared is None


def test_adjusted_means_are_statsmodels_least_squares_means() -> None:
    values = objective(4)
    values[[0, 4, 7, 7, 11], [1, 2, 0, 3, 4]] = np.nan
    data = frame(values)
    data["cell"] = [f"{a}/{b}" for a, b in zip(data["a"], data["b"], strict=True)]
    model = ols("obj ~ C(rep) + C(cell)", data).fit()
    fit = fit_additive(values, np.ones(len(values), dtype=np.bool_))
    rows = [{k: float(v) for k, v in enumerate(row) if np.isfinite(v)} for row in values]
    effects = block_effects(rows)
    for i, (a, b) in enumerate(GRID):
        expected = model.predict(pd.DataFrame({"rep": range(5), "cell": f"{a}/{b}"})).mean()
        assert fit.means[i] == pytest.approx(expected, rel=1e-9)
        assert adjusted_mean(rows[i], effects) == pytest.approx(expected, rel=1e-9), "plain Python and numpy agree"


def test_flags_without_an_effect_get_the_share_expected_and_an_omega_squared_about_zero() -> None:
    rng = np.random.default_rng(5)
    etas, omegas = [], []
    for _ in range(300):
        effect = shares_of(analyse_effects(COMBINATIONS, rng.standard_normal((12, 5))))[("dropout",)]
        etas.append(effect.eta_squared)
        omegas.append(effect.omega_squared)
    assert np.mean(np.array(etas, dtype=float)) == pytest.approx(effect.expected_share, abs=0.01)
    assert np.mean(np.array(omegas, dtype=float)) == pytest.approx(0, abs=0.01)


def test_higher_orders_are_always_shown() -> None:
    grid = list(itertools.product([0, 1], [0, 1], [0, 1]))
    combinations = [Combination(f"{i}", {"a": a, "b": b, "c": c}, i) for i, (a, b, c) in enumerate(grid)]
    rng = np.random.default_rng(6)
    values = np.array([(-1.0) ** (a + b + c) for a, b, c in grid])[:, None] + 0.01 * rng.standard_normal((8, 4))
    effects = shares_of(analyse_effects(combinations, values))
    assert effects[()].eta_squared == pytest.approx(1, abs=0.01)


def test_one_replicate_has_shares_but_neither_errors_nor_omega_squared() -> None:
    result = analyse_effects(COMBINATIONS, objective(n=1))
    assert result is not None
    assert all(share.omega_squared is None and share.p_value is None for share in result.shares)
    assert all(share.eta_squared is not None for share in result.shares)
    assert [note.type for note in result.notes] == [NoteType.ONE_REPLICATE]


def test_losses_over_magnitudes_are_analysed_as_logarithms_and_it_is_said() -> None:
    values = objective()
    values[-1] *= 1e4
    result = analyse_effects(COMBINATIONS, values)
    accuracy = analyse_effects(COMBINATIONS, values, is_loss=False)
    assert result is not None and accuracy is not None
    assert result.log_scale and [note.type for note in result.notes] == [NoteType.LOG_SCALE]
    assert not accuracy.log_scale


def test_pairs_that_are_too_many_to_tell_apart_are_left_out_and_it_is_said() -> None:
    grid = list(itertools.product(range(25), range(25)))[:-1]
    combinations = [Combination(f"{i:03x}", {"a": a, "b": b}, i) for i, (a, b) in enumerate(grid)]
    values = np.random.default_rng(9).standard_normal((len(grid), 3))
    result = analyse_effects(combinations, values)
    assert result is not None
    assert [note.type for note in result.notes] == [NoteType.PARTIAL_GRID, NoteType.PAIRS_LEFT_OUT]
    assert ("a", "b") not in shares_of(result) and () in shares_of(result)


@pytest.mark.parametrize(
    "rows", [pytest.param(slice(0, 1), id="one combination"), pytest.param(slice(0, 0), id="none at all")]
)
def test_no_effects_without_something_to_compare(rows: slice) -> None:
    assert analyse_effects(COMBINATIONS[rows], objective()[rows]) is None


def test_no_effects_where_no_two_combinations_share_a_replicate() -> None:
    values = np.full((2, 2), np.nan)
    values[0, 0], values[1, 1] = 1.0, 2.0
    assert analyse_effects(COMBINATIONS[:2], values) is None
