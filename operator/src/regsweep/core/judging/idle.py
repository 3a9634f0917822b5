"""Flags that make no difference to any result, as where a script does not read them, or takes the text `false` for true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from regsweep.api.canonical import canonical_json
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep

FEWEST: Final = 3
"""Pairs of trainings that must be equal: with few validation rows one or two may be so by chance."""


def idle_flags(sweep: Sweep, records: Records) -> list[str]:
    """Names of the flags whose values all have the same results, to the last digit that is recorded, in every replicate."""
    return [flag.name for flag in sweep.spec.flags if _is_idle(flag.name, sweep.points, records)]


def _is_idle(name: str, points: Sequence[Point], records: Records) -> bool:
    equal = 0
    for first, second in _pairs(name, points, records):
        if first.metrics != second.metrics:
            return False
        equal += 1
    return equal >= FEWEST


def _pairs(name: str, points: Sequence[Point], records: Records) -> Iterator[tuple[Record, Record]]:
    """Two trainings of each replicate that have ended well and differ in this flag alone."""
    latest: dict[str, Point] = {}
    for point in points:
        alike = canonical_json({key: value for key, value in point.combination.flags.items() if key != name})
        if alike in latest:
            one, other = records.of(latest[alike].key), records.of(point.key)
            for replicate in one.keys() & other.keys():
                if all(each.outcome is Outcome.OK and each.metrics for each in (one[replicate], other[replicate])):
                    yield one[replicate], other[replicate]
        latest[alike] = point
