"""What each flag is worth, within the ranges swept: analysis of variance with the replicate as block.

The replicate's own sum of squares is taken out first (every combination has the same replicates). Of what is left, each
flag, each pair of flags, and all higher orders together get a share:

    eta^2   = SS / SS_left                        never below 0, and above 0 where nothing has an effect
    by chance alone = df MS_e / SS_left           what the term's own noise adds to eta^2
    omega^2 = (SS - df MS_e) / (SS_left + MS_e)   about 0 where nothing has an effect; may be slightly negative

with MS_e the mean square of term x replicate (see `term_tests`). Hays, "Statistics for Psychologists" (1963), for omega^2.
A full grid with all replicates is split exactly; a partial one by type III sums of squares (each term against all others,
sum-to-zero contrasts), after a check that the term can be estimated from the combinations there are. Such a share takes what is
not in the model for 0; whether it is more than chance is asked of matched combinations alone (`matched`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from regsweep.api.analysis import Effects, Share
from regsweep.api.findings import Note, NoteType
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.equations import Equations, Model, Part
from regsweep.core.judging.stats.factors import Factor, contrasts, factors_of, products
from regsweep.core.judging.stats.levels import Scale
from regsweep.core.judging.stats.matched import matched_gram
from regsweep.core.judging.stats.means import GridMeans
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.term_tests import (
    TermTest,
    filled,
    holm,
    rest_gram,
    term_test,
)

LOG_RATIO = 10.0
"""A loss whose largest combination is above this many times the median is analysed as its logarithm."""
MAX_COLUMNS = 400
"""Widest type III design; beyond it pairs are left out, and counted with the higher orders."""


@dataclass(frozen=True, slots=True)
class Term:
    """A flag, a pair of flags, or all higher orders together (no flags)."""

    flags: tuple[str, ...]
    degrees_of_freedom: int
    sum_of_squares: float | None
    """None where the combinations there are do not let it be estimated."""
    test: TermTest | None = None
    """None where it cannot be estimated in at least two replicates."""


@dataclass(frozen=True, slots=True)
class VarianceTable:
    """The sums of squares of an analysis of variance, however they were come by."""

    terms: tuple[Term, ...]
    """Flags, then pairs, then the higher orders."""
    left: float
    """Sum of squares without the replicates'."""
    residual: float
    """Of all terms x replicate together."""
    is_partial: bool = False
    """Type III: the grid is not full, or replicates are missing."""
    pairs_left_out: bool = False


def analyse_effects(
    combinations: Sequence[Combination],
    values: Floats,
    left_out: int = 0,
    is_loss: bool = True,
    scale: Scale | None = None,
) -> Effects | None:
    """What each flag, each pair and the higher orders account for.

    `values`: (G, n) the objective in its own direction, NaN for a missing cell; rows as in `combinations`, without those
    in which a replicate diverged: `left_out` says how many. `is_loss`: whether logarithms may be taken. `scale`: the objective's;
    None: smaller is better, without bounds.

    None with fewer than two combinations, where no flag varies, or where no two combinations share a replicate.
    """
    log_scale = is_loss and _spans_magnitudes(values)
    table = split_variance(combinations, np.log(values) if log_scale else values)
    if table is None:
        return None
    one_replicate = int(np.isfinite(values).any(axis=0).sum()) == 1
    said = (
        (NoteType.LOG_SCALE, log_scale),
        (NoteType.PARTIAL_GRID, table.is_partial),
        (NoteType.PAIRS_LEFT_OUT, table.pairs_left_out),
        (NoteType.ONE_REPLICATE, one_replicate),
    )
    p_values = holm([None if t.test is None else t.test.p_value for t in table.terms])
    shares = [_share(term, table.left, p) for term, p in zip(table.terms, p_values, strict=True)]
    grid = GridMeans.of(combinations, np.log(values) if log_scale else values, scale or Scale(1.0), log_scale)
    return Effects(
        shares=shares,
        means=grid.marginal_means(),
        interplays=grid.interplays(shares),
        log_scale=log_scale,
        adds_up=not table.is_partial,
        left_out=left_out,
        notes=[Note(type=kind) for kind, holds in said if holds],
    )


def split_variance(combinations: Sequence[Combination], values: Floats) -> VarianceTable | None:
    """Splits the differences between combinations into flags, pairs and higher orders. Arguments as in `analyse_effects`."""
    keep = np.flatnonzero(np.isfinite(values).any(axis=1))
    values = values[keep]
    factors = factors_of([combinations[row] for row in keep.tolist()])
    if len(values) < 2 or not factors:
        return None
    values = values[:, np.isfinite(values).any(axis=0)]
    if np.isfinite(values).sum() == values.shape[1]:
        return None  # no two combinations share a replicate: all differences may be the replicates'
    is_full = prod(factor.levels for factor in factors) == len(values) and bool(np.isfinite(values).all())
    return _balanced(values, factors) if is_full else _partial(values, factors)


def _spans_magnitudes(values: Floats) -> bool:
    values = values[np.isfinite(values).any(axis=1)]
    if len(values) == 0 or not (values[np.isfinite(values)] > 0).all():
        return False
    means = np.nanmean(values, axis=1)
    return bool(means.max() > LOG_RATIO * np.median(means))


