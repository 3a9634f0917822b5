"""The progress of a sweep, from its stored records and their last analysis: what to train now, and for which stage.

A sweep goes through stages. Its grid is trained (a race asks for more replicates as it goes); the records are analysed; where
the spec wants it, the picks are trained again for the final evaluation, and that is analysed too. It goes back when it grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from regsweep.api.analysis import RaceReason
from regsweep.api.canonical import canonical_json
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.status import FinalStatus
from regsweep.core.data import pinned_digest
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult
from regsweep.core.refinement import refines
from regsweep.core.results.records import Records
from regsweep.core.standings import PointState, Standings, Target
from regsweep.core.sweep import Point, Sweep, final_points, point_keys

DIGEST_LENGTH = 16


class Stage(StrEnum):
    """What a sweep waits for."""

    TRAINING = "Training"
    """Replicates of the grid, of references, or of the grids in the outer folds."""
    ANALYSING = "Analysing"
    """The analysis of all records that there are."""
    REFINING = "Refining"
    """What refinement chooses next has to be stored."""
    FREEZING = "Freezing"
    """The picks of the final evaluation have to be stored."""
    EVALUATING = "Evaluating"
    """Replicates of the final evaluation."""
    DECIDED = "Decided"
    """Nothing: it is over."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The stage of a sweep."""

    grid: tuple[Target, ...]
    """In the grid's order."""
    ended: tuple[PointState, ...]
    """Of `grid`: whether the replicates that are wanted now have ended."""
    states: tuple[PointState, ...]
    """The same, but open while a race may ask for more."""
    references: tuple[Target, ...]
    """In the order of the spec; one may be a point of the grid too."""
    references_ended: tuple[PointState, ...]
    outer: tuple[Target, ...]
    """The grids of nested resampling, fold by fold; none once the picks of each fold are frozen."""
    outer_ended: tuple[PointState, ...]
    final: tuple[Target, ...]
    """The picks of the final evaluation; none until they are frozen."""
    final_ended: tuple[PointState, ...]
    open: tuple[Target, ...]
    """All that is wanted and has not ended, each point once, in the order in which it is trained."""
    failed: tuple[Target, ...]
    """Of `grid`, those that have failed."""
    succeeded: int
    """Of `grid`, how many have succeeded."""
    diverged: frozenset[str]
    """Keys of the points of `grid` that have succeeded, though a replicate diverged."""
    has_result: bool
    """Anything that is wanted now has a result."""
    data: frozenset[str]
    """Digests of the data that results name, of all that is wanted."""
    data_refused: bool
    """A trainer has refused other data."""
    stage: Stage
    rests_on: str
    """Digest of what an analysis made now would rest on; empty while replicates are wanted that no pick is frozen for."""
    outer_rests_on: str
    """Digest of what the choices in the outer folds would rest on now; empty while none are to be made."""
    analysis_result: AnalysisResult | None
    """The last analysis, be it of fewer records."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that is wanted, each point once, in the order in which it is trained."""
        return (*self.before_final, *self.final)

    @property
    def before_final(self) -> tuple[Target, ...]:
        """The same without the final evaluation."""
        return (*self.compared, *self.outer)

    @property
    def compared(self) -> tuple[Target, ...]:
        """The grid and the references."""
        return _each_once((*self.grid, *self.references)) if self.references else self.grid


