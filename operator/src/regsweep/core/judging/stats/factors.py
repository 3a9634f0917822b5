"""The flags of a grid as factors: which value each combination has, and the columns of a design."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regsweep.api.canonical import canonical_json
from regsweep.api.spec import FlagValue
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats

Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)  # no slots: the columns are kept in __dict__
class Factor:
    """A flag that varies among the combinations."""

    name: str
    values: tuple[FlagValue, ...]
    """In the order of the grid."""
    codes: Codes
    """(G,) which of the values each combination has, from 0."""

    @property
    def levels(self) -> int:
        """How many values it has."""
        return len(self.values)

    @cached_property
    def columns(self) -> Floats:
        """(G, levels - 1) sum-to-zero columns."""
        return contrasts(self.codes, self.levels)


def factors_of(combinations: Sequence[Combination]) -> list[Factor]:
    """The flags with more than one value, in their order."""
    factors = []
    in_grid = sorted(range(len(combinations)), key=lambda row: combinations[row].index)
    for name in combinations[0].flags if combinations else ():
        keys = _keys([combination.flags[name] for combination in combinations])
        places: dict[str, int] = {}
        values: list[FlagValue] = []
        for row in in_grid:
            if places.setdefault(keys[row], len(places)) == len(values):
                values.append(combinations[row].flags[name])
        if len(places) > 1:
            factors.append(Factor(name, tuple(values), np.array([places[key] for key in keys], np.intp)))
    return factors


def _keys(values: Sequence[FlagValue]) -> list[str]:
    """The canonical JSON of each, made once for those that are alike."""
    known: dict[tuple[type, FlagValue], str] = {}
    keys = []
    for value in values:
        if isinstance(value, list | dict):
            keys.append(canonical_json(value))
            continue
        alike = (type(value), value)
        if alike not in known:
            known[alike] = canonical_json(value)
        keys.append(known[alike])
    return keys


def contrasts(codes: Codes, levels: int) -> Floats:
    """Sum-to-zero columns: the last level is minus all others."""
    return np.asarray(sum_to_zero(levels)[codes])


def sum_to_zero(levels: int) -> Floats:
    """(levels, levels - 1) contrasts of each level."""
    return np.vstack([np.eye(levels - 1), -np.ones(levels - 1)])


def products(a: Floats, b: Floats) -> Floats:
    """(G, columns of a times columns of b): those of the interplay."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def paired(a: Factor, b: Factor) -> Factor:
    """Two factors as one that has a level for each pair of levels, those of `b` within those of `a`."""
    values = tuple([*pair] for pair in itertools.product(a.values, b.values))
    return Factor(f"{a.name} x {b.name}", values, a.codes * b.levels + b.codes)
