"""The words beside a row of the table, and those that need the ranking as a whole. A sentence is said only where the numbers
bear it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from regsweep.api.analysis import Comparison, Fit
from regsweep.api.objective import includes_penalty
from regsweep.api.regularizers import REGULARIZERS, is_off, is_unregularized
from regsweep.api.status import RankedResult
from regsweep.api.wording import plural
from regsweep.core.figures import gpu_time, listed, ordinal
from regsweep.core.grid import label
from regsweep.core.judging.stats.ranking import MIXED
from regsweep.core.judging.words.outlook import reductions_phrase
from regsweep.core.results.records import Source
from regsweep.report.model import VAL_LOSS, Divergence, SweepReport


class RowNoteKind(Enum):
    """What the note beside a row is about."""

    NONE = auto()
    DIVERGED = auto()
    FAILED = auto()
    VIOLATES = auto()
    DROPPED = auto()
    BEST = auto()
    BEST_SO_FAR = auto()
    BEST_AND_PICK = auto()
    PICK = auto()
    NOT_COMPARABLE = auto()
    OVERFITS = auto()
    UNDERFITS = auto()
    OVERFITS_AND_UNDERFITS = auto()
    SOME_FAILED = auto()


@dataclass(frozen=True, slots=True)
class RowNote:
    """The note beside a row."""

    kind: RowNoteKind
    text: str
    brief: str = ""
    """Short form for a narrow table; empty: the text."""


_NONE: Final = RowNote(RowNoteKind.NONE, "")
_BEST: Final = RowNote(RowNoteKind.BEST, "best")
_BEST_SO_FAR: Final = RowNote(RowNoteKind.BEST_SO_FAR, "best so far")
_PICK: Final = RowNote(RowNoteKind.PICK, "pick: simplest within one standard error", "pick")
_BEST_AND_PICK: Final = RowNote(
    RowNoteKind.BEST_AND_PICK, "best, and the simplest within one standard error", "best, pick"
)
_NOT_COMPARABLE: Final = RowNote(RowNoteKind.NOT_COMPARABLE, "too few replicates in common with the best")
_FITS: Final = {
    Fit.OVERFITS: RowNote(RowNoteKind.OVERFITS, "overfits"),
    Fit.UNDERFITS: RowNote(RowNoteKind.UNDERFITS, "underfits"),
    Fit.BOTH: RowNote(RowNoteKind.OVERFITS_AND_UNDERFITS, "overfits and underfits"),
    Fit.BALANCED: _NONE,
    Fit.UNDETERMINED: _NONE,
}
_LEGEND: Final = {
    RowNoteKind.PICK: "pick: simplest combination within one standard error of the best",
    RowNoteKind.OVERFITS: "overfits: worse than the best, mostly by a larger overfit gap",
    RowNoteKind.UNDERFITS: "underfits: worse than the best, mostly by fitting the training data less well",
    RowNoteKind.OVERFITS_AND_UNDERFITS: "overfits and underfits: worse than the best in both",
}
_SIMPLER: Final = "simpler: more regularised or smaller, and in no flag the reverse (pick.simplicityOrder)"
"""Beside every pick: many would take the plain network for the simplest."""
_SOURCES: Final = {
    Source.PROMETHEUS.value: "from Prometheus",
    Source.RECORD.value: "from the runs' own records",
    MIXED: "from both Prometheus and the runs' own records",
}


def note_of(result: RankedResult, report: SweepReport) -> RowNote:
    """The note beside a combination: best, overfits, diverged, failed and why."""
    return _trouble(result, report) or _praise(result, report)


def _trouble(result: RankedResult, report: SweepReport) -> RowNote | None:
    """Why a combination is not ranked with the others; None where it is."""
    if result.diverged:
        return RowNote(RowNoteKind.DIVERGED, _diverged(result, report.divergence(result)))
    if result.failed and not result.replicates:
        failure = report.failure(result)
        return RowNote(RowNoteKind.FAILED, f"failed: {failure.reason}" if failure else "failed")
    if result.violated:
        return RowNote(RowNoteKind.VIOLATES, f"does not meet the constraint on {' and '.join(result.violated)}")
    if _was_left_behind(result, report):
        return RowNote(RowNoteKind.DROPPED, "not tied before the new replicates", "not tied")
    if result.dropped:
        return RowNote(RowNoteKind.DROPPED, f"dropped after {plural(result.replicates, 'replicate')}")
    return None


def _praise(result: RankedResult, report: SweepReport) -> RowNote:
    """What a combination is beside the best."""
    complete = report.is_whole
    picked = report.is_pick(result) and complete
    if report.is_best(result):
        return (_BEST_AND_PICK if picked else _BEST) if complete else _BEST_SO_FAR
    note = _PICK if picked else _fit_note(report.comparison(result))
    if note is _NONE and result.failed:
        return RowNote(RowNoteKind.SOME_FAILED, f"{result.failed} failed")
    return note


def _fit_note(comparison: Comparison | None) -> RowNote:
    """Why it is worse than the best, or why it cannot be compared; no note if it is tied or the data do not show it."""
    if comparison is None or comparison.tied:
        return _NONE
    return _FITS[comparison.fit] if comparison.comparable else _NOT_COMPARABLE


def _diverged(result: RankedResult, divergence: Divergence | None) -> str:
    """Such as `diverged at epoch 3` or `2 of 5 diverged, first at epoch 7`."""
    if divergence is None:
        return (
            "diverged" if result.diverged >= result.replicates else f"{result.diverged} of {result.replicates} diverged"
        )
    first, last = divergence.first_epoch, divergence.last_epoch
    if divergence.diverged < divergence.replicates:
        return f"{divergence.diverged} of {divergence.replicates} diverged, first at epoch {first}"
    return f"diverged at epoch {first}" if first == last else f"diverged at epochs {first} to {last}"


def legend_of(notes: Iterable[RowNote], brief: bool) -> str:
    """What the notes that need it mean, in one sentence; empty where none does. `brief`: they stand in a word."""
    kinds = {note.kind for note in notes}
    if RowNoteKind.BEST_AND_PICK in kinds:
        kinds.add(RowNoteKind.PICK)
    simpler = [_SIMPLER] if RowNoteKind.PICK in kinds else []
    if not brief:
        kinds.discard(RowNoteKind.PICK)  # spelled out in the table
    meanings = [meaning for kind, meaning in _LEGEND.items() if kind in kinds] + simpler
    return f"{'; '.join(meanings)}." if meanings else ""


def source_line(report: SweepReport) -> str:
    """Where the values come from; empty while there are none."""
    counts = Counter(r.source for r in report.ranking if r.source is not None)
    if not counts:
        return ""
    if len(counts) == 1:
        source = next(iter(counts))
        return f"All values {_SOURCES.get(source, f'from {source}')}."
    parts = [f"{count} {_SOURCES.get(source, f'from {source}')}" for source, count in counts.most_common()]
    return f"Values of {sum(counts.values())} combinations: {', '.join(parts)}."


def gpu_line(report: SweepReport) -> str:
    """GPU time of the sweep; empty where it used none, or none is known."""
    seconds = report.status.gpu_seconds
    return f"GPU time: {gpu_time(seconds)}." if seconds else ""


def conclusion(report: SweepReport) -> str:
    """The effect of regularisation, in one sentence; empty if the sweep cannot show it.

    Compares the best with the best-ranked combination without regularisation. Speaks only when the sweep is complete.
    """
    best, plain = report.best, report.unregularized
    if best is None or best.objective is None or plain is None or not report.is_whole:
        return ""
    return f"{_start(plain, report)}{_ending(plain, report)}"


def _start(plain: RankedResult, report: SweepReport) -> str:
    """Such as `Without regularisation (l2=0) the network ranks 2nd`."""
    varied = report.regularizers
    settings = label({name: plain.flags.get(name) for name in varied})
    fixed = any(
        name in REGULARIZERS and not is_off(name, value)
        for name, value in report.parameters.items()
        if name not in report.flag_names
    )
    without = f"Without {listed(varied)}" if fixed else "Without regularisation"
    others = len(report.flag_names) > len(varied)
    subject = f"the best network ({plain.label})" if others else "the network"
    return f"{without} ({settings}) {subject} ranks {ordinal(plain.rank or 0)}"


def _ending(plain: RankedResult, report: SweepReport) -> str:
    """How the network without regularisation does beside the best."""
    comparison = report.comparison(plain)
    reductions = report.analysis.reductions if report.analysis is not None else []
    if plain.rank == 1:
        return _not_improved(report)
    if comparison is not None and comparison.tied:
        gains = reductions_phrase(reductions, report.objective.epoch)
        chose = ", which also chose it," if report.objective.metric == VAL_LOSS else ""
        by_means = f"; by the means{chose or ','} the best {gains}" if gains else ""
        return f", but cannot be told from the best with these data{by_means}."
    if plain.diverged:
        return f": in {plain.diverged} of {plain.replicates} replicates it diverged."
    if plain.violated:
        return f", and does not meet the constraint on {listed(plain.violated)}."
    if _was_left_behind(plain, report):
        return ": it was not tied with the best before the new replicates, and is not compared with it by these."
    if comparison is None and report.analysis is not None and report.analysis.comparisons:
        return ", and cannot be compared with the best, since a replicate has no value."
    if comparison is None or not comparison.comparable:
        return "; too few common replicates to say whether it is worse than the best."
    gains = reductions_phrase(reductions, report.objective.epoch)
    return f"; the best {gains}." if gains else ", and is worse than the best."


def _are(count: int) -> str:
    return f"{plural(count, 'combination')} with it {'is' if count == 1 else 'are'}"


def _not_improved(report: SweepReport) -> str:
    """What it says of regularisation that the best is without it: nothing, where the metric cannot show what it is for, or where
    others may be the best as well."""
    metric = report.objective.metric
    if includes_penalty(metric):
        return f" by {metric}. That contains the penalty, so it does not say whether regularisation helps."
    if metric.startswith("train_"):
        return f" by {metric}. That is of the training rows, so it does not say whether regularisation helps on others."
    others = [each for each in report.ranking if not is_unregularized(each.flags, report.flag_names)]
    tied = sum(map(report.is_tied, others))
    told_apart = sum(_is_told_apart(each, report) for each in others)
    if tied or not told_apart:
        why = f"{_are(tied)} tied" if tied else "no combination with it can be compared"
        return f"; these data do not tell whether regularisation improves on it: {why}."
    if told_apart < len(others):
        return ": no combination with regularisation that can be compared improved on it."
    return ": regularisation did not improve on it."


def _is_told_apart(result: RankedResult, report: SweepReport) -> bool:
    """Whether it is surely worse than the best."""
    comparison = report.comparison(result)
    return _was_left_behind(result, report) or (
        comparison is not None and comparison.comparable and not comparison.tied
    )


def _was_left_behind(result: RankedResult, report: SweepReport) -> bool:
    """Whether a refinement has left it behind its contenders: it was not tied with the best, by the replicates before theirs."""
    return bool(result.dropped) and report.status.refinement is not None
