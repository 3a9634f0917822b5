"""A sweep as decisions see it: its identity, its spec, what is pinned, and the points of its grid."""

from __future__ import annotations

from dataclasses import dataclass

from regsweep.api.constants import MAX_REPLICATES_PER_POD
from regsweep.api.spec import SweepSpec
from regsweep.api.status import Resolved
from regsweep.core.grid import Combination, combinations
from regsweep.core.identity import point_key


@dataclass(frozen=True, slots=True)
class Point:
    """A combination with the key of what determines its result."""

    key: str
    combination: Combination


@dataclass(frozen=True, slots=True)
class Sweep:
    """One RegularizationSweep, accepted."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: SweepSpec
    resolved: Resolved
    points: tuple[Point, ...]
    """The grid, in its order."""
    retry: int = 0
    """What a person has set the retry annotation to; raising it runs once more what has failed."""

    @property
    def first_attempt(self) -> int:
        """The attempt that new runs have. Odd attempts are for runs whose record was lost, so a person's retry counts by two."""
        return 2 * self.retry

    @property
    def replicates_per_pod(self) -> int:
        """Replicates that one pod trains at most."""
        return self.spec.replicates_per_pod or min(self.spec.replicates, MAX_REPLICATES_PER_POD)


def points_of(spec: SweepSpec, resolved: Resolved) -> tuple[Point, ...]:
    """The points of the spec's grid under what is pinned."""
    return tuple(Point(point_key(c.flags, resolved), c) for c in combinations(spec))
