"""Marginal means against pandas and statsmodels, to 1e-9."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from statsmodels.formula.api import ols

from regsweep.api.analysis import Effects, MarginalMean
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.levels import Scale
from regsweep.core.judging.stats.moderation import Floats

L2, DROPOUT = [0.0, 0.01, 0.1], [0.0, 0.2, 0.4, 0.6]
GRID = list(itertools.product(L2, DROPOUT))
COMBINATIONS = [Combination(f"{i:02x}", {"l2": a, "dropout": b}, i) for i, (a, b) in enumerate(GRID)]


def objective(n: int = 5, interplay: float = 0.0) -> Floats:
    rng = np.random.default_rng(3)
    levels = np.array([2 + 3 * a + b + interplay * a * b for a, b in GRID])
    return levels[:, None] + 0.3 * rng.standard_normal(n) + 0.1 * rng.standard_normal((len(GRID), n))


def effects_of(values: Floats, combinations: list[Combination] = COMBINATIONS, scale: Scale | None = None) -> Effects:
    found = analyse_effects(combinations, values, scale=scale)
    assert found is not None
    return found


def frame(values: Floats) -> pd.DataFrame:
    rows = [
        {"l2": a, "dropout": b, "replicate": k, "loss": values[i, k]}
        for i, (a, b) in enumerate(GRID[: len(values)])
        for k in range(values.shape[1])
    ]
    return pd.DataFrame(rows)


def at(effects: Effects, flag: str, value: object) -> MarginalMean:
    return next(mean for mean in effects.means if mean.flag == flag and mean.value == value)


def test_of_a_full_grid_each_mean_is_the_plain_one_with_the_error_of_its_replicates() -> None:
    values = objective()
    effects, table = effects_of(values), frame(values)
    assert [(mean.flag, mean.value) for mean in effects.means] == [("l2", v) for v in L2] + [
        ("dropout", v) for v in DROPOUT
    ]
    for mean in effects.means:
        of_value = table[table[mean.flag] == mean.value]
        by_replicate = of_value.groupby("replicate")["loss"].mean()
        error, margin = by_replicate.std() / np.sqrt(5), student.ppf(0.975, 4)
        level = mean.level
        assert level is not None and mean.combinations == of_value.groupby(["l2", "dropout"]).ngroups
        assert (mean.mean, level.standard_error) == pytest.approx((by_replicate.mean(), error), abs=1e-9)
        assert (level.low, level.high) == pytest.approx(
            (mean.mean - margin * error, mean.mean + margin * error), abs=1e-9
        )


def test_the_difference_to_the_best_value_is_paired_by_replicates() -> None:
    values = objective()
    effects, table = effects_of(values), frame(values)
    by_replicate = table.groupby(["dropout", "replicate"])["loss"].mean().unstack(0)
    gaps = by_replicate[0.6] - by_replicate[0.0]
    found = at(effects, "dropout", 0.6).beside_best
    assert found is not None and at(effects, "dropout", 0.0).beside_best is None
    assert (found.mean, found.standard_error) == pytest.approx((gaps.mean(), gaps.std() / np.sqrt(5)), abs=1e-9)
    level = at(effects, "dropout", 0.6).level
    assert level is not None and found.standard_error < level.standard_error


@pytest.mark.parametrize(("flag", "pairs"), [("l2", 3), ("dropout", 6)])
def test_the_differences_of_a_flag_hold_together_for_all_pairs_of_its_values(flag: str, pairs: int) -> None:
    found = [mean.beside_best for mean in effects_of(objective()).means if mean.flag == flag and mean.beside_best]
    margin = student.ppf(1 - 0.025 / pairs, 4)
    assert found and all(each.high - each.mean == pytest.approx(margin * each.standard_error) for each in found)


def test_with_two_values_the_difference_is_that_of_the_paired_t_test() -> None:
    rows = [row for row, (_, dropout) in enumerate(GRID) if dropout in (0.0, 0.6)]
    found = at(effects_of(objective()[rows], [COMBINATIONS[row] for row in rows]), "dropout", 0.6).beside_best
    assert found is not None
    assert found.high - found.mean == pytest.approx(student.ppf(0.975, 4) * found.standard_error)


def test_of_values_that_are_equal_seldom_any_is_shown_as_worse() -> None:
    rng = np.random.default_rng(4)
    grid = [Combination(f"{i}", {"l2": float(i)}, i) for i in range(6)]
    worse = 0
    for _ in range(200):
        found = effects_of(1 + 0.1 * rng.standard_normal((6, 5)), grid).means
        worse += any(mean.beside_best is not None and mean.beside_best.low > 0 for mean in found)
    assert worse / 200 <= 0.05


def test_where_large_is_good_worse_is_still_positive() -> None:
    effects = effects_of(-objective(), scale=Scale(sign=-1.0))
    worst, best = at(effects, "dropout", 0.6), at(effects, "dropout", 0.0)
    assert best.beside_best is None and worst.beside_best is not None and worst.beside_best.mean > 0
    assert worst.mean < best.mean


def test_of_a_partial_grid_the_means_are_over_the_settings_in_which_all_values_were_trained() -> None:
    values = objective(interplay=30)[:-2]
    effects, table = effects_of(values, COMBINATIONS[:-2]), frame(values)
    whole = {"l2": table[table["dropout"].isin([0.0, 0.2])], "dropout": table[table["l2"].isin([0.0, 0.01])]}
    for mean in effects.means:
        rows = whole[mean.flag][whole[mean.flag][mean.flag] == mean.value]
        by_replicate = rows.groupby("replicate")["loss"].mean()
        assert mean.mean == pytest.approx(by_replicate.mean(), abs=1e-9)
        assert mean.combinations == len(rows) // 5
        assert mean.level is not None
        assert mean.level.standard_error == pytest.approx(by_replicate.std() / np.sqrt(5), abs=1e-9)


def test_where_no_setting_has_all_values_the_means_are_those_of_the_fitted_model_without_an_interval() -> None:
    keep = [
        row
        for row, (l2, dropout) in enumerate(GRID)
        if (l2, dropout) not in ((0.0, 0.0), (0.01, 0.2), (0.1, 0.4), (0.0, 0.6))
    ]
    values = objective()[keep]
    effects = effects_of(values, [COMBINATIONS[row] for row in keep])
    table = frame(objective()).set_index(["l2", "dropout"]).loc[[GRID[row] for row in keep]].reset_index()
    model = ols("loss ~ C(l2, Sum) + C(dropout, Sum) + C(replicate, Sum)", table).fit()
    of_l2 = [mean for mean in effects.means if mean.flag == "l2"]
    assert [mean.combinations for mean in of_l2] == [2, 3, 3]
    for mean in of_l2:
        even = pd.DataFrame([{"l2": mean.value, "dropout": v, "replicate": k} for v in DROPOUT for k in range(5)])
        assert mean.mean == pytest.approx(float(model.predict(even).mean()), abs=1e-9)
        assert mean.level is mean.beside_best is None


def test_a_missing_replicate_brings_no_certainty() -> None:
    values = objective()
    values[3, 2] = values[7, 4] = np.nan
    with_all, with_fewer = effects_of(objective()), effects_of(values)
    of_all, of_fewer = at(with_all, "l2", 0.1), at(with_fewer, "l2", 0.1)
    assert of_all.level is not None and of_fewer.level is not None
    assert of_fewer.mean == pytest.approx(of_all.mean, abs=0.1)
    assert of_fewer.level.high - of_fewer.level.low > 0.9 * (of_all.level.high - of_all.level.low)


def test_flags_that_always_vary_together_have_no_means_of_their_own() -> None:
    together = [Combination(f"{i}", {"l2": v, "dropout": v}, i) for i, v in enumerate(L2)]
    assert effects_of(objective()[:3], together).means == []


def test_values_come_in_the_order_of_the_grid_whatever_the_ranking_is() -> None:
    ranked = effects_of(objective()[::-1], COMBINATIONS[::-1])
    assert [mean.value for mean in ranked.means if mean.flag == "l2"] == L2


def test_losses_that_span_magnitudes_have_geometric_means_and_ratios() -> None:
    values = np.exp(6 * objective(interplay=30))
    effects = effects_of(values)
    assert effects.log_scale and not effects_of(objective()).log_scale
    for mean, same in zip(effects.means, effects_of(6 * objective(interplay=30)).means, strict=True):
        assert mean.mean == pytest.approx(np.exp(same.mean), rel=1e-9)
        if same.beside_best is not None and mean.beside_best is not None:
            ends = (same.beside_best.mean, same.beside_best.low, same.beside_best.high)
            found = (mean.beside_best.mean, mean.beside_best.low, mean.beside_best.high)
            assert found == pytest.approx([np.exp(end) - 1 for end in ends], rel=1e-9)


@pytest.mark.parametrize("missing", [0, 1])
def test_an_interplay_that_matters_has_the_mean_of_each_pair(missing: int) -> None:
    """Over the settings in which all pairs were trained: where one is missing, those with 2 units."""
    values = objective(interplay=40)
    rows = [place for place in range(len(GRID)) if place >= missing]
    third = [
        Combination(f"{i}", {**c.flags, "units": u}, i)
        for i, (c, u) in enumerate(itertools.product(COMBINATIONS, [1, 2]))
    ]
    doubled = np.repeat(values, 2, axis=0) + np.tile([0.0, 0.5], len(values))[:, None]
    keep = [2 * row + u for row in rows for u in (0, 1)] + ([1] if missing else [])
    effects = effects_of(doubled[keep], [third[row] for row in keep])
    pair = next(each for each in effects.interplays if each.flags == ["l2", "dropout"])
    assert [tuple(cell.values) for cell in pair.cells] == GRID or missing
    for cell in pair.cells:
        place = GRID.index((cell.values[0], cell.values[1]))  # type: ignore[arg-type]
        assert cell.mean == pytest.approx(values[place].mean() + (0.5 if missing else 0.25), abs=1e-9)
        assert cell.level is not None


def test_an_interplay_that_may_be_chance_is_not_shown() -> None:
    assert effects_of(objective()).interplays == []


def test_the_means_of_a_share_stay_within_0_and_1() -> None:
    accuracies = np.clip(1 - 0.02 * objective() ** 2 / 9, 0, 1)
    effects = analyse_effects(COMBINATIONS, accuracies, is_loss=False, scale=Scale(-1.0, 0.0, 1.0))
    assert effects is not None and all(m.level is not None and m.level.high <= 1 for m in effects.means)


def test_below_three_replicates_there_are_means_without_errors() -> None:
    means = effects_of(objective(n=2)).means
    assert means and all(mean.level is None and mean.beside_best is None for mean in means)


def test_the_status_lists_whole_flags_and_a_small_interplay_alone() -> None:
    effects = effects_of(objective(interplay=40))
    assert [mean.flag for mean in effects.shortened(20).means] == ["l2"] * 3 + ["dropout"] * 4
    assert [mean.flag for mean in effects.shortened(5).means] == ["l2"] * 3
    assert effects.interplays and effects.shortened(20).interplays and not effects.shortened(5).interplays
