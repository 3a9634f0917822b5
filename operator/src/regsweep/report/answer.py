"""What a sweep came to, in one or two sentences: the best, what cannot be told from it, and what regularisation did."""

from __future__ import annotations

from regsweep.api.wording import plural
from regsweep.core.judging.words.outcome import at_best_epoch
from regsweep.report.model import SweepReport
from regsweep.report.notes import conclusion
from regsweep.report.numbers import PLUS_MINUS, format_for


def answer(report: SweepReport) -> str:
    """The answer; before the sweep is complete it says so. Where none may be called best it says why; empty while nothing has a rank."""
    best = report.best
    if best is None or best.objective is None:
        return report.none_is_best.message if report.none_is_best is not None and report.is_whole else ""
    error = best.objective.standard_error
    shown = format_for([best.objective.mean], [error])
    value = shown.text(best.objective.mean) + (f" {PLUS_MINUS} {shown.error(error)}" if error is not None else "")
    metric = f"{report.objective.metric}{at_best_epoch(report.objective.epoch)}"
    complete = report.is_whole
    of = f"Of {plural(len(report.ranking), 'combination')}" if complete else "So far"
    return " ".join(
        filter(
            None,
            [
                f"{of} the best is {best.label} ({metric} {value}){_ties(report)}.",
                conclusion(report),
            ],
        )
    )


def _ties(report: SweepReport) -> str:
    """Such as `; 3 others cannot be told from it`; empty where ties are not known."""
    analysis = report.analysis
    if analysis is None or not analysis.tied_with_best:
        return ""
    others = len(analysis.tied_with_best) - 1
    if not others:
        compared_all = report.is_whole and len(analysis.comparisons) == len(report.ranking) > 1
        alone = compared_all and all(each.comparable for each in analysis.comparisons)
        return "; all others can be told from it" if alone and not report.some_left_unjudged else ""
    return f"; {others} other{'s' if others > 1 else ''} cannot be told from it with these data"
