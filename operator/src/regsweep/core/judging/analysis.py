"""The analysis of a sweep's records: which records, what it rests on, and what it comes to.

One way for operator, files and local runner. numpy and scipy load on the first analysis, or when it is prepared, never at a program's
start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from regsweep.api.analysis import MOST_NOTES, Analysis, FinalEvaluation, PickRole
from regsweep.api.findings import FindingType, Note, NoteType
from regsweep.api.objective import objective_status
from regsweep.api.status import FinalPick, FinalStatus
from regsweep.core.judging.idle import idle_flags
from regsweep.core.judging.stats.final import FinalTraining, evaluate_final
from regsweep.core.judging.stats.nested import evaluate_nested
from regsweep.core.judging.stats.ranking import KeptScores, RankedCombination, Ranking, TrainedGrid
from regsweep.core.judging.stats.ranking import rank as rank_combinations
from regsweep.core.judging.words.findings import finding_message
from regsweep.core.judging.words.notes import note_message
from regsweep.core.judging.words.outlook import planning_sentence
from regsweep.core.nested import fold_sweeps
from regsweep.core.refinement import as_declared, contending, fresh_records, left_behind, refines
from regsweep.core.results.records import Record, Records
from regsweep.core.rounding import in_six_digits
from regsweep.core.sweep import Sweep, final_points

LONGEST_CAUSE = 1000
"""Characters that a note keeps of what an analysis failed with."""


@dataclass(frozen=True, slots=True)
class OuterChoices:
    """What was chosen in each outer fold, from the rows outside it."""

    rests_on: str
    """Digest of the outcomes."""
    picks: tuple[FinalPick, ...]
    """Fold by fold; none of a fold in which nothing may be best."""


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What a sweep's records come to, and what a race asks for."""

    analysis: Analysis
    """Complete; `rests_on` is for the caller to fill in."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Of a race: combination id to the replicates that it is to have by now, for those still racing or left at its end."""
    dropped: frozenset[str] = frozenset()
    """Ids that left the race."""
    outer: OuterChoices | None = None
    """What was chosen in the outer folds of nested resampling; None: nothing was to be."""

    def is_of(self, rests_on: str, outer_rests_on: str) -> bool:
        """Whether it is the analysis of what has these digests; `outer_rests_on`: empty where no outer fold is asked about."""
        if self.analysis.rests_on != rests_on:
            return False
        return not outer_rests_on or (self.outer is not None and self.outer.rests_on == outer_rests_on)


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """All that an analysis needs: it may be answered in another process."""

    sweep: Sweep
    records: list[Record]
    """Those of the grid's points and of the references, and of the final evaluation once it has ended."""
    final: FinalStatus | None
    """The picks of the final evaluation, once it has ended."""
    rests_on: str
    """Digest of the records and settings."""
    outer_rests_on: str = ""
    """Digest of the outcomes in the outer folds, where their picks are to be chosen; else empty."""

    @property
    def holds_up_training(self) -> bool:
        """Whether slots may be empty until it is answered: a race, a refinement or a final evaluation goes on by it."""
        spec = self.sweep.spec
        return spec.racing is not None or refines(self.sweep) or (spec.final is not None and self.final is None)


class KeptRanking:
    """What is kept of a sweep's ranking from one to the next: a new one gives the same, by looking at every combination."""

    def __init__(self) -> None:
        self._sweep: Sweep | None = None
        self._grid: TrainedGrid | None = None
        self._scores: KeptScores | None = None

    def of(self, sweep: Sweep, records: Records) -> tuple[TrainedGrid, KeptScores]:
        """The sweep's grid with these records, and what is kept of its combinations."""
        if self._grid is None or self._scores is None or self._sweep is not sweep:
            self._sweep, self._grid = sweep, _grid(sweep, Records())
            self._scores = KeptScores(self._grid, sweep.spec.objective.constraints)
        return replace(self._grid, records=records), self._scores


def rank(
    sweep: Sweep,
    records: Records,
    analysis_result: AnalysisResult | None,
    *,
    kept: KeptRanking | None = None,
    most: int | None = None,
) -> Ranking:
    """The sweep's combinations in order, with or without results; those that a race dropped behind those that it did not, and
    those that refinement has left behind its contenders.

    kept: from earlier rankings of the sweep; it makes a difference to the time alone. most: how many rows are wanted at least,
    the first ones; None: all.
    """
    constraints = sweep.spec.objective.constraints
    if sweep.contenders:
        others = left_behind(sweep)
        first = rank_combinations(_grid(contending(sweep), fresh_records(sweep, records)), constraints)
        behind = rank_combinations(
            _grid(others, records), constraints, frozenset(p.combination.id for p in others.points)
        )
        return first.followed_by(behind)
    dropped = analysis_result.dropped if analysis_result is not None else frozenset()
    grid, scores = (kept or KeptRanking()).of(sweep, records)
    return rank_combinations(grid, constraints, dropped, kept=scores, most=most)