class KeptProgress:
    """What is kept of a sweep's progress from one look to the next: a new one gives the same, by looking at everything."""

    def __init__(self) -> None:
        self._unnamed: tuple[frozenset[str], Records] | None = None
        self._sweep: Sweep | None = None
        self._race: AnalysisResult | None = None
        self._final: FinalStatus | None = None
        self._wanted: Wanted | None = None

    def wanted(self, sweep: Sweep, analysis_result: AnalysisResult | None, final: FinalStatus | None) -> Wanted:
        """What the sweep wants now."""
        race = analysis_result if sweep.spec.racing is not None else None
        if self._wanted is None or self._sweep is not sweep or self._race is not race or self._final != final:
            self._wanted = _wanted_of(sweep, race, final)
            self._sweep, self._race, self._final = sweep, race, final
        return self._wanted

    def pinned_digest(self, keys: frozenset[str], records: Records, known: str) -> str:
        """As `data.pinned_digest`. While no result names its data, only what has changed is looked at again."""
        if self._unnamed is not None and self._unnamed[0] is keys:
            changed = records.changed_since(self._unnamed[1])
            news = (record for key in changed or () for record in records.of(key).values())
            if changed is not None and not pinned_digest(keys, news):
                self._unnamed = keys, records
                return known
        digest = pinned_digest(keys, records, known)
        self._unnamed = None if digest else (keys, records)
        return digest


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sweep wants now, with how far it has come."""

    keys: frozenset[str]
    """Of all points that it is about, frozen outer folds included."""
    grid: Standings
    references: Standings
    compared: Standings
    """The grid and the references, each point once; the grid itself where there are none."""
    outer: Standings
    final: Standings

    def update(self, records: Records) -> None:
        """Takes these records in place of the last ones."""
        for standings in self.groups:
            standings.update(records)

    @property
    def is_open(self) -> bool:
        """Whether something is to be trained beside the final evaluation."""
        return any(group.is_open for group in self.groups if group is not self.final)

    @property
    def groups(self) -> tuple[Standings, ...]:
        """All standings, each once."""
        beside = () if self.compared is self.grid else (self.references, self.compared)
        return (self.grid, *beside, self.outer, self.final)


def _wanted_of(sweep: Sweep, analysis_result: AnalysisResult | None, final: FinalStatus | None) -> Wanted:
    contenders = sweep.contenders
    grid = tuple(
        Target(point, _replicates(sweep, point, analysis_result) * (2 if point.combination.id in contenders else 1))
        for point in sweep.points
    )
    references = _references(sweep, grid)
    frozen = final if sweep.spec.final is not None else None
    outer = tuple(Target(point, sweep.spec.replicates) for point in sweep.outer) if frozen is None else ()
    picks = tuple(Target(p, frozen.replicates) for p in final_points(sweep, frozen)) if frozen is not None else ()
    of_grid = Standings(sweep, grid)
    return Wanted(
        keys=point_keys(sweep, final),
        grid=of_grid,
        references=Standings(sweep, references),
        compared=Standings(sweep, _each_once((*grid, *references))) if references else of_grid,
        outer=Standings(sweep, outer),
        final=Standings(sweep, picks),
    )


def progress_of(
    sweep: Sweep,
    records: Records,
    analysis_result: AnalysisResult | None,
    final: FinalStatus | None,
    kept: KeptProgress | None = None,
) -> Progress:
    """The progress of the sweep. `analysis_result`: the last analysis, of whatever records; `final`: the frozen picks.

    kept: from earlier looks at the same sweep; it makes a difference to the time alone.
    """
    wanted = (kept or KeptProgress()).wanted(sweep, analysis_result, final)
    wanted.update(records)
    grid, references, outer, picks = (
        tuple(group.targets) for group in (wanted.grid, wanted.references, wanted.outer, wanted.final)
    )
    rests_on = outer_rests_on = ""
    stage = Stage.TRAINING
    if not wanted.is_open:
        frozen = final if sweep.spec.final is not None else None
        evaluated = frozen is not None and not wanted.final.is_open
        rests_on = analysis_digest(sweep, grid, references, records, picks if evaluated else ())
        outer_rests_on = _digest("\n".join(_outcomes(target, records) for target in outer)) if outer else ""
        current = analysis_result is not None and analysis_result.is_of(rests_on, outer_rests_on)
        stage = _stage_after_training(sweep, current, frozen is not None, evaluated)
    ended = wanted.grid.states
    return Progress(
        grid=grid,
        ended=ended,
        states=tuple(_racing_states(sweep, grid, ended, analysis_result, stage)),
        references=references,
        references_ended=wanted.references.states,
        outer=outer,
        outer_ended=wanted.outer.states,
        final=picks,
        final_ended=wanted.final.states,
        open=(*wanted.compared.open, *wanted.outer.open, *wanted.final.open),
        failed=wanted.grid.failed,
        succeeded=sum(n for each, n in wanted.grid.counts.items() if each.state is PointState.SUCCEEDED),
        diverged=wanted.grid.diverged,
        has_result=any(each.has_result for group in wanted.groups for each in group.counts),
        data=frozenset().union(*(each.data for group in wanted.groups for each in group.counts)),
        data_refused=any(each.refused for group in wanted.groups for each in group.counts),
        stage=stage,
        rests_on=rests_on,
        outer_rests_on=outer_rests_on,
        analysis_result=analysis_result,
    )


def _stage_after_training(sweep: Sweep, analysed: bool, frozen: bool, evaluated: bool) -> Stage:
    """The stage, once all is trained but the final evaluation. analysed: by all records that there are."""
    wants_final = sweep.spec.final is not None
    if _is_analysed(sweep) and not analysed:
        return Stage.ANALYSING
    if refines(sweep):
        return Stage.REFINING
    if wants_final and not frozen:
        return Stage.FREEZING
    return Stage.DECIDED if evaluated or not wants_final else Stage.EVALUATING


def analysis_request(sweep: Sweep, records: Records, progress: Progress, final: FinalStatus | None) -> AnalysisRequest:
    """The analysis to request now."""
    evaluated = final if progress.final and PointState.OPEN not in progress.final_ended else None
    targets = progress.targets if evaluated is not None else progress.before_final
    wanted = [record for target in targets for record in records.of(target.point.key).values()]
    return AnalysisRequest(sweep, wanted, evaluated, progress.rests_on, progress.outer_rests_on)


def grid_digest(sweep: Sweep, grid: Iterable[Target], records: Records) -> str:
    """Digest of all that an analysis of the grid rests on: its settings, and which replicates ended how."""
    spec = sweep.spec
    settings = canonical_json(
        [
            spec.objective.to_json(),
            spec.pick.to_json(),
            spec.racing.to_json() if spec.racing else None,
            sweep.resolved.resampling.to_json(),
        ]
    )
    lines = sorted(_outcomes(target, records) for target in grid)
    return _digest("\n".join([settings, *lines]))


def search_digest(sweep: Sweep, records: Records) -> str:
    """Digest of all that the refinement's contenders were chosen from: every combination's first replicates."""
    return grid_digest(sweep, [Target(point, sweep.spec.replicates) for point in sweep.points], records)


def analysis_digest(
    sweep: Sweep, grid: Sequence[Target], references: Sequence[Target], records: Records, final: Sequence[Target]
) -> str:
    """Of `grid_digest`, the flags' order, in which an analysis names combinations, and the references; joined by one of the
    final evaluation's outcomes where there are any."""
    names = [flag.name for flag in sweep.spec.flags]
    compared = [
        [reference.name, _outcomes(target, records)]
        for reference, target in zip(sweep.references, references, strict=True)
    ]
    of_grid = _digest(canonical_json([grid_digest(sweep, grid, records), names, *compared]))
    if not final:
        return of_grid
    outcomes = "\n".join(_outcomes(target, records) for target in final)
    return f"{of_grid}-{_digest(outcomes)}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def _outcomes(target: Target, records: Records) -> str:
    stored = records.of(target.point.key)
    ended = (stored[k].outcome.value if k in stored else "" for k in range(target.replicates))
    return f"{target.point.key} {' '.join(ended)}"


