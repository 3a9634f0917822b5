"""What each flag is worth, within the ranges swept: analysis of variance with the replicate as block.

The replicate's own sum of squares is taken out first (every combination has the same replicates). Of what is left, each
flag, each pair of flags, and all higher orders together get a share:

    eta^2   = SS / SS_left                     never below 0, and above 0 where nothing has an effect
    omega^2 = (SS - df MS_e) / (SS_left + MS_e)     about 0 where nothing has an effect; may be slightly negative
    share expected under no effect = df / df_left

with MS_e the mean square of combination x replicate. Hays, "Statistics for Psychologists" (1963), for omega^2.
A full grid with all replicates is split exactly; a partial one by type III sums of squares (each term against all others,
sum-to-zero contrasts), after a check that the term can be estimated from the combinations there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from scipy.stats import f as fisher
from scipy.stats import t as student

from regsweep.api.canonical import canonical_json
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.spec import FlagValue
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.moderation import Floats

LOG_RATIO = 10.0
"""A loss whose largest combination is above this many times the median is analysed as its logarithm."""
MAX_COLUMNS = 400
"""Widest type III design; beyond it pairs are left out, and counted with the higher orders."""
HIGHER_ORDERS = "higher orders"

LOG_NOTE = (
    "Logarithms were analysed: the largest mean is above 10 times the median. Shares are of differences in ratio."
)
PARTIAL_NOTE = "The grid is not full, or replicates are missing: type III sums of squares, which need not add up."
NO_ERROR_NOTE = "One replicate: no noise can be estimated, hence no omega squared and no intervals."
PAIRS_NOTE = "Pairs of flags were left out (too many columns); they count with the higher orders."


@dataclass(frozen=True, slots=True)
class Effect:
    """What one flag, or a pair of flags, accounts for."""

    flags: tuple[str, ...]
    """One name, or two; empty for all higher orders together."""
    degrees_of_freedom: int
    sum_of_squares: float | None
    """None where the combinations there are do not let it be estimated; so is everything below."""
    eta_squared: float | None
    omega_squared: float | None
    """None also without an estimate of noise."""
    expected_share: float
    """The eta squared that comes about by chance alone."""
    f: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class MarginalMean:
    """A flag's value, averaged over all other flags."""

    flag: str
    value: FlagValue
    mean: float
    combinations: int
    standard_error: float | None
    """Of the difference to the mean over the flag's values, within replicates; None below 3 replicates."""
    low: float | None
    """Ends of the 95 % interval for `mean`, the replicates' own differences taken out."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Effects:
    """The analysis of variance of a sweep. Importance holds within the ranges swept, not beyond."""

    effects: tuple[Effect, ...]
    """Flags, then pairs, then the higher orders."""
    marginal_means: tuple[MarginalMean, ...]
    """On the scale that was analysed."""
    residual_degrees_of_freedom: int
    residual_mean_square: float | None
    log_scale: bool
    type_iii: bool
    left_out: int
    """Combinations without part in it, since a replicate diverged or gave no number."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Factor:
    name: str
    levels: tuple[FlagValue, ...]
    codes: np.ndarray[tuple[int], np.dtype[np.intp]]


def analyse_effects(
    combinations: Sequence[Combination], values: Floats, left_out: int = 0, is_loss: bool = True
) -> Effects | None:
    """Splits the differences between combinations into flags, pairs and higher orders.

    `values`: (G, n) the objective in its own direction, NaN for a missing cell; rows as in `combinations`, without those
    in which a replicate diverged: `left_out` says how many. `is_loss`: whether logarithms may be taken.

    None with fewer than two combinations, where no flag varies, or where no two combinations share a replicate.
    """
    keep = np.flatnonzero(np.isfinite(values).any(axis=1))
    values = values[keep]
    factors = _factors([combinations[row] for row in keep.tolist()])
    if len(values) < 2 or not factors:
        return None
    values = values[:, np.isfinite(values).any(axis=0)]
    notes: list[str] = []
    log_scale = is_loss and _spans_magnitudes(values)
    if log_scale:
        values = np.log(values)
        notes.append(LOG_NOTE)
    size = prod(len(factor.levels) for factor in factors)
    if np.isfinite(values).sum() == values.shape[1]:
        return None  # no two combinations share a replicate: all differences may be the replicates'
    full = size == len(values) and bool(np.isfinite(values).all())
    table = _Balanced(values, factors) if full else _Partial(values, factors)
    notes.extend(table.notes)
    if values.shape[1] == 1:
        notes.append(NO_ERROR_NOTE)
    return Effects(
        effects=tuple(_effect(term, table) for term in table.terms),
        marginal_means=_marginal_means(values, factors),
        residual_degrees_of_freedom=table.residual_df,
        residual_mean_square=table.mean_square,
        log_scale=log_scale,
        type_iii=not full,
        left_out=left_out,
        notes=tuple(notes),
    )


