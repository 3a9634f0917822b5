"""Intervals of metrics that have bounds. Plain Python."""

from __future__ import annotations

from regsweep.api.analysis import Interval


def cut_to(interval: Interval, least: float, most: float) -> Interval:
    """The interval without what lies outside the bounds; as it is where its mean does, since the bounds then do not hold.

    A t interval knows nothing of bounds: that of an accuracy near 1 may go beyond. Cutting it takes away only values that
    cannot be the true one, so that it covers as often as before.
    """
    if not least <= interval.mean <= most or (least <= interval.low and interval.high <= most):
        return interval
    return interval.model_copy(update={"low": max(interval.low, least), "high": min(interval.high, most), "cut": True})
