"""How far each point has come, by its records alone; kept from pass to pass, so that a pass looks only at what has changed.

`standing_of` is the definition. `Standings` gives the same for ten thousand points, and asks it again only about those points
whose records are others than the last time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress
from typing import NamedTuple

from regsweep.api.conditions import Reason
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep


class PointState(StrEnum):
    """How far a point has come, by its stored records alone."""

    OPEN = "Open"
    """A replicate is neither there nor given up, or a race may ask for more."""
    SUCCEEDED = "Succeeded"
    """Every replicate has a result, divergence included."""
    FAILED = "Failed"
    """Every replicate has ended and at least one failed."""


@dataclass(frozen=True, slots=True)
class Target:
    """A point and how many replicates of it are wanted now: those from 0 on."""

    point: Point
    replicates: int


class Standing(NamedTuple):
    """What the records of one target come to."""

    state: PointState
    data: frozenset[str]
    """Digests of the data that its results name."""
    refused: bool
    """A trainer has refused other data, and nobody has asked for a retry since."""
    diverged: bool
    """Of a succeeded one: a replicate diverged."""
    has_result: bool


def is_done(record: Record | None, sweep: Sweep) -> bool:
    """Whether the replicate needs no (further) training."""
    return record is not None and (record.has_result or record.attempt >= sweep.first_attempt)


def target_state(target: Target, sweep: Sweep, stored: Mapping[int, Record]) -> PointState:
    """How far the replicates have come that are wanted now. `stored`: the records of the target's point."""
    wanted = [stored.get(k) for k in range(target.replicates)]
    if not all(is_done(record, sweep) for record in wanted):
        return PointState.OPEN
    failed = any(record is not None and not record.has_result for record in wanted)
    return PointState.FAILED if failed else PointState.SUCCEEDED


def standing_of(target: Target, sweep: Sweep, stored: Mapping[int, Record]) -> Standing:
    """The standing of a target. `stored`: the records of its point."""
    state = target_state(target, sweep, stored)
    results = [record for record in stored.values() if record.has_result]
    return Standing(
        state=state,
        data=frozenset(record.environment.data_digest for record in results) - {""},
        refused=any(r.reason is Reason.DATA_CHANGED and r.attempt >= sweep.first_attempt for r in stored.values()),
        diverged=state is PointState.SUCCEEDED and any(r.outcome is Outcome.DIVERGED for r in results),
        has_result=bool(results),
    )


class Standings:
    """The standings of a sweep's targets, by the records that `update` was given last."""

    def __init__(self, sweep: Sweep, targets: Sequence[Target]) -> None:
        self.targets = targets
        self._sweep = sweep
        self._records: Records | None = None
        self._stored: list[Mapping[int, Record]] = [{}] * len(targets)
        """What each standing was made from."""
        self._places: dict[str, list[int]] = {}
        for place, target in enumerate(targets):
            self._places.setdefault(target.point.key, []).append(place)
        nothing = standing_of(Target(targets[0].point, 1), sweep, {}) if targets else None
        self._standings = [nothing] * len(targets)
        self._states = [PointState.OPEN] * len(targets)
        self._open = bytearray(b"\1" * len(targets))
        self._failed: set[int] = set()
        self._diverged: set[int] = set()
        self.counts: Counter[Standing] = Counter({nothing: len(targets)} if nothing is not None else ())
        """How many targets have each standing: few differ."""
        self._alike: dict[Standing, Standing] = {}
        """Each of those once."""

    def update(self, records: Records) -> None:
        """Takes these records in place of the last ones."""
        changed = records.changed_since(self._records) if self._records is not None else None
        self._records = records
        for key in self._places if changed is None else changed:
            stored = records.of(key)
            for place in self._places.get(key, ()):
                before, self._stored[place] = self._stored[place], stored
                if stored != before:  # equal ones: records that wait to be stored are added anew in each pass
                    self._put(place, standing_of(self.targets[place], self._sweep, stored))

    @property
    def states(self) -> tuple[PointState, ...]:
        """The targets' states, in their order."""
        return tuple(self._states)

    @property
    def is_open(self) -> bool:
        """Whether a target is open."""
        return 1 in self._open

    @property
    def open(self) -> tuple[Target, ...]:
        """The targets that are open, in their order."""
        return tuple(compress(self.targets, self._open))

    @property
    def failed(self) -> tuple[Target, ...]:
        """The targets that have failed, in their order."""
        return tuple(self.targets[place] for place in sorted(self._failed))

    @property
    def diverged(self) -> frozenset[str]:
        """Keys of the targets that have succeeded, though a replicate diverged."""
        return frozenset(self.targets[place].point.key for place in self._diverged)

    def _put(self, place: int, standing: Standing) -> None:
        before = self._standings[place]
        if standing == before:
            return
        if before is not None:
            self.counts[before] -= 1
            if not self.counts[before]:
                del self.counts[before]
        self.counts[standing] += 1
        self._standings[place] = self._alike.setdefault(standing, standing)
        self._states[place] = standing.state
        self._open[place] = standing.state is PointState.OPEN
        for places, belongs in (
            (self._failed, standing.state is PointState.FAILED),
            (self._diverged, standing.diverged),
        ):
            (places.add if belongs else places.discard)(place)