def _spans_magnitudes(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    means = np.nanmean(values, axis=1)
    return bool((finite > 0).all() and means.max() > LOG_RATIO * np.median(means))


def _factors(combinations: Sequence[Combination]) -> list[_Factor]:
    if not combinations:
        return []
    factors = []
    for name in combinations[0].flags:
        keys = [canonical_json(combination.flags[name]) for combination in combinations]
        places: dict[str, int] = {}
        for key in keys:
            places.setdefault(key, len(places))
        if len(places) > 1:
            by_key = {key: combination.flags[name] for key, combination in zip(keys, combinations, strict=True)}
            factors.append(
                _Factor(name, tuple(by_key[key] for key in places), np.array([places[key] for key in keys], np.intp))
            )
    return factors


@dataclass(frozen=True, slots=True)
class _Term:
    flags: tuple[str, ...]
    df: int
    sum_of_squares: float | None


class _Table:
    """Sums of squares, however they were come by."""

    terms: list[_Term]
    left: float
    """Sum of squares without the replicates'."""
    left_df: int
    residual: float
    residual_df: int
    notes: list[str]

    @property
    def mean_square(self) -> float | None:
        return self.residual / self.residual_df if self.residual_df > 0 else None


class _Balanced(_Table):
    """A full grid with every replicate: orthogonal, so that means alone give the sums of squares."""

    def __init__(self, values: Floats, factors: Sequence[_Factor]) -> None:
        combinations, n = values.shape
        centred = values - values.mean(axis=0)
        means = centred.mean(axis=1)
        between = n * float((means**2).sum())
        self.notes = []
        self.left = float((centred**2).sum())
        self.left_df = combinations * n - n
        self.residual = float(((centred - means[:, None]) ** 2).sum())
        self.residual_df = (combinations - 1) * (n - 1)
        single = {factor.name: values.size / len(factor.levels) * _mean_squares(means, factor) for factor in factors}
        self.terms = [_Term((f.name,), len(f.levels) - 1, single[f.name]) for f in factors]
        for a, b in itertools.combinations(factors, 2):
            cells = len(a.levels) * len(b.levels)
            sums = np.bincount(a.codes * len(b.levels) + b.codes, weights=means, minlength=cells)
            both = values.size / cells * float(((sums * cells / combinations) ** 2).sum())
            df = (len(a.levels) - 1) * (len(b.levels) - 1)
            self.terms.append(_Term((a.name, b.name), df, max(both - single[a.name] - single[b.name], 0.0)))
        explained = sum(term.sum_of_squares or 0.0 for term in self.terms)
        higher = combinations - 1 - sum(term.df for term in self.terms)
        if higher > 0:
            self.terms.append(_Term((), higher, max(between - explained, 0.0)))


class _Partial(_Table):
    """A partial grid or missing cells: every term against all others."""

    def __init__(self, values: Floats, factors: Sequence[_Factor]) -> None:
        there = np.isfinite(values)
        y = values[there]
        rows, replicates = np.nonzero(there)
        blocks = _contrasts(replicates, values.shape[1])
        base = np.column_stack([np.ones(len(y)), blocks])
        fit = fit_additive(values, np.ones(len(values), dtype=np.bool_))
        self.notes = [PARTIAL_NOTE]
        self.residual = float(np.nansum(fit.residuals**2))
        self.residual_df = len(y) - len(values) - (values.shape[1] - 1)
        self.left = float(((y - base @ np.linalg.lstsq(base, y, rcond=None)[0]) ** 2).sum())
        self.left_df = len(y) - base.shape[1]
        parts: dict[tuple[str, ...], Floats] = {(f.name,): _contrasts(f.codes, len(f.levels))[rows] for f in factors}
        pairs = list(itertools.combinations(factors, 2))
        widths = [(len(a.levels) - 1) * (len(b.levels) - 1) for a, b in pairs]
        if base.shape[1] + sum(part.shape[1] for part in parts.values()) + sum(widths) <= MAX_COLUMNS:
            for a, b in pairs:
                parts[(a.name, b.name)] = _products(parts[(a.name,)], parts[(b.name,)])
        elif pairs:
            self.notes.append(PAIRS_NOTE)
        self.terms = []
        equations = _Equations(base, parts, y)
        left_by_all = equations.residual_squares(None)
        for flags, part in parts.items():
            squares: float | None = None
            if flags in equations.kept:
                squares = max(equations.residual_squares(flags) - left_by_all, 0.0)
            self.terms.append(_Term(flags, part.shape[1], squares))
        higher = len(values) - 1 - sum(parts[flags].shape[1] for flags in equations.kept)
        if higher > 0:
            self.terms.append(_Term((), higher, max(left_by_all - self.residual, 0.0)))


class _Equations:
    """The normal equations of a design in parts; a part whose columns do not all add to the rank is not kept.

    Sum-to-zero columns of flags are far from collinear where a term can be estimated at all, so that the squared
    condition number does no harm; the response is centred first.
    """

    def __init__(self, base: Floats, parts: dict[tuple[str, ...], Floats], y: Floats) -> None:
        design = np.column_stack([base, *parts.values()])
        centred = y - y.mean()
        self._gram = design.T @ design
        self._right = design.T @ centred
        self._total = float(centred @ centred)
        self._base = list(range(base.shape[1]))
        self._places: dict[tuple[str, ...], list[int]] = {}
        self.kept: list[tuple[str, ...]] = []
        start = base.shape[1]
        rank = self._rank(self._base)
        for flags, part in parts.items():
            self._places[flags] = list(range(start, start + part.shape[1]))
            start += part.shape[1]
            wider = self._rank(self._columns([*self.kept, flags]))
            if wider == rank + part.shape[1]:
                self.kept.append(flags)
                rank = wider

    def residual_squares(self, without: tuple[str, ...] | None) -> float:
        """What the kept parts leave, one of them taken out."""
        columns = self._columns([flags for flags in self.kept if flags != without])
        right = self._right[columns]
        solution = np.linalg.lstsq(self._gram[np.ix_(columns, columns)], right, rcond=1e-12)[0]
        return self._total - float(solution @ right)

    def _columns(self, kept: Sequence[tuple[str, ...]]) -> list[int]:
        return self._base + [place for flags in kept for place in self._places[flags]]

    def _rank(self, columns: list[int]) -> int:
        return int(np.linalg.matrix_rank(self._gram[np.ix_(columns, columns)], rtol=1e-10, hermitian=True))


def _effect(term: _Term, table: _Table) -> Effect:
    squares, noise = term.sum_of_squares, table.mean_square
    eta = omega = f = p = None
    if squares is not None and table.left > 0:
        eta = squares / table.left
        if noise is not None:
            omega = (squares - term.df * noise) / (table.left + noise)
    if squares is not None and noise:
        f = squares / term.df / noise
        p = float(fisher.sf(f, term.df, table.residual_df))
    return Effect(term.flags, term.df, squares, eta, omega, term.df / table.left_df, f, p)


def _marginal_means(values: Floats, factors: Sequence[_Factor]) -> tuple[MarginalMean, ...]:
    """Least-squares marginal means of the flags alone, replicate by replicate; their scatter over replicates is the error.

    So the error holds with unequal variances too: it makes no use of the residual mean square.
    """
    parts = [_contrasts(factor.codes, len(factor.levels)) for factor in factors]
    design = np.column_stack([np.ones(len(values)), *parts])
    complete = np.isfinite(values).all(axis=0)
    means = fit_additive(values).means
    gram = design.T @ design
    overall = np.linalg.lstsq(gram, design.T @ means, rcond=1e-12)[0]
    each = np.linalg.lstsq(gram, design.T @ values[:, complete], rcond=1e-12)[0] if complete.any() else None
    n = int(complete.sum())
    quantile = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, n - 1)) if n >= MIN_REPLICATES_FOR_ERROR else None
    result = []
    at = 1
    for factor in factors:
        width = len(factor.levels) - 1
        levels = np.vstack([np.eye(width), -np.ones(width)])
        counts = np.bincount(factor.codes, minlength=len(factor.levels))
        centres = overall[0] + levels @ overall[at : at + width]
        errors = None
        if quantile is not None and each is not None:
            errors = (levels @ each[at : at + width]).std(axis=1, ddof=1) / np.sqrt(n)
        for place, value in enumerate(factor.levels):
            mean = float(centres[place])
            error = None if errors is None else float(errors[place])
            margin = None if error is None or quantile is None else quantile * error
            result.append(
                MarginalMean(
                    factor.name,
                    value,
                    mean,
                    int(counts[place]),
                    error,
                    None if margin is None else mean - margin,
                    None if margin is None else mean + margin,
                )
            )
        at += width
    return tuple(result)


def _mean_squares(means: Floats, factor: _Factor) -> float:
    counts = np.bincount(factor.codes, minlength=len(factor.levels))
    return float(((np.bincount(factor.codes, weights=means, minlength=len(factor.levels)) / counts) ** 2).sum())


def _contrasts(codes: np.ndarray[tuple[int], np.dtype[np.intp]], levels: int) -> Floats:
    """Sum-to-zero columns: the last level is minus all others."""
    return np.vstack([np.eye(levels - 1), -np.ones(levels - 1)])[codes]


def _products(a: Floats, b: Floats) -> Floats:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
