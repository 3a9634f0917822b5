"""Effects against statsmodels and against a transcription of Greenhouse and Geisser's formulas, to 1e-9."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import f as fisher
from statsmodels.formula.api import ols
from statsmodels.stats.anova import AnovaRM

from regsweep.api.analysis import Effects, Share
from regsweep.api.findings import NoteType
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects
from regsweep.core.judging.stats.effects import Term, VarianceTable, analyse_effects, split_variance
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.term_tests import filled, holm

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
    for flags, name in NAMES.items():
        term, share, row = terms_of(split)[flags], shares_of(effects)[flags], table.loc[name]
        assert term.degrees_of_freedom == row["df"]
        assert term.sum_of_squares == pytest.approx(row["sum_sq"], rel=1e-9)
        assert term.test is not None
        chance = row["df"] * term.test.error_mean_square
        assert share.eta_squared == pytest.approx(row["sum_sq"] / left, rel=1e-9)
        assert share.expected_share == pytest.approx(chance / left, rel=1e-9)
        assert share.omega_squared == pytest.approx(
            (row["sum_sq"] - chance) / (left + term.test.error_mean_square), rel=1e-9
        )
    assert split.residual == pytest.approx(table.loc["Residual", "sum_sq"], rel=1e-9)


def greenhouse_geisser(values: Floats, contrasts: Floats) -> tuple[float, float]:
    """Epsilon and p value by the covariance of the contrasts, (d, G) and orthonormal."""
    scores = contrasts @ values
    d, n = scores.shape
    covariance = np.atleast_2d(np.cov(scores))
    epsilon = np.trace(covariance) ** 2 / (d * np.trace(covariance @ covariance))
    f = n * (scores.mean(axis=1) ** 2).sum() / np.trace(covariance)
    return epsilon, float(fisher.sf(f, epsilon * d, epsilon * d * (n - 1)))


def orthonormal(levels: int) -> Floats:
    """(levels - 1, levels): contrasts without the mean."""
    return np.linalg.svd(np.eye(levels) - 1 / levels)[2][:-1]


CONTRASTS = {
    ("l2",): np.kron(orthonormal(3), np.full((1, 4), 0.5)),
    ("dropout",): np.kron(np.full((1, 3), 3**-0.5), orthonormal(4)),
    ("l2", "dropout"): np.kron(orthonormal(3), orthonormal(4)),
}


def test_each_term_is_tested_against_its_own_error_as_statsmodels_does() -> None:
    values = objective()
    table = AnovaRM(frame(values), "obj", "rep", within=["a", "b"]).fit().anova_table
    split, effects = split_variance(COMBINATIONS, values), analyse_effects(COMBINATIONS, values)
    ps = []
    for flags, name in {("l2",): "a", ("dropout",): "b", ("l2", "dropout"): "a:b"}.items():
        test = terms_of(split)[flags].test
        epsilon, p = greenhouse_geisser(values, CONTRASTS[flags])
        assert test is not None
        assert test.f == pytest.approx(table.loc[name, "F Value"], rel=1e-9)
        assert test.epsilon == pytest.approx(epsilon, rel=1e-9)
        assert test.p_value == pytest.approx(p, rel=1e-9)
        ps.append((p, flags))
    adjusted = np.maximum.accumulate([p * (3 - place) for place, (p, _) in enumerate(sorted(ps))])
    for (_, flags), expected in zip(sorted(ps), adjusted, strict=True):
        assert shares_of(effects)[flags].p_value == pytest.approx(min(expected, 1), rel=1e-9)


def test_a_partial_grid_is_tested_by_contrasts_orthogonal_to_all_other_terms() -> None:
    values = objective(3)[:-1]
    terms = terms_of(split_variance(COMBINATIONS[:-1], values))
    a, b = (np.array([CONTRASTS[flags][:, row] for row in range(11)]) for flags in (("l2",), ("dropout",)))
    for flags, own, other in ((("l2",), a, b), (("dropout",), b, a)):
        others = np.column_stack([np.ones(11), other])
        left = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
        test = terms[flags].test
        epsilon, p = greenhouse_geisser(values, np.linalg.qr(left)[0].T)
        assert test is not None
        assert test.epsilon == pytest.approx(epsilon, rel=1e-9)
        assert test.p_value == pytest.approx(p, rel=1e-9)


def test_missing_cells_are_filled_in_by_least_squares_and_bring_no_replicates() -> None:
    rng = np.random.default_rng(4)
    levels, hard = rng.standard_normal((12, 1)), rng.standard_normal(5)
    values = levels + hard
    values[[0, 4, 7, 7], [1, 2, 0, 3]] = np.nan
    table, replicates = filled(values)
    np.testing.assert_allclose(table, levels + hard, atol=1e-9)
    assert replicates == pytest.approx(12 / (9 / 5 + 2 / 4 + 1 / 3))


def test_a_flag_that_changes_nothing_at_all_is_no_more_than_chance() -> None:
    values = objective(5)
    values = np.repeat(values[::4], 4, axis=0)  # dropout has no effect, not even on a digit
    shares = shares_of(analyse_effects(COMBINATIONS, values))
    assert shares[("dropout",)].p_value == 1
    assert shares[("l2",)].p_value is not None and shares[("l2",)].p_value < 0.05


@pytest.mark.parametrize("small", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("missing", [0, 1], ids=["a full grid", "a combination missing"])
@pytest.mark.parametrize("levels", [(2, 2, 2), (2, 3, 4), (5, 2, 3)])
def test_what_a_flag_that_changes_nothing_takes_part_in_is_no_more_than_chance(
    levels: tuple[int, ...], missing: int, small: float
) -> None:
    """Whatever rounding leaves. `small`: what others change, beside a value of about 1.5."""
    rng = np.random.default_rng(7)
    places = list(itertools.product(*map(range, levels)))
    combinations = [Combination(f"{i:02x}", {"idle": a, "x": b, "y": c}, i) for i, (a, b, c) in enumerate(places)]
    of_others = 1.5 + small * rng.standard_normal((levels[1], levels[2], 3))
    values = np.array([of_others[b, c] for _, b, c in places])
    keep = len(places) - missing
    shares = shares_of(analyse_effects(combinations[:keep], values[:keep]))
    idle = {flags: share.p_value for flags, share in shares.items() if "idle" in flags or not flags}
    assert {("idle",), ("idle", "x"), ("idle", "y")} <= set(idle)
    assert set(idle.values()) == {1}


def test_of_a_pair_with_a_missing_cell_what_is_seen_has_the_degrees_of_freedom_that_are_left() -> None:
    values = objective(6)[:-1]
    table = AnovaRM(
        frame(values).assign(cell=lambda d: d["a"].astype(str) + "/" + d["b"].astype(str)),
        "obj",
        "rep",
        within=["cell"],
    ).fit()
    assert table.anova_table.loc["cell", "Num DF"] == 10
    terms = terms_of(split_variance(COMBINATIONS[:-1], values))
    pair = terms[("l2", "dropout")]
    assert pair.test is not None and pair.sum_of_squares is not None and pair.degrees_of_freedom == 5
    assert pair.test.f == pytest.approx(pair.sum_of_squares / 5 / pair.test.error_mean_square, rel=1e-9)
    assert () not in terms, "nothing is left beside flags and pairs"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], id="steps, and never below the one before"),
        pytest.param([0.5, None, 0.9], [1.0, None, 1.0], id="at most 1; what has none does not count"),
        pytest.param([], [], id="none"),
    ],
)
def test_holm(given: list[float | None], expected: list[float | None]) -> None:
    assert holm(given) == [None if each is None else pytest.approx(each) for each in expected]


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
    assert split.residual == pytest.approx(fit.ssr, rel=1e-9)
    for flags in (("l2",), ("dropout",)):
        p = shares_of(effects)[flags].p_value
        assert p is not None and p < 0.05, "what is clear with all replicates is found with most of them"


def test_in_a_partial_grid_flags_are_beside_each_other_and_a_pair_is_what_they_leave() -> None:
    values = objective(3)[:-1]
    additive = ols("obj ~ C(rep, Sum) + C(a, Sum) + C(b, Sum)", frame(values)).fit()
    table = sm.stats.anova_lm(additive, typ=3)
    cells = ols("obj ~ C(rep, Sum) + C(a):C(b)", frame(values)).fit()
    terms = terms_of(split_variance(COMBINATIONS[:-1], values))
    assert terms[("l2",)].sum_of_squares == pytest.approx(table.loc["C(a, Sum)", "sum_sq"], rel=1e-9)
    assert terms[("l2", "dropout")].sum_of_squares == pytest.approx(additive.ssr - cells.ssr, rel=1e-8)


def test_in_a_sparse_sample_what_flags_alone_do_not_explain_is_one_term() -> None:
    rng = np.random.default_rng(8)
    cells = [(a, b, (a + b + c) % 4) for a, b, c in itertools.product(range(4), range(3), range(1))]
    grid = [Combination(f"{i:02x}", {"a": a, "b": b, "c": c}, i) for i, (a, b, c) in enumerate(cells)]
    terms = terms_of(split_variance(grid, rng.standard_normal((12, 5))))
    assert all(terms[(flag,)].sum_of_squares is not None for flag in "abc")
    assert all(terms[pair].sum_of_squares is None for pair in itertools.combinations("abc", 2))
    assert terms[()].degrees_of_freedom == 12 - 1 - 3 - 2 - 3


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
    etas, omegas, chances = [], [], []
    for _ in range(300):
        effect = shares_of(analyse_effects(COMBINATIONS, rng.standard_normal((12, 5))))[("dropout",)]
        etas.append(effect.eta_squared)
        omegas.append(effect.omega_squared)
        chances.append(effect.expected_share)
    assert np.mean(np.array(etas, dtype=float)) == pytest.approx(3 / 55, abs=0.01)
    assert np.mean(np.array(chances, dtype=float)) == pytest.approx(3 / 55, abs=0.01)
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
    assert all(share.omega_squared is share.p_value is share.expected_share is None for share in result.shares)
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
