"""Flags to combinations: the grid, in a stable order, with identities that come from content alone."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Final

from regsweep.api.canonical import digest, text_digest
from regsweep.api.spec import Flags, FlagValue, Sample, SweepSpec
from regsweep.api.values import canonical_grid, grid_size, range_values

__all__ = ["Combination", "combination_id", "combinations", "grid_size", "label", "range_values"]

ID_LENGTH: Final = 12
"""Hex digits of a combination's id: among 10,000 combinations two are alike once in six million grids."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of all flags."""

    id: str
    """12 hex digits of a hash of the flags' canonical JSON: neither order nor spelling (1, 1.0) of the grid changes it."""
    flags: Flags
    """Name to value, in the order of the spec."""
    index: int
    """Place in the grid, from 0; for order and display only, never for identity."""


def combinations(spec: SweepSpec) -> tuple[Combination, ...]:
    """The combinations to train: the flags' product, the first flag slowest, less `exclude`, cut down by `sample`.

    A sample keeps the combinations whose hash with the seed is smallest, in the order of the grid. So the draw does not
    depend on that order, and a larger sample of the same grid contains the smaller one. The grid is never held as a whole,
    only the sample. `index` counts what is left.
    """
    every: Iterable[tuple[str, Flags]] = ((text_digest(text, ID_LENGTH), flags) for text, flags in canonical_grid(spec))
    if spec.sample is not None:
        every = _drawn(every, spec.sample)
    return tuple(Combination(ident, flags, index) for index, (ident, flags) in enumerate(every))


def _drawn(every: Iterable[tuple[str, Flags]], sample: Sample) -> Iterator[tuple[str, Flags]]:
    """Those of the identified combinations that the sample holds, in their order."""
    ranked = (
        (text_digest(f'[{sample.seed},"{ident}"]', 64), place, ident, flags)
        for place, (ident, flags) in enumerate(every)
    )
    smallest = heapq.nsmallest(sample.size, ranked, key=itemgetter(0))
    return ((ident, flags) for _, _, ident, flags in sorted(smallest, key=itemgetter(1)))


def combination_id(flags: Mapping[str, FlagValue]) -> str:
    """The combination's id: 12 hex digits that depend on names and values alone."""
    return digest(flags, ID_LENGTH)


def label(flags: Mapping[str, FlagValue]) -> str:
    """The flags as people write them, such as `l2=0.01, dropout=0.3`."""
    return ", ".join(f"{name}={_text(value)}" for name, value in flags.items())


def _text(value: FlagValue) -> str:
    """The value as a person writes it; a text stands in quotes only where it could be read otherwise."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        plain = value.isprintable() and value.strip() == value != "" and not any(mark in value for mark in '",=[]')
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value)}]"
    return json.dumps(value)


def _number(value: int | float) -> str:
    """Shortest text of the number: plain from a millionth to 10^15, and with an exponent such as 1e-7 beyond."""
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e15:
        plain = format(Decimal(repr(value)), "f")
        return plain.removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa.removesuffix(".0")
