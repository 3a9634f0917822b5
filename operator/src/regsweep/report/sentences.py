"""Which sentences stand below the table, and in which order: ties, what matters, what to know and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from regsweep.api.analysis import Analysis, Effects, Interval, Optimism
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import NoteType
from regsweep.api.objective import metric_bounds
from regsweep.api.spec import Goal
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.words import outcome, outlook
from regsweep.core.judging.words.effects import effects_sentence
from regsweep.core.judging.words.findings import finding_sentences
from regsweep.report.model import SweepReport

ACCURACY = "val_accuracy"
CLEAR_OPTIMISM = 0.25
"""Part of the best's standard error below which the optimism is not worth a sentence."""
QUIET_NOTES = frozenset({NoteType.NO_BIAS_VARIANCE, NoteType.ROWS_UNKNOWN, NoteType.TOO_FEW_REPLICATES})
"""Notes for those who read the analysis itself: they say what is not given, and nothing below the table rests on it."""
SAID_BY_NOTES = frozenset({NoteType.REPLICATES_MISSING, NoteType.REPLICATES_ALIKE, NoteType.NO_CANDIDATE})
"""Notes that say why there are no ties."""


def ties_sentence(report: SweepReport) -> str:
    """What `=` means, that nothing is tied, or what ties would take; empty where there is nothing to compare."""
    analysis = report.analysis
    if analysis is None or sum(r.objective is not None for r in report.ranking) < 2:
        return ""
    if any(note.type in SAID_BY_NOTES for note in analysis.notes):
        return ""
    if not analysis.tied_with_best:
        return outcome.TOO_FEW if report.replicates < MIN_REPLICATES_FOR_ERROR or report.is_whole else ""
    if len(analysis.tied_with_best) > 1:
        return outcome.TIE_LEGEND
    others = analysis.comparisons[1:]
    if not others or not all(each.comparable for each in others) or report.some_left_unjudged:
        return ""
    compared_all = report.is_whole and len(analysis.comparisons) == len(report.ranking)
    return outcome.ALONE if compared_all else outcome.ALONE_AMONG_COMPARED


def final_evaluation_sentences(report: SweepReport) -> Iterator[str]:
    """What the test rows say of the picks; nothing before they are evaluated."""
    final = report.analysis.final if report.analysis is not None else None
    if final is None:
        return
    yield from outcome.final_sentences(final, report.objective.metric, report.objective.epoch)
    if report.status.final is not None and report.status.final.stale:
        yield outcome.STALE
    yield from (note.message for note in final.notes)


def what_matters(report: SweepReport, effects: Effects) -> str:
    """Which flags matter. After a refinement it is asked about the declared grid, and ties are about others."""
    if report.status.refinement is not None:
        return effects_sentence(effects, within="the grid as declared, by the replicates before the new ones")
    return effects_sentence(effects, report.combinations_differ)


def sentences(report: SweepReport) -> Iterator[str]:
    """What matters, what is found, and what to bear in mind; nothing before the sweep is complete."""
    analysis = report.analysis
    if analysis is None or not report.is_whole:
        return
    yield from filter(None, _figures(report, analysis))
    yield from finding_sentences(analysis.findings)
    by_accuracy = analysis.tied_by_accuracy
    if by_accuracy is not None and set(by_accuracy) != set(analysis.tied_with_best):
        yield outlook.accuracy_sentence(
            len(by_accuracy), len(report.contending), analysis.accuracy, report.objective.epoch
        )
    if report.objective.metric == ACCURACY:
        yield from filter(None, [outlook.baseline_sentence(analysis.accuracy)])
    if analysis.r_squared is not None:
        yield outlook.r_squared_sentence(analysis.r_squared, report.objective.epoch)
    yield from filter(None, [_optimism(report, analysis)])
    yield from (note.message for note in analysis.notes if note.type not in QUIET_NOTES)


def _figures(report: SweepReport, analysis: Analysis) -> Iterator[str]:
    """Practical equivalence, other data, what matters, bias and variance, the references, the race, more replicates; empty where
    nothing is known of one."""
    if analysis.minimum_difference is not None:
        yield outlook.equivalence_sentence(analysis.comparisons, analysis.minimum_difference)
    yield _other_data(report, analysis)
    if analysis.effects is not None:
        yield what_matters(report, analysis.effects)
    spread = analysis.comparisons[0].spread if analysis.comparisons else None
    if spread is not None:
        plain = report.unregularized
        beside = report.comparison(plain) if plain is not None and plain.rank != 1 else None
        yield outcome.spread_sentence(spread, beside.spread if beside is not None else None, report.objective.epoch)
    for reference in analysis.references:
        yield outcome.reference_sentence(reference, report.objective.metric, report.objective.epoch)
    if report.status.refinement is not None:
        yield outcome.refinement_sentence(report.status.refinement, report.replicates)
    if analysis.race is not None:
        yield outcome.race_sentence(analysis.race)
    if analysis.planning is not None:
        yield analysis.planning.message


def _other_data(report: SweepReport, analysis: Analysis) -> str:
    """How well the best is known for other data, with room for having been chosen; empty where that is not known."""
    level = analysis.best.new_data if analysis.best is not None else None
    if level is None:
        return ""
    difference = analysis.pick.difference.new_data if analysis.pick is not None else None
    objective, refinement, optimism = report.objective, report.status.refinement, _clear_optimism(report, analysis)
    luck = ""
    if refinement is not None and refinement.contenders:
        luck = outcome.contenders_allowed(len(refinement.contenders))
    elif optimism is not None:
        level, luck = _with_luck(level, optimism.optimism, report), outcome.luck_allowed(optimism.optimism)
    return outcome.other_data_sentence(objective.metric, level, difference, luck, objective.epoch)


def _with_luck(level: Interval, optimism: float, report: SweepReport) -> Interval:
    """The interval with room for the optimism at its worse end, so that nothing on the page contradicts it. Such a choice is allowed for
    by an estimate alone, hence approximately."""
    least, most = metric_bounds(report.objective.metric)
    minimize = report.objective.goal is Goal.MINIMIZE
    worse_end = {"high": level.high + optimism} if minimize else {"low": level.low - optimism}
    wider = level.model_copy(update={**worse_end, "approximate": True})
    return cut_to(wider, least, most)


def _optimism(report: SweepReport, analysis: Analysis) -> str:
    """How much luck flatters the best, where that is clear and the interval for other data does not say it."""
    best, found = report.best, _clear_optimism(report, analysis)
    if found is None or best is None or best.objective is None:
        return ""
    if analysis.best is not None and analysis.best.new_data is not None:
        return ""
    objective = report.objective
    return outcome.optimism_sentence(objective.metric, objective.goal, best.objective.mean, found.corrected)


def _clear_optimism(report: SweepReport, analysis: Analysis) -> Optimism | None:
    """How much luck flatters the best, where that is clear beside its standard error."""
    best, found = report.best, analysis.selection_optimism
    if best is None or best.objective is None or best.objective.standard_error is None or found is None:
        return None
    return found if found.optimism > CLEAR_OPTIMISM * best.objective.standard_error else None
