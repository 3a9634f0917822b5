"""The ranked table, for a terminal of any width, with and without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.objective import includes_penalty
from regsweep.api.spec import Goal
from regsweep.api.status import RankedResult
from regsweep.api.wording import plural
from regsweep.core.judging.words.outcome import at_best_epoch
from regsweep.report.columns import Column, columns_of, fit, metric_title
from regsweep.report.means import before_the_new, means_tables
from regsweep.report.model import SweepReport
from regsweep.report.notes import RowNote, RowNoteKind, conclusion, gpu_line, legend_of, note_of, source_line
from regsweep.report.numbers import PLUS_MINUS
from regsweep.report.printing import charset_of, print_lines
from regsweep.report.reference_table import reference_columns
from regsweep.report.sentences import final_evaluation_sentences, sentences, ties_sentence
from regsweep.report.text import UTF8, Charset
from regsweep.report.wrapping import wrapped

INDENT = 2
DEFAULT_ROWS = 20
"""Default number of rows."""
FAILURES_SHOWN = 5
DOT = "·"
ELLIPSIS = "…"
SHORTEST_SENTENCE_LINE = 30
"""Cells: a narrower terminal breaks the lines itself."""
LONGEST_SENTENCE_LINE = 120
"""Cells: longer lines of prose are hard to read, however wide the terminal is."""


def print_results(results: SweepReport, console: Console, rows: int = DEFAULT_ROWS, means: bool = False) -> None:
    """Prints header, ranked table and the sentences under it.

    rows: how many combinations to show; 0 shows all. What is cut is said. The best combination without regularisation
    and the pick are shown in any case, since the sentences speak of them. means: the means at the values of all flags, not only
    of those that surely matter.
    """
    print_lines(console, *report(results, console.width, rows, charset_of(console), means))


def report(
    results: SweepReport, width: int, rows: int = DEFAULT_ROWS, charset: Charset = UTF8, means: bool = False
) -> Iterator[Text]:
    """The same as lines for a terminal of `width` cells."""
    prose = _Prose(width, charset)
    yield from prose.header(header_parts(results))
    if trouble := _trouble(results):
        yield from prose.lines(trouble, style="red")
    yield Text("")
    if not results.ranking:
        yield Text(" " * INDENT + "No combination has a result yet.")
        return
    places = _shown(results, rows)
    shown = [results.ranking[place] for place in places]
    notes = [note_of(result, results) for result in shown]
    columns, gutter, left_out, brief = _fitting(shown, results, width - INDENT, charset)
    styles = [_style(result, note) for result, note in zip(shown, notes, strict=True)]
    yield from _Table(columns, gutter, width, charset).lines(styles, _gaps(places, results))
    yield Text("")
    if results.references:
        yield from _references(results, width, charset)
        yield Text("")
    for line in _cuts(results, shown, left_out):
        yield from prose.lines(line, style="dim")
    yield from prose.lines(ties_sentence(results))
    for line in (conclusion(results), *final_evaluation_sentences(results)):
        yield from prose.lines(line, style="bold")
    for line in (
        *sentences(results),
        legend_of(notes, brief),
        *_failures(results),
        source_line(results),
        gpu_line(results),
    ):
        yield from prose.lines(line)
    yield from _means(results, charset, everything=means)


def _means(results: SweepReport, charset: Charset, *, everything: bool) -> Iterator[Text]:
    """The means at the flags' values, once the sweep is complete."""
    effects = results.analysis.effects if results.analysis is not None else None
    if effects is None or not results.is_whole:
        return
    metric = f"{metric_title(results.objective.metric, results.objective.epoch)}{before_the_new(results)}"
    for table in means_tables(effects, metric, everything, charset.own(PLUS_MINUS)):
        yield Text("")
        for line in table:
            yield Text(" " * INDENT + charset.text(line))


