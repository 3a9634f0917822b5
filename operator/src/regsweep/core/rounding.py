"""Numbers as a status and a judgement have them: six significant digits, as records do."""

from __future__ import annotations

import math


def six_digits(value: float) -> float:
    """The value in six significant digits."""
    return float(f"{value:.6g}")


def rounded(value: float | None) -> float | None:
    """The same; None for what is not a number, since a status holds none such."""
    return six_digits(value) if value is not None and math.isfinite(value) else None
