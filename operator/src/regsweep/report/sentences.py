"""Which sentences stand below the table, and in which order: ties, what matters, what to know and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from regsweep.api.analysis import Analysis
from regsweep.api.conditions import ConditionType
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import NoteType
from regsweep.core.judging.words import outcome
from regsweep.core.judging.words.effects import effects_sentence
from regsweep.core.judging.words.findings import finding_sentences
from regsweep.report.model import SweepReport

CLEAR_OPTIMISM = 0.25
"""Part of the best's standard error below which the optimism is not worth a sentence."""
QUIET_NOTES = frozenset({NoteType.NO_BIAS_VARIANCE, NoteType.ROWS_UNKNOWN, NoteType.TOO_FEW_REPLICATES})
"""Notes for those who read the analysis itself: they say what is not given, and nothing below the table rests on it."""


def ties_sentence(report: SweepReport) -> str:
    """What `=` means, that nothing is tied, or what ties would take; empty where there is nothing to compare."""
    analysis = report.analysis
    if analysis is None or sum(r.objective is not None for r in report.ranking) < 2:
        return ""
    if any(note.type is NoteType.REPLICATES_MISSING for note in analysis.notes):
        return ""  # the note says it
    if not analysis.tied_with_best:
        return (
            outcome.TOO_FEW
            if report.replicates < MIN_REPLICATES_FOR_ERROR or report.holds(ConditionType.COMPLETE)
            else ""
        )
    if len(analysis.tied_with_best) > 1:
        return outcome.TIE_LEGEND
    others = analysis.comparisons[1:]
    return outcome.ALONE if others and all(each.comparable for each in others) else ""


def final_evaluation_sentences(report: SweepReport) -> Iterator[str]:
    """What the test rows say of the picks; nothing before they are evaluated."""
    final = report.analysis.final if report.analysis is not None else None
    if final is None:
        return
    yield from outcome.final_sentences(final, report.objective.metric)
    if report.status.final is not None and report.status.final.stale:
        yield outcome.STALE
    yield from (note.message for note in final.notes)


def sentences(report: SweepReport) -> Iterator[str]:
    """What matters, what is found, and what to bear in mind; nothing before the sweep is complete."""
    analysis = report.analysis
    if analysis is None or not report.holds(ConditionType.COMPLETE):
        return
    yield from filter(None, _figures(report, analysis))
    yield from finding_sentences(analysis.findings)
    by_accuracy = analysis.tied_by_accuracy
    if by_accuracy is not None and set(by_accuracy) != set(analysis.tied_with_best):
        yield outcome.accuracy_sentence(len(by_accuracy), len(analysis.comparisons))
    yield from filter(None, [_optimism(report, analysis)])
    yield from (note.message for note in analysis.notes if note.type not in QUIET_NOTES)


def _figures(report: SweepReport, analysis: Analysis) -> Iterator[str]:
    """Other data, what matters, bias and variance, the references, the race; empty where nothing is known of one."""
    level = analysis.best.new_data if analysis.best is not None else None
    if level is not None:
        difference = analysis.pick.difference.new_data if analysis.pick is not None else None
        yield outcome.other_data_sentence(report.objective.metric, level, difference)
    if analysis.effects is not None:
        yield effects_sentence(analysis.effects)
    spread = analysis.comparisons[0].spread if analysis.comparisons else None
    if spread is not None:
        plain = report.unregularized
        beside = report.comparison(plain) if plain is not None and plain.rank != 1 else None
        yield outcome.spread_sentence(spread, beside.spread if beside is not None else None)
    for reference in analysis.references:
        yield outcome.reference_sentence(reference, report.objective.metric)
    if report.status.refinement is not None:
        yield outcome.refinement_sentence(report.status.refinement, report.replicates)
    if analysis.race is not None:
        yield outcome.race_sentence(analysis.race)


def _optimism(report: SweepReport, analysis: Analysis) -> str:
    """How much luck flatters the best, where that is clear beside its standard error."""
    best, found = report.best, analysis.selection_optimism
    if best is None or best.objective is None or best.objective.standard_error is None or found is None:
        return ""
    if found.optimism <= CLEAR_OPTIMISM * best.objective.standard_error:
        return ""
    objective = report.objective
    return outcome.optimism_sentence(objective.metric, objective.goal, best.objective.mean, found.corrected)
