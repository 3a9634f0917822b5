"""Numbers as people read them: as many digits as the standard error supports, the same for a whole column."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from regsweep.api.wording import plural as plural

MAX_DECIMALS = 9
PLUS_MINUS = "±"
WITHOUT_ERROR_DIGITS = 4
"""Significant digits of a typical value where no standard error says how many are meant."""


def decimals_for(values: Iterable[float | None], errors: Iterable[float | None]) -> int:
    """Decimals at which the column's typical standard error shows one digit, two where it starts with 1 or 2.

    So 0.0042 gives 3 (0.004), 0.019 gives 3 (0.019), 120 gives 0. Without any positive error the values decide:
    the typical one gets four significant digits.
    """
    positive = [e for e in errors if e is not None and math.isfinite(e) and e > 0]
    if positive:
        magnitude = math.log10(median(positive))
        exponent = math.floor(magnitude)
        leading = 10.0 ** (magnitude - exponent)
        decimals = -exponent + (1 if leading < 2.95 else 0)
    else:
        sizes = [abs(v) for v in values if v is not None and math.isfinite(v) and v != 0]
        if not sizes:
            return 3
        decimals = WITHOUT_ERROR_DIGITS - 1 - math.floor(math.log10(median(sizes)))
    return min(max(decimals, 0), MAX_DECIMALS)


def fixed(value: float | None, decimals: int) -> str:
    """The value with these decimals; `NaN` for None, `<0.001` for what is positive and would read as 0."""
    if value is None or math.isnan(value):
        return "NaN"
    if abs(value) >= 1e9:
        return f"{value:.3g}"
    smallest = 10.0**-decimals
    if value > 0 and value < smallest / 2:
        return f"<{smallest:.{decimals}f}"
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def short(value: float) -> str:
    """A lone number in four significant digits, as a person writes it."""
    return f"{value:.{WITHOUT_ERROR_DIGITS}g}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its standard error; None where there is none."""

    value: float | None
    error: float | None = None
    absent: str = "NaN"
    """What is shown for no value."""


def measured_column(cells: Iterable[Measured], decimals: int | None = None, plus_minus: str = PLUS_MINUS) -> list[str]:
    """A column of `0.071 ± 0.004`: digits shared, values and errors aligned.

    decimals: None lets the column's own errors decide.
    plus_minus: the sign, or what stands for it where it cannot be shown.
    """
    rows = list(cells)
    if decimals is None:
        decimals = decimals_for((c.value for c in rows), (c.error for c in rows))
    values = [c.absent if c.value is None else fixed(c.value, decimals) for c in rows]
    errors = ["" if c.value is None or c.error is None else f" {plus_minus} {fixed(c.error, decimals)}" for c in rows]
    value_width = max(map(len, values), default=0)
    error_width = max(map(len, errors), default=0)
    return [f"{v:>{value_width}}{e:<{error_width}}" for v, e in zip(values, errors, strict=True)]


def percent(ratio: float) -> str:
    """A ratio as `64 %`; below one percent `under 1 %`."""
    return "under 1 %" if 0 < ratio < 0.005 else f"{ratio * 100:.0f} %"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def duration(seconds: float) -> str:
    """A span as people say it: `40 s`, `3 min`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
