"""Least squares of a design in parts, such as the flags and pairs of a partial grid: what each part explains that no other can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.core.judging.stats.moderation import Floats

Part = tuple[str, ...]
RANK_TOLERANCE = 1e-10
"""Part of the largest eigenvalue below which one is 0."""
COLLINEAR = 1e-6
"""Length, beside 1, of the share of a direction without effect that columns may have and still be told apart."""


@dataclass(frozen=True, slots=True)
class Model:
    """Parts that are fitted together."""

    parts: Sequence[Part]
    degrees: Mapping[Part, int]
    """Contrasts of each that can be estimated beside the others."""
    left: float
    """The sum of squares that they leave."""


class Equations:
    """The normal equations of a base and parts.

    Sum-to-zero columns of flags are far from collinear where a term can be estimated at all, so that the squared
    condition number does no harm; the response is centred first.
    """

    def __init__(self, base: Floats, parts: Mapping[Part, Floats], y: Floats) -> None:
        """`base`: (N, b) columns that are always there. `parts`: (N, d) columns of each part. `y`: (N,)."""
        design = np.column_stack([base, *parts.values()])
        centred = y - y.mean()
        self._gram = design.T @ design
        self._right = design.T @ centred
        self._total = float(centred @ centred)
        self._base = list(range(base.shape[1]))
        ends = np.cumsum([base.shape[1], *(part.shape[1] for part in parts.values())]).tolist()
        self._places = {part: list(range(*ends[at : at + 2])) for at, part in enumerate(parts)}

    def model(self, parts: Sequence[Part]) -> Model:
        """These parts, fitted."""
        return Model(parts, self.degrees(parts), self.residual_squares(parts))

    def degrees(self, parts: Sequence[Part]) -> dict[Part, int]:
        """How many of each part's contrasts can be estimated beside the base and the other parts."""
        columns = self._columns(parts)
        squares, directions = np.linalg.eigh(self._gram[np.ix_(columns, columns)])
        without_effect = directions[:, squares <= RANK_TOLERANCE * squares[-1]]
        at = {column: row for row, column in enumerate(columns)}
        rows = {part: without_effect[[at[column] for column in self._places[part]]] for part in parts}
        return {part: len(own) - int(np.linalg.matrix_rank(own, tol=COLLINEAR)) for part, own in rows.items()}

    def residual_squares(self, parts: Sequence[Part]) -> float:
        """The sum of squares that the base and these parts leave."""
        columns = self._columns(parts)
        right = self._right[columns]
        solution = np.linalg.lstsq(self._gram[np.ix_(columns, columns)], right, rcond=1e-12)[0]
        return self._total - float(solution @ right)

    def _columns(self, parts: Sequence[Part]) -> list[int]:
        return self._base + [place for part in parts for place in self._places[part]]
