"""Learning curves: metrics by epoch, of each replicate and as their mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, NamedTuple

MOST_POINTS: Final = 120
"""Of a curve that is drawn: more are not seen."""


class Point(NamedTuple):
    """A metric of one replicate after an epoch."""

    replicate: int
    epoch: int
    value: float


Curve = Sequence[tuple[int, float]]
"""(epoch, value), by epoch."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a metric went on the training and the validation rows."""

    metric: str
    """Without its split."""
    train: Mapping[int, Curve]
    """By replicate."""
    val: Mapping[int, Curve]


def course_of(metric: str, values: Mapping[str, Iterable[Point]]) -> Course:
    """The course of a metric. values: points by column, such as `train_average_loss` and `val_average_loss`."""
    return Course(metric, _curves(values.get(f"train_{metric}", ())), _curves(values.get(f"val_{metric}", ())))


def mean_curve(curves: Mapping[int, Curve]) -> Curve:
    """The mean over the replicates at each epoch that all of them have: with fewer the mean would jump where one ends early."""
    if not curves:
        return ()
    by_epoch: dict[int, list[float]] = {}
    for curve in curves.values():
        for epoch, value in curve:
            by_epoch.setdefault(epoch, []).append(value)
    return [(epoch, fmean(values)) for epoch, values in sorted(by_epoch.items()) if len(values) == len(curves)]


def thinned(curve: Curve) -> Curve:
    """At most so many points of the curve, the first and the last among them."""
    if len(curve) <= MOST_POINTS:
        return curve
    step = (len(curve) - 1) / (MOST_POINTS - 1)
    return [curve[round(place * step)] for place in range(MOST_POINTS)]


def _curves(points: Iterable[Point]) -> Mapping[int, Curve]:
    """By replicate; what is no number leaves a gap at its epoch and no more."""
    found: dict[int, dict[int, float]] = {}
    for point in points:
        if math.isfinite(point.value):
            found.setdefault(point.replicate, {})[point.epoch] = point.value
    return {replicate: sorted(by_epoch.items()) for replicate, by_epoch in sorted(found.items())}