def reference_rows(sweep: Sweep, records: Records) -> tuple[RankedCombination, ...]:
    """What the references have come to, in the order of the spec; their places mean nothing."""
    rows: list[RankedCombination] = []
    records = fresh_records(sweep, records) if sweep.contenders else records
    for reference in sweep.references:
        alone = replace(
            _grid(sweep, records),
            combinations=[reference.point.combination],
            point_keys={reference.point.combination.id: reference.point.key},
        )
        rows += rank_combinations(alone).rows
    return tuple(rows)


def analyse_records(request: AnalysisRequest) -> AnalysisResult:
    """The analysis."""
    sweep, final, records = request.sweep, request.final, Records(request.records)
    evaluation = _evaluation(sweep, records, final) if final is not None else None
    result = judge(sweep, records, evaluation)
    outer = OuterChoices(request.outer_rests_on, _outer_picks(sweep, records)) if request.outer_rests_on else None
    return replace(result, analysis=result.analysis.model_copy(update={"rests_on": request.rests_on}), outer=outer)


def picks_of(sweep: Sweep, records: Records, analysis_result: AnalysisResult | None) -> list[FinalPick]:
    """The best and the one-standard-error pick, once where both are one; none where nothing may be best."""
    best = rank(sweep, records, analysis_result).best
    if best is None:
        return []
    roles = {best.combination.id: [PickRole.BEST]}
    pick = analysis_result.analysis.pick if analysis_result is not None else None
    if pick is not None and pick.combination is not None:
        roles.setdefault(pick.combination, []).append(PickRole.ONE_STANDARD_ERROR)
    flags = {point.combination.id: point.combination.flags for point in sweep.points}
    return [FinalPick(roles=played, flags=flags[combination]) for combination, played in roles.items()]


def _outer_picks(sweep: Sweep, records: Records) -> tuple[FinalPick, ...]:
    """What the sweep's own way of choosing picks in each outer fold. It is shown the fold's own records alone."""
    picks: list[FinalPick] = []
    for fold, inner in enumerate(fold_sweeps(sweep)):
        chosen = picks_of(inner, records, judge(inner, records))
        picks += [pick.model_copy(update={"fold": fold}) for pick in chosen]
    return tuple(picks)


def _evaluation(sweep: Sweep, records: Records, final: FinalStatus) -> FinalEvaluation | None:
    """What the frozen picks' trainings have come to."""
    trainings = []
    for pick, point in zip(final.picks, final_points(sweep, final), strict=True):
        of_pick = {k: record for k, record in records.of(point.key).items() if k < final.replicates}
        trainings.append(FinalTraining(tuple(pick.roles), point.combination, of_pick, pick.fold))
    return evaluate_nested(trainings, final.folds) if final.folds is not None else evaluate_final(trainings)


def failed_analysis(request: AnalysisRequest, why: str) -> AnalysisResult:
    """What stands in for an analysis that cannot be made: the ranking goes without it."""
    note = Note(type=NoteType.ANALYSIS_FAILED, cause=why[:LONGEST_CAUSE])
    return AnalysisResult(Analysis(rests_on=request.rests_on, notes=_worded_notes([note])), {}, frozenset())


def prior_analysis(analysis: Analysis | None, sweep: Sweep) -> AnalysisResult | None:
    """An analysis as the status has it; None where it must be made anew.

    A race goes by more than the status holds, and so do a refinement and the choice in outer folds. So does a final evaluation
    where an older version has written the pick without its combination's id.
    """
    if analysis is None or sweep.spec.racing is not None or (sweep.outer and analysis.final is None):
        return None
    if sweep.spec.refinement is not None:
        return None
    pick = analysis.pick
    if sweep.spec.final is not None and pick is not None and pick.combination is None:
        return None
    return AnalysisResult(analysis, {}, frozenset())


def shortened(analysis_result: AnalysisResult, most: int) -> AnalysisResult:
    """The same with what the status holds of it."""
    return replace(analysis_result, analysis=analysis_result.analysis.shortened(most))


