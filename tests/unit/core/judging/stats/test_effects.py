"""Effects against statsmodels, to 1e-9."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects
from regsweep.core.judging.stats.effects import LOG_NOTE, Effect, Effects, analyse_effects
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


def by_name(effects: Effects | None) -> dict[tuple[str, ...], Effect]:
    assert effects is not None
    return {effect.flags: effect for effect in effects.effects}


NAMES = {("l2",): "C(a)", ("dropout",): "C(b)", ("l2", "dropout"): "C(a):C(b)"}


def test_a_full_grid_is_split_as_statsmodels_does() -> None:
    values = objective()
    table = sm.stats.anova_lm(ols("obj ~ C(rep) + C(a)*C(b)", frame(values)).fit(), typ=1)
    result = analyse_effects(COMBINATIONS, values)
    assert result is not None and not result.type_iii
    for flags, name in NAMES.items():
        effect = by_name(result)[flags]
        row = table.loc[name]
        assert effect.degrees_of_freedom == row["df"]
        assert effect.sum_of_squares == pytest.approx(row["sum_sq"], rel=1e-9)
        assert effect.f == pytest.approx(row["F"], rel=1e-9)
        assert effect.p_value == pytest.approx(row["PR(>F)"], rel=1e-6)
        left = table["sum_sq"].sum() - table.loc["C(rep)", "sum_sq"]
        assert effect.eta_squared == pytest.approx(row["sum_sq"] / left, rel=1e-9)
        noise = table.loc["Residual", "sum_sq"] / table.loc["Residual", "df"]
        assert effect.omega_squared == pytest.approx((row["sum_sq"] - row["df"] * noise) / (left + noise), rel=1e-9)
    assert result.residual_degrees_of_freedom == table.loc["Residual", "df"]
    assert result.residual_mean_square == pytest.approx(noise, rel=1e-9)


def test_missing_replicates_give_type_iii_as_statsmodels_does() -> None:
    values = objective(2)
    values[[0, 4, 7, 7], [1, 2, 0, 3]] = np.nan
    fit = ols("obj ~ C(rep, Sum) + C(a, Sum)*C(b, Sum)", frame(values)).fit()
    table = sm.stats.anova_lm(fit, typ=3)
    result = analyse_effects(COMBINATIONS, values)
    assert result is not None and result.type_iii
    for flags, name in {
        ("l2",): "C(a, Sum)",
        ("dropout",): "C(b, Sum)",
        ("l2", "dropout"): "C(a, Sum):C(b, Sum)",
    }.items():
        assert by_name(result)[flags].sum_of_squares == pytest.approx(table.loc[name, "sum_sq"], rel=1e-9)
        assert by_name(result)[flags].f == pytest.approx(table.loc[name, "F"], rel=1e-9)
    assert result.residual_mean_square == pytest.approx(fit.mse_resid, rel=1e-9)


def test_a_partial_grid_refuses_the_pair_and_keeps_the_flags() -> None:
    values = objective(3)[:-1]
    table = sm.stats.anova_lm(ols("obj ~ C(rep, Sum) + C(a, Sum) + C(b, Sum)", frame(values)).fit(), typ=3)
    effects = by_name(analyse_effects(COMBINATIONS[:-1], values))
    assert effects[("l2", "dropout")].sum_of_squares is None
    assert effects[("l2",)].sum_of_squares == pytest.approx(table.loc["C(a, Sum)", "sum_sq"], rel=1e-9)
    assert effects[()].degrees_of_freedom == 5, "what flags alone do not explain is shown all the same"


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
        effect = by_name(analyse_effects(COMBINATIONS, rng.standard_normal((12, 5))))[("dropout",)]
        etas.append(effect.eta_squared)
        omegas.append(effect.omega_squared)
    assert np.mean(np.array(etas, dtype=float)) == pytest.approx(effect.expected_share, abs=0.01)
    assert np.mean(np.array(omegas, dtype=float)) == pytest.approx(0, abs=0.01)


def test_higher_orders_are_always_shown() -> None:
    grid = list(itertools.product([0, 1], [0, 1], [0, 1]))
    combinations = [Combination(f"{i}", {"a": a, "b": b, "c": c}, i) for i, (a, b, c) in enumerate(grid)]
    rng = np.random.default_rng(6)
    values = np.array([(-1.0) ** (a + b + c) for a, b, c in grid])[:, None] + 0.01 * rng.standard_normal((8, 4))
    effects = by_name(analyse_effects(combinations, values))
    assert effects[()].eta_squared == pytest.approx(1, abs=0.01)


def test_one_replicate_has_shares_but_neither_errors_nor_omega_squared() -> None:
    result = analyse_effects(COMBINATIONS, objective(n=1))
    assert result is not None
    assert all(effect.omega_squared is None and effect.p_value is None for effect in result.effects)
    assert all(effect.eta_squared is not None for effect in result.effects)
    assert all(mean.low is None for mean in result.marginal_means)


def test_losses_over_magnitudes_are_analysed_as_logarithms_and_it_is_said() -> None:
    values = objective()
    values[-1] *= 1e4
    result = analyse_effects(COMBINATIONS, values)
    accuracy = analyse_effects(COMBINATIONS, values, is_loss=False)
    assert result is not None and accuracy is not None
    assert result.log_scale and LOG_NOTE in result.notes
    assert not accuracy.log_scale


def test_marginal_means_are_means_with_the_error_within_replicates() -> None:
    values = objective()
    result = analyse_effects(COMBINATIONS, values)
    assert result is not None
    l2 = [mean for mean in result.marginal_means if mean.flag == "l2"]
    for place, mean in enumerate(l2):
        own = values.reshape(3, 4, 5)[place].mean(axis=0)
        assert mean.mean == pytest.approx(own.mean(), rel=1e-9)
        assert mean.standard_error == pytest.approx((own - values.mean(axis=0)).std(ddof=1) / np.sqrt(5), rel=1e-9)
        assert (mean.value, mean.combinations) == (L2[place], 4)


@pytest.mark.parametrize(
    "rows", [pytest.param(slice(0, 1), id="one combination"), pytest.param(slice(0, 0), id="none at all")]
)
def test_no_effects_without_something_to_compare(rows: slice) -> None:
    assert analyse_effects(COMBINATIONS[rows], objective()[rows]) is None


def test_no_effects_where_no_two_combinations_share_a_replicate() -> None:
    values = np.full((2, 2), np.nan)
    values[0, 0], values[1, 1] = 1.0, 2.0
    assert analyse_effects(COMBINATIONS[:2], values) is None