def _balanced(values: Floats, factors: Sequence[Factor]) -> VarianceTable:
    """A full grid with every replicate: orthogonal, so that means alone give the sums of squares.

    An effect is what is left of means when the means over each of its flags are taken out. Sums of squares would differ by as little
    as rounding leaves, and a flag that changes nothing would be sure to.
    """
    centred = values - values.mean(axis=0)
    left = float((centred**2).sum())
    rest = centred.copy()
    terms = []
    for chosen in (*((factor,) for factor in factors), *itertools.combinations(factors, 2)):
        df = prod(factor.levels - 1 for factor in chosen)
        effect = _effect(centred, chosen)
        rest -= effect[tuple(factor.codes for factor in chosen)]
        by_cell = effect.reshape(-1, effect.shape[-1])
        gram = by_cell.T @ by_cell * (len(values) / len(by_cell))
        terms.append(_tested(tuple(factor.name for factor in chosen), df, gram, left))
    higher = len(values) - 1 - sum(term.degrees_of_freedom for term in terms)
    if higher > 0:
        rest -= rest.mean(axis=0)
        terms.append(_tested((), higher, rest.T @ rest, left))
    return VarianceTable(terms=tuple(terms), left=left, residual=left - _sum_of_squares(centred.T @ centred))


def _tested(flags: tuple[str, ...], degrees_of_freedom: int, gram: Floats, left: float) -> Term:
    return Term(flags, degrees_of_freedom, _sum_of_squares(gram), term_test(gram, degrees_of_freedom, left))


def _effect(centred: Floats, factors: Sequence[Factor]) -> Floats:
    """(levels of each factor ..., n) what these levels together add to the means, beyond what fewer of them do."""
    sums = np.zeros((*(factor.levels for factor in factors), centred.shape[1]))
    np.add.at(sums, tuple(factor.codes for factor in factors), centred)
    effect = sums / (len(centred) / prod(factor.levels for factor in factors))
    for axis in range(len(factors)):
        effect -= effect.mean(axis=axis, keepdims=True)
    return effect


def _sum_of_squares(gram: Floats) -> float:
    return max(float(gram.sum()) / len(gram), 0.0)


def _higher(degrees_of_freedom: int, squares: float, test: TermTest | None) -> list[Term]:
    """All orders above pairs as one term, where there are any."""
    return [Term((), degrees_of_freedom, max(squares, 0.0), test)] if degrees_of_freedom > 0 else []


def _partial(values: Floats, factors: Sequence[Factor]) -> VarianceTable:
    """A partial grid or missing cells: every term's share beside all others, and its test by what is matched."""
    there = np.isfinite(values)
    y = values[there]
    rows, replicates = np.nonzero(there)
    base = np.column_stack([np.ones(len(y)), contrasts(replicates, values.shape[1])])
    fit = fit_additive(values, np.ones(len(values), dtype=np.bool_))
    residual = float(np.nansum(fit.residuals**2))
    parts, pairs_left_out = _parts(factors, base.shape[1])
    equations = Equations(base, {flags: part[rows] for flags, part in parts.items()}, y)
    told, widest = _told_apart(equations, parts)
    left = equations.residual_squares([])
    table, harmonic_mean = filled(values)
    by_name = {factor.name: factor for factor in factors}
    terms = []
    for flags, part in parts.items():
        if flags not in told:
            terms.append(Term(flags, part.shape[1], None))
            continue
        model = told[flags]
        squares = max(equations.residual_squares([each for each in model.parts if each != flags]) - model.left, 0.0)
        gram, matched = matched_gram(table, part, factors, [by_name[name] for name in flags])
        terms.append(Term(flags, model.degrees[flags], squares, term_test(gram, matched, left, harmonic_mean)))
    gram, rest_df = rest_gram(table, [parts[flags] for flags in widest.parts])
    rest = widest.left - residual
    return VarianceTable(
        terms=(*terms, *_higher(rest_df, rest, term_test(gram, rest_df, left, harmonic_mean))),
        left=left,
        residual=residual,
        is_partial=True,
        pairs_left_out=pairs_left_out,
    )


def _told_apart(equations: Equations, parts: Mapping[Part, Floats]) -> tuple[dict[Part, Model], Model]:
    """The model that each term is told apart in; and the widest one. What is not told apart has none.

    A flag is, where all of its contrasts are, beside the other flags and the pairs of which that holds too. Of a pair what is seen
    beside all else: cells that are missing take contrasts from it. Which of two alike is declared first makes no difference.
    """
    beside_all = equations.degrees(list(parts))
    whole = equations.model([each for each in parts if len(each) == 1 or beside_all[each] == parts[each].shape[1]])
    widest = equations.model([each for each in parts if len(each) == 1 or beside_all[each]])
    flags = {each: whole for each in whole.parts if len(each) == 1 and whole.degrees[each] == parts[each].shape[1]}
    return flags | {each: widest for each in widest.parts if len(each) > 1}, widest


def _parts(factors: Sequence[Factor], base_columns: int) -> tuple[dict[tuple[str, ...], Floats], bool]:
    """The columns of each flag and of each pair, (G, d) each, and whether the pairs had to be left out: they would be too many."""
    parts: dict[tuple[str, ...], Floats] = {(f.name,): f.columns for f in factors}
    pairs = list(itertools.combinations(factors, 2))
    widths = [(a.levels - 1) * (b.levels - 1) for a, b in pairs]
    if base_columns + sum(part.shape[1] for part in parts.values()) + sum(widths) > MAX_COLUMNS:
        return parts, bool(pairs)
    for a, b in pairs:
        parts[(a.name, b.name)] = products(parts[(a.name,)], parts[(b.name,)])
    return parts, False


def _share(term: Term, left: float, p_value: float | None) -> Share:
    """`p_value`: adjusted for the number of terms."""
    squares, test, df = term.sum_of_squares, term.test, term.degrees_of_freedom
    eta = omega = chance = None
    if squares is not None and left > 0:
        eta = squares / left
        if test is not None:
            chance = df * test.error_mean_square / left
            omega = (squares - df * test.error_mean_square) / (left + test.error_mean_square)
    return Share(flags=list(term.flags), eta_squared=eta, omega_squared=omega, expected_share=chance, p_value=p_value)
