"""Numbers as people read them: as many digits as the standard error supports, the same for a whole column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from regsweep.core.figures import DIGITS, MOST_PLAIN

PLUS_MINUS = "±"
MAX_DECIMALS = 9
MAX_MANTISSA_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a column writes its numbers."""

    decimals: int
    """After the point; of the mantissa where there is an exponent."""
    has_exponent: bool = False

    def text(self, value: float | None) -> str:
        """The value; `NaN` for None, `<0.001` for what is positive and would read as 0."""
        if value is None or math.isnan(value):
            return "NaN"
        if self.has_exponent:
            return "0" if value == 0 else f"{value:.{self.decimals}e}"
        if abs(value) >= MOST_PLAIN:
            return f"{value:.3g}"
        if self.hides(value):
            return f"<{self._smallest:.{self.decimals}f}"
        text = f"{value:.{self.decimals}f}"
        return text.removeprefix("-") if float(text) == 0 else text

    def hides(self, value: float) -> bool:
        """Whether the value is positive and would read as 0."""
        return not self.has_exponent and 0 < value < self._smallest / 2

    @property
    def _smallest(self) -> float:
        return 10.0**-self.decimals

    def error(self, value: float) -> str:
        """A standard error: two digits where there is an exponent."""
        return f"{value:.1e}" if self.has_exponent and value else self.text(value)


def format_for(values: Iterable[float | None], errors: Iterable[float | None]) -> NumberFormat:
    """The format in which the column's typical standard error shows one digit, two where it starts with 1 or 2.

    So 0.0042 gives 3 decimals (0.004), 0.019 gives 3 (0.019), 120 gives none. Without any positive error the values decide:
    the typical one gets four significant digits. Where that takes more than 9 decimals, or the typical value has more than 9
    digits before the point, all numbers have an exponent.
    """
    sizes = [abs(v) for v in values if v is not None and math.isfinite(v) and v != 0]
    positive = [e for e in errors if e is not None and math.isfinite(e) and e > 0]
    if not sizes and not positive:
        return NumberFormat(3)
    decimals = _decimals(positive, sizes)
    exponent = _exponent(median(sizes or positive))
    if decimals > MAX_DECIMALS or 10.0**exponent >= MOST_PLAIN:
        return NumberFormat(min(max(decimals + exponent, 1), MAX_MANTISSA_DECIMALS), has_exponent=True)
    return NumberFormat(max(decimals, 0))


def _decimals(errors: Sequence[float], sizes: Sequence[float]) -> int:
    """Decimals that show the typical error, or else the typical value; below 0 where both are large."""
    if not errors:
        return DIGITS - 1 - _exponent(median(sizes))
    typical = median(errors)
    leading = 10.0 ** (math.log10(typical) - _exponent(typical))
    return -_exponent(typical) + (1 if leading < 2.95 else 0)


def _exponent(value: float) -> int:
    return math.floor(math.log10(value))


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its standard error; None where there is none."""

    value: float | None
    error: float | None = None
    absent: str = "NaN"
    """What is shown for no value."""


def measured_column(
    cells: Iterable[Measured], number_format: NumberFormat | None = None, plus_minus: str = PLUS_MINUS
) -> list[str]:
    """A column of `0.071 ± 0.004`: digits shared, values and errors aligned.

    `number_format`: None lets the column's own errors decide. Where it would show every value as near 0, such as `<0.001`, the
    values decide: figures must distinguish rows. `plus_minus`: the sign, or its replacement if it cannot be shown.
    """
    rows = list(cells)
    shown = number_format or format_for((c.value for c in rows), (c.error for c in rows))
    sizes = [c.value for c in rows if c.value is not None]
    if sizes and all(map(shown.hides, sizes)):
        tiny = format_for(sizes, ())
        shown = NumberFormat(DIGITS - 1, has_exponent=True) if not tiny.has_exponent else tiny
    values = [c.absent if c.value is None else shown.text(c.value) for c in rows]
    errors = ["" if c.value is None or c.error is None else f" {plus_minus} {shown.error(c.error)}" for c in rows]
    value_width = max(map(len, values), default=0)
    error_width = max(map(len, errors), default=0)
    return [f"{v:>{value_width}}{e:<{error_width}}" for v, e in zip(values, errors, strict=True)]
