"""The page of a sweep: the answer, the ranking, what matters, maps, learning curves, source and console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from regsweep.api.analysis import Effects, MarginalMean
from regsweep.api.conditions import ConditionType
from regsweep.api.status import RankedResult
from regsweep.core.judging.words.outcome import at_best_epoch
from regsweep.report.answer import answer
from regsweep.report.columns import Column, columns_of
from regsweep.report.means import before_the_new
from regsweep.report.model import SweepReport
from regsweep.report.notes import legend_of, note_of, source_line
from regsweep.report.reference_table import reference_columns
from regsweep.report.sentences import final_evaluation_sentences, sentences, ties_sentence, what_matters
from regsweep.report.table import header_parts
from regsweep.view.courses import Course
from regsweep.view.figures.curves import curves_picture
from regsweep.view.figures.effects import effects_picture
from regsweep.view.figures.heatmap import chosen_flags, heatmap_picture
from regsweep.view.figures.means import means_picture
from regsweep.view.figures.parallel import parallel_picture
from regsweep.view.figures.ranking import ranking_picture
from regsweep.view.page import Block, Code, Gallery, Page, Picture, Prose, Section, Table

LOSS: Final = "average_loss"
MOST_CURVES: Final = 6
MOST_ROWS: Final = 500
MOST_TEXTS: Final = 50
"""Runs whose console is on the page."""
MOST_CONSOLE: Final = 20_000


@dataclass(frozen=True, slots=True)
class RunTexts:
    """What a run has printed, and its source."""

    label: str
    console: str
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepView:
    """What the page of a sweep is made of."""

    report: SweepReport
    courses: Mapping[str, Mapping[str, Course]] = field(default_factory=dict)
    """By combination id and metric without its split."""
    courses_note: str = ""
    """Where the curves are from, or why there are none."""
    runs: Sequence[RunTexts] = ()
    flags: tuple[str, ...] = ()
    """Of the heat map; none: those that explain most."""
    footer: str = ""


def sweep_page(view: SweepView) -> Page:
    """The page. Raises RegsweepError where the heat map's flags are none of the sweep's."""
    report = view.report
    wanted = [
        Section("answer", "Answer", list(_answer(report))),
        Section("ranking", "Ranking", list(_ranking(report))),
        Section("what-matters", "What matters", list(_what_matters(view))),
        Section("curves", "Learning curves", list(_curves(view))),
        Section("source-and-console", "Source and console", list(_texts(view.runs))),
    ]
    name, *lead = header_parts(report)
    return Page(f"Sweep {name}", [" · ".join(lead)], [section for section in wanted if section.blocks], view.footer)


def _answer(report: SweepReport) -> Iterator[Block]:
    trouble = [
        f"{c.reason}: {c.message}" for c in [report.condition(ConditionType.FAILED)] if c and report.holds(c.type)
    ]
    said = answer(report) or "No combination has a result yet."
    yield Prose([said, *trouble], strong=True)
    more = [*final_evaluation_sentences(report), *sentences(report)]
    matters = what_matters(report, report.analysis.effects) if report.analysis and report.analysis.effects else ""
    if rest := [text for text in more if text != matters]:
        yield Prose(rest)


def _ranking(report: SweepReport) -> Iterator[Block]:
    if not report.ranking:
        return
    if (picture := ranking_picture(report)) is not None:
        yield picture
    shown = report.ranking[:MOST_ROWS]
    best = frozenset(place for place, row in enumerate(shown) if report.is_best(row))
    yield _table(f"Ranking of {report.name}", columns_of(shown, report), best)
    if report.references:
        yield _table("References, which are not ranked", reference_columns(report))
    cut = len(report.ranking) - len(shown)
    legend = legend_of([note_of(row, report) for row in shown], brief=False)
    texts = [ties_sentence(report), legend, f"{cut} more are not shown." if cut else "", source_line(report)]
    yield Prose([text for text in texts if text])


def _table(caption: str, columns: Sequence[Column], marked: frozenset[int] = frozenset()) -> Table:
    return Table(
        caption,
        [column.header or ("note" if column.is_note else "tied") for column in columns],
        list(zip(*(column.cells for column in columns), strict=True)),
        frozenset(place for place, column in enumerate(columns) if column.right),
        marked,
    )


def _what_matters(view: SweepView) -> Iterator[Block]:
    report = view.report
    effects = report.analysis.effects if report.analysis is not None else None
    if effects is not None:
        if (said := what_matters(report, effects)) and report.is_whole:
            yield Prose([said])
        if (picture := effects_picture(effects)) is not None:
            yield picture
        if pictures := list(_means(report, effects)):
            yield Gallery(pictures)
    flags = chosen_flags(report, view.flags)
    if flags is not None and (picture := heatmap_picture(report, flags)) is not None:
        yield picture
    if (picture := parallel_picture(report)) is not None:
        yield picture


def _means(report: SweepReport, effects: Effects) -> Iterator[Picture]:
    by_flag: dict[str, list[MarginalMean]] = {}
    for each in effects.means:
        by_flag.setdefault(each.flag, []).append(each)
    metric = f"{report.objective.metric}{at_best_epoch(report.objective.epoch)}{before_the_new(report)}"
    for number, (flag, means) in enumerate(by_flag.items()):
        if (picture := means_picture(number, flag, metric, means, effects.log_scale)) is not None:
            yield picture


def _curves(view: SweepView) -> Iterator[Block]:
    if view.courses_note:
        yield Prose([view.courses_note])
    shown = _combinations_with_curves(view)
    objective = view.report.objective.metric.partition("_")[2]
    for metric in dict.fromkeys([LOSS, objective]):
        pictures: list[Picture] = []
        for number, (row, courses) in enumerate(shown):
            course = courses.get(metric)
            title = f"{metric.replace('_', ' ')}: {_rank(row)}{row.label}"
            if (
                course is not None
                and (picture := curves_picture(f"curve-{metric}-{number}", title, course)) is not None
            ):
                pictures.append(picture)
        if pictures:
            yield Gallery(pictures)


def _combinations_with_curves(view: SweepView) -> list[tuple[RankedResult, Mapping[str, Course]]]:
    """The first of the ranking; the pick and the best without regularisation among them in any case."""
    report = view.report
    with_curves = [row for row in report.ranking if view.courses.get(row.combination or "")]
    named = [row for row in with_curves if report.is_pick(row) or row is report.unregularized]
    first = [row for row in with_curves if row not in named][: max(0, MOST_CURVES - len(named))]
    shown = [row for row in with_curves if row in named or row in first]
    return [(row, view.courses[row.combination or ""]) for row in shown]


def _rank(row: RankedResult) -> str:
    return f"{row.rank}  " if row.rank is not None else ""


def _texts(runs: Sequence[RunTexts]) -> Iterator[Block]:
    """The source once, since runs of one sweep share it, and each run's console."""
    sources: dict[tuple[str, str], None] = {}
    for run in runs:
        sources |= dict.fromkeys(run.source.items())
    for name, text in sources:
        yield Code(f"Source: {name}", text)
    for run in runs[:MOST_TEXTS]:
        yield Code(f"Console: {run.label}", ending(run.console))
    if len(runs) > MOST_TEXTS:
        yield Prose([f"The consoles of {len(runs) - MOST_TEXTS} more runs are in their folders."])


def ending(text: str) -> str:
    """The end of a long text, with what is left out said."""
    if len(text) <= MOST_CONSOLE:
        return text
    return f"[the first {len(text) - MOST_CONSOLE:,} characters are left out]\n{text[-MOST_CONSOLE:]}"