def _references(sweep: Sweep, grid: Sequence[Target]) -> tuple[Target, ...]:
    """The references, each with as many replicates as any combination is to have by now."""
    most = max((target.replicates for target in grid), default=0)
    return tuple(Target(reference.point, most) for reference in sweep.references)


def _each_once(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets with each point once, with the most replicates that are wanted of it."""
    joined: dict[str, Target] = {}
    for target in targets:
        known = joined.get(target.point.key)
        if known is None or known.replicates < target.replicates:
            joined[target.point.key] = target
    return tuple(joined.values())


def _is_analysed(sweep: Sweep) -> bool:
    return sweep.most_replicates >= MIN_REPLICATES_FOR_ERROR or sweep.spec.final is not None


def _replicates(sweep: Sweep, point: Point, analysis_result: AnalysisResult | None) -> int:
    """Number of replicates of the point to train now: all, or as many as the race has reached."""
    racing = sweep.spec.racing
    if racing is None:
        return sweep.spec.replicates
    by_race = analysis_result.wanted.get(point.combination.id, 0) if analysis_result is not None else 0
    return min(max(by_race, racing.initial_replicates), racing.max_replicates)


def _racing_states(
    sweep: Sweep,
    grid: Sequence[Target],
    ended: Sequence[PointState],
    analysis_result: AnalysisResult | None,
    stage: Stage,
) -> Iterable[PointState]:
    race = analysis_result.analysis.race if analysis_result is not None else None
    over = stage in (Stage.FREEZING, Stage.EVALUATING, Stage.DECIDED) or (
        race is not None and race.reason is not RaceReason.RACING and stage is not Stage.TRAINING
    )
    if sweep.spec.racing is None or over:
        return ended
    dropped = analysis_result.dropped if analysis_result is not None else frozenset()
    return (
        PointState.OPEN if state is PointState.SUCCEEDED and target.point.combination.id not in dropped else state
        for target, state in zip(grid, ended, strict=True)
    )