def header_parts(results: SweepReport) -> list[str]:
    """Name, size, objective, direction and estimand: what the numbers below are."""
    objective = results.objective
    runs = results.status.runs
    ended = runs.succeeded + runs.failed
    parts = [results.name]
    if not results.is_whole:
        parts.append(f"{results.status.state}: {ended} of {runs.total} runs ended")
    racing = results.analysis is not None and results.analysis.race is not None
    at_most = "up to " if racing else ""
    parts.append(f"{plural(runs.total, 'combination')} x {at_most}{plural(results.replicates, 'replicate')}")
    direction = "lower" if objective.goal is Goal.MINIMIZE else "higher"
    penalty = " with the penalty" if includes_penalty(objective.metric) else ""
    parts.append(f"{objective.metric}{penalty}{at_best_epoch(objective.epoch)}, {direction} is better")
    if results.replicates >= MIN_REPLICATES_FOR_ERROR:
        parts.append(f"mean {PLUS_MINUS} standard error over splits and seeds of this data set")
    else:
        parts.append(f"mean over replicates (no standard error below {MIN_REPLICATES_FOR_ERROR})")
    return parts


@dataclass(frozen=True, slots=True)
class _Prose:
    """Sentences for a terminal."""

    width: int
    charset: Charset

    def header(self, parts: Sequence[str]) -> Iterator[Text]:
        """The parts joined by middle dots, broken only between parts."""
        dot = self.charset.own(f" {DOT} ")
        name, *rest = map(self.charset.own, parts)
        lines = [name]
        for part in rest:
            if cell_len(lines[-1]) + cell_len(dot) + cell_len(part) <= self.width:
                lines[-1] += dot + part
            else:
                lines.append(" " * INDENT + part)
        first = Text(lines[0].rstrip())
        first.stylize("bold", 0, len(name))
        yield first
        for line in lines[1:]:
            yield from self.lines(line.strip())

    def lines(self, text: str, style: str = "") -> Iterator[Text]:
        """The text in lines that are indented; none for no text."""
        cells = min(max(self.width, SHORTEST_SENTENCE_LINE), LONGEST_SENTENCE_LINE) - INDENT
        for line in wrapped(self.charset.text(text), cells):
            yield Text(" " * INDENT + line, style=style)


def _fitting(
    shown: Sequence[RankedResult], results: SweepReport, width: int, charset: Charset
) -> tuple[list[Column], int, list[str], bool]:
    """As `fit`: the columns, the blanks between them, and what is left out; and whether notes are in a word, which they are
    before a number is left out."""

    def columns(brief: bool) -> list[Column]:
        candidates = columns_of(shown, results, brief, plus_minus=charset.own(PLUS_MINUS))
        return [column.shown(charset) for column in candidates]

    kept, gutter, left_out = fit(columns(brief=False), width)
    return (*fit(columns(brief=True), width), True) if left_out else (kept, gutter, left_out, False)


def _trouble(results: SweepReport) -> str:
    """The message of what stopped the sweep or cut it short, or of a spec that was not accepted; empty when all is well."""
    failed = results.condition(ConditionType.FAILED)
    if failed and failed.status is ConditionStatus.TRUE:
        return f"{failed.reason}: {failed.message}"
    complete = results.condition(ConditionType.COMPLETE)
    if complete and results.is_cut_short:
        return f"{complete.reason}: {complete.message}"
    accepted = results.condition(ConditionType.ACCEPTED)
    if accepted and accepted.status is ConditionStatus.FALSE:
        return f"{accepted.reason}: {accepted.message}"
    return ""


def _shown(results: SweepReport, rows: int) -> list[int]:
    """Places in the ranking of the first rows, and of those further down the pick and the best combination without
    regularisation."""
    ranking = results.ranking
    if rows <= 0 or len(ranking) <= rows:
        return list(range(len(ranking)))
    plain = results.unregularized
    return [place for place, r in enumerate(ranking) if place < rows or r is plain or results.is_pick(r)]


