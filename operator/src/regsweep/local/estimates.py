"""Means over replicates, with their standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR


def mean(values: Sequence[float]) -> float:
    """NaN where one of the values is, or there is none: a mean over the rest would favour what breaks most often."""
    return fmean(values) if values else math.nan


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean: s / sqrt(n). None below 3 values, and where one is NaN."""
    if len(values) < MIN_REPLICATES_FOR_ERROR or any(map(math.isnan, values)):
        return None
    return stdev(values) / math.sqrt(len(values))
