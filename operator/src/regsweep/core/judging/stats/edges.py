"""Whether a combination lies at an end of the values swept, and which value to sweep next. Plain Python.

A suggestion goes on as the flag's values do: by equal steps, by equal factors, by powers of two or ten. It is of the flag's own
kind (whole numbers stay whole, shares below 1) and nothing that the sweep excludes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from regsweep.api.canonical import canonical_json, normal_number
from regsweep.api.findings import Finding, FindingType, GridEnd, Subject
from regsweep.api.regularizers import REGULARIZERS
from regsweep.api.spec import Flag, Flags, FlagValue, Scale
from regsweep.api.values import as_written, flag_values
from regsweep.core.grid import Combination

Number = int | float

CLEAR_FACTOR: Final = 5
"""Two values that differ by this factor or more step by factors, not by differences."""
LEAST_POWERS: Final = 8
"""Two powers of two of which the larger is at least this step by factors: widths and batch sizes; 1 and 2 are counts."""
_SERIES: Final = ((Decimal(1),), (Decimal(1), Decimal(3)), (Decimal(1), Decimal(2), Decimal(5)))
"""First digits of values that go on in powers of ten."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What the sweep goes through."""

    combinations: Sequence[Combination]
    """All of the grid: what diverged or broke a constraint was swept too."""
    flags: Sequence[Flag] = ()
    """As the spec declares them; a flag that is not here is known by its values in the combinations."""
    exclude: Sequence[Flags] = ()
    """What the spec leaves out."""

    def numbers(self, name: str) -> list[Number]:
        """The flag's numbers among the combinations, ascending, each once."""
        found = {n for each in self.combinations if (n := number(each.flags.get(name))) is not None}
        return sorted(found)

    def declared(self, name: str) -> Flag | None:
        """The flag as the spec declares it."""
        return next((flag for flag in self.flags if flag.name == name), None)

    def excludes(self, name: str, value: FlagValue) -> bool:
        """Whether the spec leaves out every combination with this value."""
        return any(
            entry.keys() == {name} and canonical_json(entry[name]) == canonical_json(value) for entry in self.exclude
        )


def at_grid_edge(subject: Subject, flags: Flags, swept: Swept) -> Iterator[Finding]:
    """One finding for each flag of numbers with two or more values at whose end the combination lies.

    The least of values that are never negative is no edge where it is 0, nor the least of whole numbers where it is 1: there is
    nothing beyond it to sweep.
    """
    for name, given in flags.items():
        value, numbers = number(given), swept.numbers(name)
        if value is None or len(numbers) < 2 or value not in (numbers[0], numbers[-1]):
            continue
        end = GridEnd.LARGEST if value == numbers[-1] else GridEnd.SMALLEST
        if end is GridEnd.SMALLEST and (value == 0 or (value == 1 and _is_whole(name, numbers))):
            continue
        yield Finding(
            type=FindingType.AT_GRID_EDGE,
            subject=subject,
            flag=name,
            value=given,
            end=end,
            suggestion=suggestion(name, swept, end),
        )


def suggestion(name: str, swept: Swept, end: GridEnd) -> Number | None:
    """The value to sweep next beyond this end; None where none makes sense.

    A value that the spec declares there, and that a sample has not drawn, comes first; then the flag's range goes on as it is
    scaled, or its values as they step.
    """
    numbers, flag = swept.numbers(name), swept.declared(name)
    upwards = end is GridEnd.LARGEST
    declared = sorted({n for value in (flag_values(flag) if flag else ()) if (n := number(value)) is not None})
    beyond = [n for n in declared if (n > numbers[-1] if upwards else n < numbers[0])]
    if beyond:
        left = [n for n in beyond if not swept.excludes(name, n)]
        return (min(left) if upwards else max(left)) if left else None
    values = [Decimal(repr(n)) for n in (numbers if upwards else numbers[::-1])]
    following = _range_step(flag, values[-1], upwards) if flag is not None else None
    by_factors = flag is not None and flag.range is not None and flag.range.scale is Scale.LOG
    if following is None:
        following, by_factors = _continued(values)
    found = _of_kind(name, numbers, values, following, by_factors)
    return None if found is None or swept.excludes(name, found) else found