@dataclass(frozen=True, slots=True)
class _Table:
    """The shown rows as lines, never wider than they must be: a pipe gets no trailing blanks."""

    columns: Sequence[Column]
    gutter: int
    width: int
    charset: Charset

    def lines(self, styles: Sequence[str], gaps: set[int]) -> Iterator[Text]:
        """Header and rows. `gaps`: the rows after which some are left out.

        If a row has no room for its note, the note is printed below it.
        """
        columns, gutter = self.columns, self.gutter
        yield Text(_line([c.header for c in columns], columns, gutter), style="dim")
        for row, style in enumerate(styles):
            cells = [c.cells[row] for c in columns]
            line = _line(cells, columns, gutter)
            if columns[-1].is_note and cells[-1] and cell_len(line) > self.width:
                yield Text(_line(cells[:-1], columns[:-1], gutter), style=style)
                line = (" " * (INDENT + columns[0].width + gutter) + cells[-1]).rstrip()
            yield Text(line, style=style)
            if row in gaps:
                yield Text(" " * INDENT + self.charset.own(ELLIPSIS), style="dim")


def _references(results: SweepReport, width: int, charset: Charset) -> Iterator[Text]:
    """The references below the ranking; columns go where the terminal is too narrow."""
    columns = [c.shown(charset) for c in reference_columns(results, charset.own(PLUS_MINUS))]
    kept, gutter, _ = fit(columns, width - INDENT)
    yield from _Table(kept, gutter, width, charset).lines([""] * len(results.references), set())


def _line(cells: Iterable[str], columns: Sequence[Column], gutter: int) -> str:
    padded = (
        " " * (c.width - cell_len(cell)) + cell if c.right else cell + " " * (c.width - cell_len(cell))
        for cell, c in zip(cells, columns, strict=True)
    )
    return (" " * INDENT + (" " * gutter).join(padded)).rstrip()


def _gaps(places: Sequence[int], results: SweepReport) -> set[int]:
    """After which of the shown rows the ranking has rows that are not shown."""
    gaps = {row for row, (one, after) in enumerate(pairwise(places)) if after != one + 1}
    return gaps | ({len(places) - 1} if places[-1] != len(results.ranking) - 1 else set())


_BEST_KINDS = frozenset({RowNoteKind.BEST, RowNoteKind.BEST_SO_FAR, RowNoteKind.BEST_AND_PICK})


def _style(result: RankedResult, note: RowNote) -> str:
    if note.kind in _BEST_KINDS:
        return "bold green"
    if result.objective is None:
        return "red"
    return "yellow" if note.kind is RowNoteKind.OVERFITS else ""


def _cuts(results: SweepReport, shown: Sequence[RankedResult], left_out: Sequence[str]) -> Iterator[str]:
    """What the table does not show, and how to see it."""
    hidden = len(results.ranking) - len(shown)
    if hidden:
        yield f"{plural(hidden, 'more combination')} not shown: --rows 0 shows all, --output csv lists all."
    if left_out:
        yield f"Columns omitted because the terminal is too narrow: {', '.join(left_out)}. Use a wider terminal or --output csv."


def _failures(results: SweepReport) -> Iterator[str]:
    """What failed and why; nothing where the condition has said it of all of them."""
    failed = results.condition(ConditionType.FAILED)
    if failed is not None and failed.status is ConditionStatus.TRUE and failed.reason == Reason.RUNS_FAIL_ALIKE:
        return
    failures = results.status.failures
    for failure in failures[:FAILURES_SHOWN]:
        words = f": {failure.message}" if failure.message else ""
        yield f"Failed {failure.label} ({failure.reason}){words}"
    total = max(results.status.runs.failed, len(failures))
    if total > FAILURES_SHOWN:
        yield f"... and {plural(total - FAILURES_SHOWN, 'more failed run')}."