def judge(sweep: Sweep, records: Records, final: FinalEvaluation | None = None) -> AnalysisResult:
    """Judges what the sweep's records hold so far. `final`: what the picks' final trainings have come to.

    Of a refined sweep all is said of the contenders, by the replicates that they were not chosen by; but what matters is a
    question about the whole grid.

    Raises InvalidSweep where the objective's goal is not known.
    """
    result = _judged_by_contenders(sweep, records, final) if sweep.contenders else _judged(sweep, records, final)
    idle = idle_flags(sweep, records)
    if not idle:
        return result
    notes = _worded_notes([Note(type=NoteType.IDLE_FLAGS, flags=idle)]) + result.analysis.notes
    return replace(result, analysis=result.analysis.model_copy(update={"notes": notes[:MOST_NOTES]}))


def _judged_by_contenders(sweep: Sweep, records: Records, final: FinalEvaluation | None) -> AnalysisResult:
    result = _judged(contending(sweep), fresh_records(sweep, records), final, are_contenders=True)
    effects = _judged(as_declared(sweep), records, None).analysis.effects
    # The contenders are no grid: an end of their values is not an end of what was swept.
    findings = [each for each in result.analysis.findings if each.type is not FindingType.AT_GRID_EDGE]
    return replace(result, analysis=result.analysis.model_copy(update={"effects": effects, "findings": findings}))


def prepare_analysis() -> None:
    """Loads what the first analysis takes a second to load."""
    import regsweep.core.judging.stats.pipeline
    import regsweep.core.judging.stats.references  # noqa: F401 - to be loaded


def _judged(
    sweep: Sweep, records: Records, final: FinalEvaluation | None, *, are_contenders: bool = False
) -> AnalysisResult:
    from regsweep.core.judging.stats.compared import AnalysisSettings  # numpy and scipy: see above
    from regsweep.core.judging.stats.pipeline import analyse
    from regsweep.core.judging.stats.racing import RaceRules, race_of
    from regsweep.core.judging.stats.references import compare_with_references

    spec, grid, race = sweep.spec, _grid(sweep, records), None
    if spec.racing is not None:
        racing = spec.racing.model_copy(update={"minimum_difference": spec.minimum_difference})
        rules = RaceRules(
            racing, spec.objective.constraints, spec.pick.simplicity_order, first_attempt=sweep.first_attempt
        )
        race = race_of(grid, rules)
    settings = AnalysisSettings(
        flags=spec.flags,
        parameters=sweep.resolved.parameters,
        exclude=spec.exclude,
        constraints=spec.objective.constraints,
        simplicity_order=spec.pick.simplicity_order,
        rule=spec.pick.rule,
        resampling=sweep.resolved.resampling,
        minimum_difference=spec.minimum_difference,
    )
    found = analyse(grid, settings, race, are_contenders=are_contenders)
    found = found.model_copy(
        update={
            "references": compare_with_references(
                grid,
                sweep.references,
                found,
                sweep.resolved.resampling,
                sweep.resolved.parameters,
                spec.minimum_difference,
            ),
            "final": final,
        }
    )
    analysis = _worded(in_six_digits(found))
    if race is None:
        return AnalysisResult(analysis)
    wanted = {each.id: race.replicates for row, each in enumerate(grid.combinations) if race.racing[row]}
    return AnalysisResult(analysis, wanted, frozenset(grid.combinations[row].id for row in race.dropped))


def _grid(sweep: Sweep, records: Records) -> TrainedGrid:
    """The sweep's grid with its records."""
    return TrainedGrid(
        combinations=[point.combination for point in sweep.points],
        point_keys={point.combination.id: point.key for point in sweep.points},
        records=records,
        objective=objective_status(sweep.spec.objective),
        replicates=sweep.most_replicates,
    )


def _worded(analysis: Analysis) -> Analysis:
    """The analysis with a message in every finding and note, and in what it says of more replicates."""
    effects, final, planning = analysis.effects, analysis.final, analysis.planning
    return analysis.model_copy(
        update={
            "findings": [each.model_copy(update={"message": finding_message(each)}) for each in analysis.findings],
            "notes": _worded_notes(analysis.notes),
            "effects": effects and effects.model_copy(update={"notes": _worded_notes(effects.notes)}),
            "planning": planning and planning.model_copy(update={"message": planning_sentence(planning)}),
            "final": final and final.model_copy(update={"notes": _worded_notes(final.notes)}),
        }
    )


def _worded_notes(notes: Sequence[Note]) -> list[Note]:
    return [note.model_copy(update={"message": note_message(note)}) for note in notes]
