"""Refinement: combinations added around the tied set, between the values of ranges, and then the tied set once more.

Each round goes by the analysis of all that was trained so far, and is stored before it is trained, as the picks of a final
evaluation are: the same state gives the same plan after any restart. What was chosen by many looks at the same replicates looks
better than it is; so the set that is tied at the end trains as many replicates again, with new splits and seeds, and best, ties
and pick rest on these alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from regsweep.api.analysis import Analysis
from regsweep.api.canonical import canonical_json, normal_number
from regsweep.api.spec import MAX_CONTENDERS, Flags, Range, Scale, SweepSpec
from regsweep.api.status import RefinementRound, RefinementStatus
from regsweep.api.values import as_written, point_at, range_values
from regsweep.core.grid import Combination, combination_id
from regsweep.core.identity import point_key
from regsweep.core.results.records import Records
from regsweep.core.sweep import Point, Sweep

Number = int | float


def refined(sweep: Sweep, refinement: RefinementStatus | None) -> Sweep:
    """The sweep with the combinations that refinement has added; as it is where its spec asks for none."""
    if refinement is None or sweep.spec.refinement is None:
        return sweep
    known = {point.combination.id for point in sweep.points}
    points = list(sweep.points)
    names = [flag.name for flag in sweep.spec.flags]
    for flags in _added(refinement):
        ident = combination_id(flags)
        if ident not in known and flags.keys() == set(names):
            known.add(ident)
            ordered = {name: flags[name] for name in names}
            points.append(Point(point_key(ordered, sweep.resolved), Combination(ident, ordered, len(points))))
    return replace(sweep, points=tuple(points), refinement=refinement)


def refines(sweep: Sweep) -> bool:
    """Whether refinement has still to choose: combinations to add, or the contenders."""
    if sweep.spec.refinement is None:
        return False
    return sweep.refinement is None or sweep.refinement.contenders is None


def next_refinement(sweep: Sweep, analysis: Analysis, rests_on: str) -> RefinementStatus:
    """What refinement has chosen with its next step: one more round, or, where there is none, the contenders.

    analysis: of all that was trained so far. rests_on: digest of the records.

    Raises ValueError where the spec has no refinement.
    """
    asked = sweep.spec.refinement
    if asked is None:
        raise ValueError(f"sweep {sweep.name} has no refinement")
    done = sweep.refinement or RefinementStatus()
    tied = [each.combination for each in analysis.comparisons if each.tied and each.combination is not None]
    left = asked.max_runs - sum(len(one.added) for one in done.rounds)
    rounds_left = asked.rounds - len(done.rounds)
    added = neighbours(sweep, tied, math.ceil(left / rounds_left)) if left > 0 and rounds_left > 0 else []
    if added:
        one = RefinementRound(rests_on=rests_on, added=added)
        return done.model_copy(update={"rounds": [*done.rounds, one]})
    return done.model_copy(update={"contenders": tied[:MAX_CONTENDERS], "rests_on": rests_on})


def neighbours(sweep: Sweep, tied: Sequence[str], most: int) -> list[Flags]:
    """At most so many new combinations, each one step of one range away from a tied one; those of the first of `tied` first."""
    by_id = {point.combination.id: point.combination.flags for point in sweep.points}
    ranges = {flag.name: flag.range for flag in sweep.spec.flags if flag.range is not None}
    trained = {name: _numbers(name, by_id.values()) for name in ranges}
    found: dict[str, Flags] = {}
    for flags in (by_id[each] for each in tied if each in by_id):
        for name, points in ranges.items():
            value = _number(flags.get(name))
            for step in _steps(points, value, trained[name]) if value is not None else ():
                candidate: Flags = {**flags, name: step}
                ident = combination_id(candidate)
                if ident not in by_id and len(found) < most and not _is_excluded(candidate, sweep.spec):
                    found.setdefault(ident, candidate)
    return list(found.values())


def fresh_records(sweep: Sweep, records: Records) -> Records:
    """The replicates that no choice of the refinement has seen, counted from 0."""
    first = sweep.spec.replicates
    return Records(replace(each, replicate=each.replicate - first) for each in records if each.replicate >= first)


def contending(sweep: Sweep) -> Sweep:
    """The sweep of the contenders alone."""
    contenders = sweep.contenders
    points = tuple(point for point in sweep.points if point.combination.id in contenders)
    return replace(sweep, points=points, refinement=None)


def left_behind(sweep: Sweep) -> Sweep:
    """The sweep of all others."""
    contenders = sweep.contenders
    points = tuple(point for point in sweep.points if point.combination.id not in contenders)
    return replace(sweep, points=points, refinement=None)


def as_declared(sweep: Sweep) -> Sweep:
    """The sweep of the grid alone, without what was added."""
    added = set(map(combination_id, _added(sweep.refinement))) if sweep.refinement is not None else set()
    return replace(sweep, points=tuple(p for p in sweep.points if p.combination.id not in added), refinement=None)


def _added(refinement: RefinementStatus) -> Iterator[Flags]:
    return (flags for one in refinement.rounds for flags in one.added)


def _steps(points: Range, value: Number, trained: Sequence[Number]) -> Iterator[Number]:
    """Values next to this one, below and above: half way to the next one trained, or one step of the range beyond the last.

    trained: all values of the flag that were trained, ascending; this one is among them.
    """
    whole = all(isinstance(each, int) for each in range_values(points))
    least = points.from_ if points.min is None else points.min
    most = points.to if points.max is None else points.max
    place = trained.index(value)
    lower = _between(points, trained[place - 1], value) if place else _beyond(points, value, upwards=False)
    is_last = place == len(trained) - 1
    upper = _beyond(points, value, upwards=True) if is_last else _between(points, value, trained[place + 1])
    for exact, spacing in (each for each in (lower, upper) if each is not None):
        step = normal_number(float(as_written(exact, spacing)))
        rounded = round(step) if whole else step
        if rounded not in trained and least <= rounded <= most:
            yield rounded


def _between(points: Range, low: Number, high: Number) -> tuple[Decimal, Decimal]:
    """The value half way in the range's scale, and its distance to the lower one."""
    start = Decimal(repr(low))
    middle = point_at(start, Decimal(repr(high)), Fraction(1, 2), points.scale)
    return middle, middle - start


def _beyond(points: Range, value: Number, *, upwards: bool) -> tuple[Decimal, Decimal] | None:
    """The value one step of the range further, within `min` and `max`, and its distance; None where these allow none."""
    limit = points.max if upwards else points.min
    last = Decimal(repr(value))
    if limit is None or last == Decimal(repr(limit)):
        return None
    start, end, gaps = Decimal(repr(points.from_)), Decimal(repr(points.to)), points.points - 1
    if points.scale is Scale.LOG:
        factor = (end / start) ** (Decimal(1) / gaps)
        following = last * factor if upwards else last / factor
    else:
        step = (end - start) / gaps
        following = last + step if upwards else last - step
    bound = Decimal(repr(limit))
    following = min(following, bound) if upwards else max(following, bound)
    return following, abs(following - last)


def _numbers(name: str, combinations: Iterable[Flags]) -> list[Number]:
    """The flag's values among the combinations, ascending, each once."""
    return sorted({number for flags in combinations if (number := _number(flags.get(name))) is not None})


def _is_excluded(flags: Flags, spec: SweepSpec) -> bool:
    return any(
        all(name in flags and canonical_json(flags[name]) == canonical_json(value) for name, value in entry.items())
        for entry in spec.exclude
    )


def _number(value: object) -> Number | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
