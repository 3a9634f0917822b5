"""The analysis of a sweep's records: which records, what it rests on, and what it comes to.

One way for operator, files and local runner. numpy and scipy load on the first analysis, never at a program's start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from regsweep.api.analysis import Analysis
from regsweep.api.findings import Note, NoteType
from regsweep.api.objective import objective_status
from regsweep.api.status import FinalStatus
from regsweep.core.judging.stats.final import FinalTraining, evaluate_final
from regsweep.core.judging.stats.ranking import RankedCombination, Ranking, TrainedGrid
from regsweep.core.judging.stats.ranking import rank as rank_combinations
from regsweep.core.judging.words.findings import finding_message
from regsweep.core.judging.words.notes import note_message
from regsweep.core.judging.words.outlook import planning_sentence
from regsweep.core.results.records import Record, Records
from regsweep.core.rounding import in_six_digits
from regsweep.core.sweep import Sweep, final_points

LONGEST_CAUSE = 1000
"""Characters that a note keeps of what an analysis failed with."""


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What a sweep's records come to, and what a race asks for."""

    analysis: Analysis
    """Complete; `rests_on` is for the caller to fill in."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Of a race: combination id to the replicates that it is to have by now, for those still racing or left at its end."""
    dropped: frozenset[str] = frozenset()
    """Ids that left the race."""


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


def rank(sweep: Sweep, records: Records, analysis_result: AnalysisResult | None) -> Ranking:
    """The sweep's combinations in order, with or without results; those that a race dropped behind those that it did not."""
    dropped = analysis_result.dropped if analysis_result is not None else frozenset()
    return rank_combinations(_grid(sweep, records), sweep.spec.objective.constraints, dropped)


def reference_rows(sweep: Sweep, records: Records) -> tuple[RankedCombination, ...]:
    """What the references have come to, in the order of the spec; their places mean nothing."""
    rows: list[RankedCombination] = []
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
    trainings: list[FinalTraining] = []
    if final is not None:
        for pick, point in zip(final.picks, final_points(sweep, final), strict=True):
            of_pick = {k: record for k, record in records.of(point.key).items() if k < final.replicates}
            trainings.append(FinalTraining(tuple(pick.roles), point.combination, of_pick))
    result = judge(sweep, records, trainings)
    return replace(result, analysis=result.analysis.model_copy(update={"rests_on": request.rests_on}))


def failed_analysis(request: AnalysisRequest, why: str) -> AnalysisResult:
    """What stands in for an analysis that cannot be made: the ranking goes without it."""
    note = Note(type=NoteType.ANALYSIS_FAILED, cause=why[:LONGEST_CAUSE])
    return AnalysisResult(Analysis(rests_on=request.rests_on, notes=_worded_notes([note])), {}, frozenset())


def prior_analysis(analysis: Analysis | None, sweep: Sweep) -> AnalysisResult | None:
    """An analysis as the status has it; None where it must be made anew.

    A race goes by more than the status holds. So does a final evaluation where an older version has written the pick
    without its combination's id.
    """
    if analysis is None or sweep.spec.racing is not None:
        return None
    pick = analysis.pick
    if sweep.spec.final is not None and pick is not None and pick.combination is None:
        return None
    return AnalysisResult(analysis, {}, frozenset())


def shortened(analysis_result: AnalysisResult, most: int) -> AnalysisResult:
    """The same with what the status holds of it."""
    return replace(analysis_result, analysis=analysis_result.analysis.shortened(most))


def judge(sweep: Sweep, records: Records, final: Sequence[FinalTraining] = ()) -> AnalysisResult:
    """Judges what the sweep's records hold so far. `final`: the picks' final trainings, in the order to show them.

    Raises InvalidSweep where the objective's goal is not known.
    """
    from regsweep.core.judging.stats.pipeline import AnalysisSettings, analyse  # numpy and scipy: see above
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
    found = analyse(grid, settings, race)
    found = found.model_copy(
        update={
            "references": compare_with_references(
                grid, sweep.references, found, sweep.resolved.resampling, sweep.resolved.parameters
            ),
            "final": evaluate_final(final),
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
