"""Whether a term of the analysis of variance is more than chance: each against how its own effect differs between replicates.

Replicates are blocks, so that combinations are repeated measures: levels of a flag may react differently to hard splits, and a
flag that does nothing has next to no noise. One residual for all terms is then too small for some and too large for others.
Instead, with C (d, n) the term's d orthonormal contrasts in each of n replicates, and K = C'C:

    SS = 1'K1 / n        SS_e = tr(K) - SS        MS_e = SS_e / (d (n - 1))        F = (SS / d) / MS_e

F has epsilon d and epsilon d (n - 1) degrees of freedom, with epsilon = tr(K_c)^2 / (d tr(K_c^2)), K_c centred by rows and columns:
Greenhouse & Geisser, "On methods in the analysis of profile data", Psychometrika 24 (1959). The p values of all terms are adjusted
after Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as fisher

from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.moderation import Floats

ROUNDING = 1e-20
"""Part of the whole sum of squares below which one is 0: what floating point leaves of values that are equal."""
RANK_TOLERANCE = 1e-10
"""Part of the largest eigenvalue below which one is 0."""
FEWEST_REPLICATES = 1.5
"""Per combination; below it there is hardly any noise to see."""


@dataclass(frozen=True, slots=True)
class TermTest:
    """A term against its own error."""

    error_mean_square: float
    f: float
    """Infinite where the effect is the same in all replicates; NaN where there is none at all."""
    epsilon: float
    """Greenhouse and Geisser's; 1 where the contrasts have equal noise and are not correlated."""
    p_value: float
    """Not adjusted for the number of terms."""


def term_test(gram: Floats, degrees_of_freedom: int, whole: float, replicates: float | None = None) -> TermTest | None:
    """The test of a term. `gram`: (n, n), K above. `whole`: the sum of squares of all terms and of their errors.

    `replicates`: how many a combination has, where some are missing and filled in: these bring no noise of their own.
    None with fewer than two replicates.
    """
    d, n = degrees_of_freedom, float(len(gram)) if replicates is None else replicates
    if n < FEWEST_REPLICATES or d < 1:
        return None
    effect = float(gram.sum()) / len(gram) * n / len(gram)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    error = float(np.trace(centred))
    zero = ROUNDING * whole
    if error <= zero:
        nothing = effect <= zero
        return TermTest(0.0, np.nan if nothing else np.inf, 1.0, 1.0 if nothing else 0.0)
    mean_square = error / (d * (n - 1))
    epsilon = min(max(error**2 / (d * float((centred**2).sum())), 1 / d), 1.0)
    f = effect / d / mean_square
    return TermTest(mean_square, f, epsilon, float(fisher.sf(f, epsilon * d, epsilon * d * (n - 1))))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p values adjusted for their number; None stays None and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    so_far = 0.0
    for rank, (p, place) in enumerate(known):
        so_far = max(so_far, min(p * (len(known) - rank), 1.0))
        adjusted[place] = so_far
    return adjusted


def rest_gram(values: Floats, parts: Sequence[Floats]) -> tuple[Floats, int]:
    """The Gram matrix of what no term explains, and its degrees of freedom.

    `values`: (G, n), complete. `parts`: the columns of each term, (G, d) each; they need not be independent.
    """
    design = np.column_stack([np.ones(len(values)), *parts])
    squares, directions = np.linalg.eigh(design.T @ design)
    told = squares > RANK_TOLERANCE * squares[-1]
    basis = design @ (directions[:, told] / np.sqrt(squares[told]))
    rest = values - values.mean(axis=0)
    rest -= basis @ (basis.T @ rest)
    return rest.T @ rest, len(values) - int(told.sum())


def filled(values: Floats) -> tuple[Floats, float]:
    """The table with its missing cells filled in by least squares (combination + replicate), and how many replicates a combination
    has: the harmonic mean.

    Yates, "The analysis of replicated experiments when the field results are incomplete", Empire Journal of Experimental
    Agriculture 1 (1933).
    """
    there = np.isfinite(values)
    fit = fit_additive(values, np.ones(len(values), dtype=np.bool_))
    return np.where(there, values, fit.means[:, None] + fit.effects), float(1 / np.mean(1 / there.sum(axis=1)))
