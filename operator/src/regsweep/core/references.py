"""References: models that the grid is compared with, trained by the same replicates and never ranked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from regsweep.api.canonical import canonical_json
from regsweep.api.spec import Flags, FlagValue, SweepSpec
from regsweep.api.status import Resolved
from regsweep.core.grid import Combination, combination_id
from regsweep.core.identity import point_key
from regsweep.core.sweep import Point, Reference, Sweep


def references_of(spec: SweepSpec, resolved: Resolved, points: Sequence[Point]) -> tuple[Reference, ...]:
    """The spec's references under what is pinned. `points`: the grid.

    A reference that is the same model as a combination, parameters included, is that combination's point: it is trained once.
    Else its key rests on the flags that change a parameter, so that to repeat a parameter's value trains nothing again.
    """
    if not spec.references:
        return ()
    grid = {point.combination.id: point for point in points}
    found = []
    for place, each in enumerate(spec.references):
        point = grid.get(_combination(each.flags, spec, resolved.parameters) or "")
        if point is None:
            flags = _changing(each.flags, resolved.parameters)
            combination = Combination(combination_id(flags), flags, len(points) + place)
            point = Point(point_key(flags, resolved), combination)
        found.append(Reference(each.name, each.flags, point))
    return tuple(found)


def references_beside(sweep: Sweep) -> Iterator[Reference]:
    """Those that are none of the grid's points, one for each point."""
    if not sweep.references:
        return
    seen = {point.key for point in sweep.points}
    for reference in sweep.references:
        if reference.point.key not in seen:
            seen.add(reference.point.key)
            yield reference


def count_beside(spec: SweepSpec, combinations: Iterable[Combination]) -> int:
    """Number of models that the references add to the grid."""
    if not spec.references:
        return 0
    ids, parameters = {combination.id for combination in combinations}, spec.trainer.parameters
    beside = (each.flags for each in spec.references if _combination(each.flags, spec, parameters) not in ids)
    return len({combination_id(_changing(flags, parameters)) for flags in beside})


def _combination(flags: Flags, spec: SweepSpec, parameters: Mapping[str, FlagValue]) -> str | None:
    """Id of the combination that is the same model, should the grid have it; None where none can be."""
    whole: dict[str, FlagValue] = {**parameters, **flags}
    names = {flag.name for flag in spec.flags}
    fixed = {name: value for name, value in parameters.items() if name not in names}
    rest = {name: value for name, value in whole.items() if name not in names}
    if not names <= whole.keys() or canonical_json(rest) != canonical_json(fixed):
        return None
    return combination_id({name: whole[name] for name in names})


def _changing(flags: Flags, parameters: Mapping[str, FlagValue]) -> Flags:
    """The flags that differ from the parameters."""
    return {
        name: value
        for name, value in flags.items()
        if name not in parameters or canonical_json(value) != canonical_json(parameters[name])
    }
