"""How exact values are that records hold."""

from __future__ import annotations

from math import floor, log10

import numpy as np

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.rounding import SIGNIFICANT_DIGITS


def last_digit(values: Floats) -> float:
    """One in the last digit of the largest value; 0 where all are 0 or missing.

    What differs by no more is what rounding leaves of values that are equal, such as shares of so many rows.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    return 10.0 ** (floor(log10(largest)) + 1 - SIGNIFICANT_DIGITS) if largest > 0 else 0.0
