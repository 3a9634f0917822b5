"""The quantile of the studentised range, in a time that a table allows."""

from __future__ import annotations

from functools import lru_cache
from math import inf

from scipy.optimize import brentq
from scipy.stats import studentized_range

from regsweep.api.constants import CONFIDENCE_LEVEL

MANY_DEGREES_OF_FREEDOM = 1000.0


@lru_cache(maxsize=4096)
def studentised_range_quantile(candidates: int, degrees_of_freedom: float, level: float = CONFIDENCE_LEVEL) -> float:
    """The studentised range's quantile for that many means of equal noise (scipy.stats.studentized_range).

    From 1,000 degrees of freedom on the root is looked for just above the quantile at infinity, which is quick to come by:
    a third of the evaluations.
    """
    m = max(candidates, 2)
    if not MANY_DEGREES_OF_FREEDOM <= degrees_of_freedom < inf:
        return float(studentized_range.ppf(level, m, degrees_of_freedom))
    least = float(studentized_range.ppf(level, m, inf))
    most = least * (1 + least**2 / degrees_of_freedom)
    return float(brentq(lambda q: studentized_range.cdf(q, m, degrees_of_freedom) - level, least, most, xtol=1e-11))
