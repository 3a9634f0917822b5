"""Flags that make no difference to any result, as where a script does not read them, or takes the text `false` for true. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from regsweep.api.canonical import canonical_json
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep

FEWEST: Final = 2
"""Pairs of trainings that must be equal: one may be so by chance."""


def idle_flags(sweep: Sweep, records: Records) -> list[str]:
    """Names of the flags whose values all have the same results, to the last digit that is recorded, in every replicate."""
    return [flag.name for flag in sweep.spec.flags if _is_idle(flag.name, sweep.points, records)]


def idle_sentence(names: Sequence[str]) -> str:
    """What it means; empty where there are none."""
    if not names:
        return ""
    listed, verb, them = ", ".join(names), "makes" if len(names) == 1 else "make", "it" if len(names) == 1 else "them"
    return (
        f"note: {listed} {verb} no difference: whatever the value, all results are the same to the last digit. Does the trainer read "
        f"{them}, and as meant? With argparse's type=bool the text false is true."
    )


def _is_idle(name: str, points: Sequence[Point], records: Records) -> bool:
    alike: dict[str, list[Point]] = {}
    for point in points:
        others = {key: value for key, value in point.combination.flags.items() if key != name}
        alike.setdefault(canonical_json(others), []).append(point)
    pairs = [
        (first, second)
        for group in alike.values()
        for one, other in pairwise(group)
        for first, second in _common(records.of(one.key), records.of(other.key))
    ]
    return len(pairs) >= FEWEST and all(first.metrics == second.metrics for first, second in pairs)


def _common(one: Mapping[int, Record], other: Mapping[int, Record]) -> list[tuple[Record, Record]]:
    """The replicates of two combinations that have ended well."""
    both = [(one[replicate], other[replicate]) for replicate in one.keys() & other.keys()]
    return [pair for pair in both if all(each.outcome is Outcome.OK and each.metrics for each in pair)]
