"""Numbers and lists of names as parts of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

DIGITS = 4
"""Significant digits of a lone number."""
MOST_PLAIN = 1e9
"""A number of this size or more is written with an exponent."""


def short(value: float) -> str:
    """A lone number in four significant digits, as a person writes it; with an exponent where a table has one, too."""
    text = f"{value:.{DIGITS}g}"
    return f"{float(text):.0f}" if 10**DIGITS <= abs(float(text)) < MOST_PLAIN else text


def rough(value: float) -> str:
    """A number in the digits of a sentence: three significant ones."""
    return short(float(f"{value:.3g}"))


def coarse(value: float) -> str:
    """A number that is itself uncertain, in two significant digits; whole numbers with commas for thousands."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if isinstance(value, int) else short(rounded)


def percent(ratio: float) -> str:
    """A ratio as `64 %`; `under 1 %` and `over 99 %` for what would read as none or all of it."""
    if 0 < ratio <= 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= ratio < 1 else f"{ratio * 100:.0f} %"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; nothing for no names."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def duration(seconds: float) -> str:
    """A duration in common units: `40 s`, `3 min`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def gpu_time(seconds: float) -> str:
    """Such as `36 GPU-seconds` or `1.5 GPU-hours`."""
    return f"{seconds:,.4g} GPU-seconds" if seconds < 3600 else f"{seconds / 3600:,.4g} GPU-hours"
