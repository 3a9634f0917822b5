"""A sweep as decisions see it: its identity, its spec, what is pinned, and the points of its grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.constants import MAX_REPLICATES_PER_POD, RETRY_ANNOTATION
from regsweep.api.spec import Flags, SweepSpec
from regsweep.api.status import FinalStatus, RefinementStatus, Resolved
from regsweep.core.grid import Combination, combination_id, combinations
from regsweep.core.identity import OuterFold, PointKeys, point_key
from regsweep.errors import Problem


@dataclass(frozen=True, slots=True)
class Point:
    """A combination with the key of what determines its result."""

    key: str
    combination: Combination
    final: bool = False
    """It is trained for the final evaluation: with its own seeds, and evaluated on the test rows."""
    outer: OuterFold | None = None
    """Outer fold whose rows are the test rows; None: the sweep's own test rows, if there are any."""

    @property
    def saves_model(self) -> bool:
        """Whether its trainings save their models: those of the final evaluation on the sweep's test rows do."""
        return self.final and self.outer is None


@dataclass(frozen=True, slots=True)
class Reference:
    """A model that the grid is compared with."""

    name: str
    flags: Flags
    """As the spec has them: over the parameters."""
    point: Point
    """One of the grid's where a combination is the same model."""


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
    references: tuple[Reference, ...] = ()
    """Outside the grid, in the order of the spec."""
    outer: tuple[Point, ...] = ()
    """The grid once more for each outer fold of nested resampling, fold by fold; none without it."""
    refinement: RefinementStatus | None = None
    """What refinement has chosen so far; its combinations are among `points`. None: nothing, or there is none."""
    retry: int = 0
    """What a person has set the retry annotation to; raising it runs once more what has failed."""
    how_to_retry: str = f"raise the annotation {RETRY_ANNOTATION}"
    """How a person has that done, as part of a sentence."""
    how_to_train_anew: str = "set spec.trainer.dataRevision to a new value"
    """How a person has all combinations trained again after the data have changed, as part of a sentence."""
    data_digest: str = ""
    """Digest of the data's source bytes where it is known before any training, as to a local run; empty: it is not."""
    warnings: tuple[Problem, ...] = ()
    """Valid parts of the spec that have no effect or look like typing errors."""

    @property
    def contenders(self) -> frozenset[str]:
        """Ids of the combinations that refinement has left, on whose new replicates all claims rest; empty before that."""
        chosen = self.refinement.contenders if self.refinement is not None else None
        return frozenset(chosen) & {point.combination.id for point in self.points} if chosen else frozenset()

    @property
    def first_attempt(self) -> int:
        """The attempt that new runs have: a person's retries. Sweeps of the first key version count them by two, since odd
        attempts once marked the runs whose record had been lost."""
        return self.retry if self.resolved.key_version is not None else 2 * self.retry

    @property
    def replicates_per_pod(self) -> int:
        """Replicates that one pod trains at most."""
        return self.spec.replicates_per_pod or min(self.most_replicates, MAX_REPLICATES_PER_POD)

    @property
    def most_replicates(self) -> int:
        """Replicates of a combination that is trained to the end."""
        return self.spec.most_replicates


def points_of(spec: SweepSpec, resolved: Resolved) -> tuple[Point, ...]:
    """The points of the spec's grid under what is pinned."""
    key_of = PointKeys(resolved)
    return tuple(Point(key_of(c.flags), c) for c in combinations(spec))


def outer_points(spec: SweepSpec, resolved: Resolved, points: Sequence[Point]) -> tuple[Point, ...]:
    """The grid's points in each outer fold, fold by fold; none without nested resampling."""
    folds = [OuterFold(fold, spec.outer_folds) for fold in range(spec.outer_folds)]
    return tuple(
        Point(key_of(point.combination.flags), point.combination, outer=fold)
        for fold, key_of in ((fold, PointKeys(resolved, outer=fold)) for fold in folds)
        for point in points
    )


def point_keys(sweep: Sweep, final: FinalStatus | None) -> frozenset[str]:
    """Keys of all points that the sweep wants now: those of its grid, references and outer folds, and of the final evaluation's
    picks once frozen."""
    picks = final_points(sweep, final) if final is not None else ()
    references = (reference.point for reference in sweep.references)
    return frozenset(point.key for point in (*sweep.points, *references, *sweep.outer, *picks))


def final_points(sweep: Sweep, final: FinalStatus) -> tuple[Point, ...]:
    """The picks as points of their own, in the order of the picks. They are none of the grid, which may have changed since.

    Their flags come in the order of the spec: the API server keeps none.
    """
    places = {flag.name: place for place, flag in enumerate(sweep.spec.flags)}
    points = []
    for place, pick in enumerate(final.picks):
        flags = dict(sorted(pick.flags.items(), key=lambda item: places.get(item[0], len(places))))
        outer = OuterFold(pick.fold, final.folds) if pick.fold is not None and final.folds is not None else None
        key = point_key(flags, sweep.resolved, final=True, outer=outer)
        points.append(Point(key, Combination(combination_id(flags), flags, place), final=True, outer=outer))
    return tuple(points)
