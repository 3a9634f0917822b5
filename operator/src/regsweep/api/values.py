"""The grid that the flags of a spec define: the values of a range, the size of the grid, and what `exclude` leaves out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from regsweep.api.canonical import canonical_json, normal_number
from regsweep.api.spec import Flag, Flags, FlagValue, Range, Scale, SweepSpec

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Enough that a point which a person would call exact (0.1, 32768) is seen to be so."""
_SAME: Final = Decimal("1e-50")
"""Two points so near to each other, as a share, are one: the difference is that of 60 digits' arithmetic."""
_SHORT_DIGITS: Final = 12
"""A point with at most so many significant digits is not rounded."""
_ROUNDINGS: Final = (4, 6, 9, 12, 15)
"""Significant digits tried for a point that does not end, such as 1/3, until the error is small beside the spacing."""
_MOST_ERROR: Final = Decimal("0.01")
"""Most that rounding may be off, as a share of the distance between two points."""


def flag_values(flag: Flag) -> Sequence[FlagValue]:
    """The values that the flag takes, in order; none where it has neither `values` nor `range`."""
    if flag.range is not None:
        return range_values(flag.range)
    return flag.values or ()


def flag_size(flag: Flag) -> int:
    """How many values the flag takes; none of them is computed for it."""
    return flag.range.points if flag.range is not None else len(flag.values or ())


def range_values(points: Range) -> tuple[int | float, ...]:
    """The points of a range, in order: both ends exactly, those between as a person would write them.

    A point between the ends that is a short decimal is exact (0.1, 32768); any other is rounded to as few significant
    digits, at least 4, as keep it within 1 % of the spacing. Integers are integers. Rounding looks at the spacing
    only through those steps, so that a finer range keeps the points of the coarser one in all but extreme cases.

    Raises:
        ValueError: where a log range does not start above 0.
    """
    start, end = Decimal(repr(points.from_)), Decimal(repr(points.to))
    if points.scale is Scale.LOG and min(start, end) <= 0:
        raise ValueError("a log range must start above 0")
    last = points.points - 1
    exact = [start, *(point_at(start, end, Fraction(i, last), points.scale) for i in range(1, last)), end]
    between = [as_written(value, value - before) for before, value in itertools.pairwise(exact[:-1])]
    return (
        normal_number(points.from_),
        *(normal_number(float(value)) for value in between),
        normal_number(points.to),
    )


def point_at(start: Decimal, end: Decimal, share: Fraction, scale: Scale) -> Decimal:
    """The point at `share` (0 to 1) of the way, to 60 digits."""
    if scale is Scale.LOG:
        power = _EXACT.divide(Decimal(share.numerator), Decimal(share.denominator))
        return _EXACT.multiply(start, _EXACT.power(_EXACT.divide(end, start), power))
    exact = Fraction(start) + (Fraction(end) - Fraction(start)) * share
    return _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def as_written(value: Decimal, spacing: Decimal) -> Decimal:
    """The value as a person would write it; `spacing` is the distance to the point before."""
    short = _to_digits(value, _SHORT_DIGITS)
    if abs(short - value) <= abs(value) * _SAME:
        return short
    for digits in _ROUNDINGS:
        rounded = _to_digits(value, digits)
        if abs(rounded - value) <= abs(spacing) * _MOST_ERROR:
            return rounded
    return value


def _to_digits(value: Decimal, digits: int) -> Decimal:
    return Context(prec=digits, rounding=ROUND_HALF_EVEN).plus(value)


def grid_size(spec: SweepSpec) -> int:
    """How many combinations the flags have, before `exclude` and `sample`; nothing is built for it."""
    return math.prod(map(flag_size, spec.flags))


def grid(spec: SweepSpec) -> Iterator[Flags]:
    """All combinations in order, the first flag slowest, less those that `exclude` names; `sample` is ignored."""
    return (flags for _, flags in canonical_grid(spec))


def canonical_grid(spec: SweepSpec) -> Iterator[tuple[str, Flags]]:
    """The same, each with its canonical JSON. One combination is built at a time: a microsecond each, and no memory."""
    names = [flag.name for flag in spec.flags]
    places = sorted(range(len(names)), key=names.__getitem__)
    values = [[(value, canonical_json(value)) for value in flag_values(flag)] for flag in spec.flags]
    entries = [
        {text: f"{canonical_json(name)}:{text}" for _, text in of} for name, of in zip(names, values, strict=True)
    ]
    excluded = _excludes(names, spec.exclude)
    for choice in itertools.product(*values):
        texts = [text for _, text in choice]
        if not excluded(texts):
            whole = ",".join([entries[place][texts[place]] for place in places])
            yield f"{{{whole}}}", {name: value for name, (value, _) in zip(names, choice, strict=True)}


def _excludes(names: Sequence[str], entries: Sequence[Mapping[str, FlagValue]]) -> Callable[[Sequence[str]], bool]:
    """Whether a choice, as canonical texts in the order of the names, matches one of the entries.

    Entries that name the same flags are one set, so that a thousand of them cost as little as one.
    """
    places = {name: place for place, name in enumerate(names)}
    sets: dict[tuple[int, ...], set[tuple[str, ...]]] = {}
    for entry in entries:
        if all(name in places for name in entry):
            key = sorted((places[name], canonical_json(value)) for name, value in entry.items())
            sets.setdefault(tuple(place for place, _ in key), set()).add(tuple(text for _, text in key))
    groups = list(sets.items())
    if not groups:
        return lambda _: False
    return lambda texts: any(tuple(texts[place] for place in key) in matches for key, matches in groups)
