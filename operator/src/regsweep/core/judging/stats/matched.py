"""What a flag or a pair does in a partial grid, seen between combinations that differ in nothing else.

Where combinations are missing, columns of terms are correlated: a flag that does nothing takes a part of what others do together, as
far as that is not in the model, and no model with all of it can be fitted. So a flag is compared within sets of combinations that
have the same values of all other flags, and a pair within such sets too, less what either of its two flags does there by itself.
Whatever other flags do, alone or together, is the same within a set. In the words of least squares: the term's columns are made
orthogonal to all that is constant within the sets. With a full grid that changes nothing.

Comparisons of what differs in one factor alone are those that a main effect is the mean of: Box, Hunter & Hunter, "Statistics for
Experimenters" (1978), chapter 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from regsweep.core.judging.stats.factors import Codes, Factor
from regsweep.core.judging.stats.moderation import Floats

RANK_TOLERANCE = 1e-10
"""Part of the largest eigenvalue below which a contrast is none."""
MOST_CELLS_AS_BITS = 50
"""Cells of a term that a float's whole numbers hold a set of."""


def matched_gram(
    values: Floats, own: Floats, factors: Sequence[Factor], chosen: Sequence[Factor]
) -> tuple[Floats, int]:
    """The (n, n) Gram matrix of a term's contrasts in each replicate, and how many there are: 0 where nothing is matched.

    `values`: (G, n), complete. `own`: (G, d) the term's columns. `chosen`: one or two of the `factors`.
    """
    columns = _matched_columns(own, factors, chosen)
    squares, directions = np.linalg.eigh(columns.T @ columns)
    told = squares > RANK_TOLERANCE * len(columns)
    contrasts = (columns @ directions[:, told] / np.sqrt(squares[told])).T @ (values - values.mean(axis=0))
    return contrasts.T @ contrasts, int(told.sum())


def complete_settings(factors: Sequence[Factor], factor: Factor) -> NDArray[np.bool_]:
    """(G,): combinations in whose setting of the other factors all levels of this one were trained. `factors`: all, or those beside it."""
    settings = _settings(factors, [factor])
    return np.asarray(np.bincount(settings)[settings] == factor.levels)


def _matched_columns(own: Floats, factors: Sequence[Factor], chosen: Sequence[Factor]) -> Floats:
    """(G, d) the term's columns within its sets, 0 for what has no match."""
    shape = [factor.levels for factor in chosen]
    cells = np.ravel_multi_index([factor.codes for factor in chosen], shape)
    found = np.zeros_like(own)
    for rows in _alike(cells, _settings(factors, chosen), prod(shape)):
        _, first, cell = np.unique(cells[rows], return_index=True, return_inverse=True)
        a_set = rows[first]
        found[rows] = _beyond(_nuisance(chosen, a_set), own[a_set])[cell]
    return found


def _settings(factors: Sequence[Factor], chosen: Sequence[Factor]) -> Codes:
    """(G,) which of the settings of all other flags each combination has, from 0 and without gaps."""
    codes = np.zeros(len(chosen[0].codes), np.intp)
    for factor in factors:
        if factor not in chosen:
            codes = np.unique(codes * factor.levels + factor.codes, return_inverse=True)[1]
    return codes


def _alike(cells: Codes, settings: Codes, number_of_cells: int) -> list[Codes]:
    """The rows of all sets that hold the same of the term's cells, or of one set where the cells are many."""
    kinds = settings
    if number_of_cells <= MOST_CELLS_AS_BITS:
        kinds = np.bincount(settings, weights=2.0**cells)[settings]
    order = np.argsort(kinds, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1)


def _nuisance(chosen: Sequence[Factor], rows: Codes) -> Floats:
    """What may differ within a set without the term: its level, or what each flag of a pair does by itself."""
    if len(chosen) == 1:
        return np.ones((len(rows), 1))
    return np.column_stack([np.eye(factor.levels)[factor.codes[rows]] for factor in chosen])


def _beyond(nuisance: Floats, columns: Floats) -> Floats:
    return np.asarray(columns - nuisance @ np.linalg.lstsq(nuisance, columns, rcond=RANK_TOLERANCE)[0])