def _range_step(flag: Flag, last: Decimal, upwards: bool) -> Decimal | None:
    """The range's next point beyond its end; None where there is no range, or its end is not the last value."""
    if flag.range is None:
        return None
    start, end = Decimal(repr(flag.range.from_)), Decimal(repr(flag.range.to))
    if last != (end if upwards else start):
        return None
    gaps = flag.range.points - 1
    if flag.range.scale is Scale.LOG:
        factor = (end / start) ** (Decimal(1) / gaps)
        return last * factor if upwards else last / factor
    step = (end - start) / gaps
    return last + step if upwards else last - step


def _continued(values: Sequence[Decimal]) -> tuple[Decimal, bool]:
    """The value after the last, and whether the values step by factors."""
    last, before = values[-1], values[-2]
    if len(values) > 2 and math.isclose(last - before, before - values[-3], rel_tol=1e-6):
        return last + (last - before), False
    sizes = [value for value in values if value]
    if last and len(sizes) > 1 and all((value > 0) == (last > 0) for value in sizes):
        following = _power_of_two(sizes) or _in_series(sizes) or _by_factor(sizes)
        if following is not None:
            return following, True
    return last + (last - before), False


def _power_of_two(sizes: Sequence[Decimal]) -> Decimal | None:
    """The next power of two, where all are ones and step by one factor."""
    whole = [int(size) for size in sizes if size == int(size) and size > 0]
    if len(whole) < len(sizes) or any(size & (size - 1) for size in whole) or max(whole) < LEAST_POWERS:
        return None
    factors = {after / before for before, after in pairwise(sizes)}
    return sizes[-1] * factors.pop() if len(factors) == 1 else None


def _in_series(sizes: Sequence[Decimal]) -> Decimal | None:
    """The next of 1, 10, 100 ..., of 1, 3, 10, 30 ... or of 1, 2, 5, 10 ..., where the values follow each other in it."""
    for digits in _SERIES:
        places = [_place(size, digits) for size in sizes]
        steps = {after - before for before, after in pairwise(places) if before is not None and after is not None}
        clear = len(sizes) > 2 or len(digits) == 1
        if None not in places and len(steps) == 1 and clear and (step := steps.pop()) in (1, -1):
            exponent, digit = divmod((places[-1] or 0) + step, len(digits))
            return (digits[digit].scaleb(exponent)).copy_sign(sizes[-1])
    return None


def _place(size: Decimal, digits: Sequence[Decimal]) -> int | None:
    """Where the value stands in the series of these first digits, counted from 1; None where it is none of them."""
    exponent = size.adjusted()
    digit = abs(size).scaleb(-exponent)
    return exponent * len(digits) + digits.index(digit) if digit in digits else None


def _by_factor(sizes: Sequence[Decimal]) -> Decimal | None:
    """The last times the factor between those before, where the last two factors are alike; or times a clear factor of two."""
    factors = [after / before for before, after in pairwise(sizes)]
    if len(factors) > 1 and math.isclose(factors[-1], factors[-2], rel_tol=0.2):
        return sizes[-1] * factors[-2]
    return sizes[-1] * factors[-1] if max(factors[-1], 1 / factors[-1]) >= CLEAR_FACTOR else None


def _of_kind(
    name: str, numbers: Sequence[Number], values: Sequence[Decimal], following: Decimal, by_factors: bool
) -> Number | None:
    """The value as one of the flag's kind: never through 0, whole where all are, below 1 where all are shares.

    None where that leaves nothing beyond the last value, or nothing that a double holds.
    """
    last = values[-1]
    if last * following <= 0 and last != 0:
        following = last / 2
    regularizer = REGULARIZERS.get(name)
    are_shares = regularizer.is_share if regularizer else not by_factors
    if are_shares and all(0 <= n < 1 for n in numbers) and following >= 1:
        following = (last + 1) / 2
    if _is_whole(name, numbers):
        whole = int(following.to_integral_value())
        return whole if whole != last and whole * last >= 0 and (whole != 0 or min(numbers) <= 0) else None
    found = float(as_written(following, following - last))
    return (
        normal_number(found) if math.isfinite(found) and (found > last) == (following > last) and found != 0 else None
    )


def _is_whole(name: str, numbers: Sequence[Number]) -> bool:
    """Whether the flag takes whole numbers alone, as far as its values tell; penalties and shares written as 0 or 1 do not tell."""
    regularizer = REGULARIZERS.get(name)
    return all(isinstance(n, int) for n in numbers) and (regularizer is None or regularizer.is_integer)


def number(value: object) -> Number | None:
    """The value as a number; None where it is none, such as true."""
    return normal_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
