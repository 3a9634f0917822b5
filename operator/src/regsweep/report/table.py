"""The ranked table, for a terminal of any width, with and without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.objective import includes_penalty
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import RankedResult
from regsweep.api.wording import plural
from regsweep.report.columns import Column, columns_of, fit
from regsweep.report.model import SweepReport
from regsweep.report.notes import RowNote, RowNoteKind, conclusion, legend_of, note_of, source_line
from regsweep.report.sentences import final_evaluation_sentences, sentences, ties_sentence

INDENT = 2
DEFAULT_ROWS = 20
"""Rows shown unless more are asked for."""
FAILURES_SHOWN = 5
NO_BREAK = "\N{NO-BREAK SPACE}"
LONGEST_SENTENCE_LINE = 120
"""Cells: longer lines of prose are hard to read, however wide the terminal is."""


def print_results(results: SweepReport, console: Console, rows: int = DEFAULT_ROWS) -> None:
    """Prints header, ranked table and the sentences under it.

    rows: how many combinations to show; 0 shows all. What is cut is said. The best combination without regularisation
    and the pick are shown in any case, since the sentences speak of them.
    """
    # soft_wrap: lines are broken here, so that rich neither pads nor cuts them.
    console.print(Text("\n").join(report(results, console.width, rows)), soft_wrap=True, highlight=False)


def report(results: SweepReport, width: int, rows: int = DEFAULT_ROWS) -> Iterator[Text]:
    """The same as lines for a terminal of `width` cells."""
    yield from _header(header_parts(results), width)
    if trouble := _trouble(results):
        yield from _wrapped(trouble, width, style="red")
    yield Text("")
    if not results.ranking:
        yield Text(" " * INDENT + "No combination has a result yet.")
        return
    places = _shown(results, rows)
    shown = [results.ranking[place] for place in places]
    brief = False
    columns, gutter, left_out = fit(columns_of(shown, results), width - INDENT)
    if left_out:  # words go before numbers do
        brief = True
        columns, gutter, left_out = fit(columns_of(shown, results, brief), width - INDENT)
    notes = [note_of(result, results) for result in shown]
    yield from _table(columns, gutter, [_style(*row) for row in zip(shown, notes, strict=True)], _gaps(places, results))
    yield Text("")
    for line in _cuts(results, shown, left_out):
        yield from _wrapped(line, width, style="dim")
    yield from _wrapped(ties_sentence(results), width)
    for line in (conclusion(results), *final_evaluation_sentences(results)):
        yield from _wrapped(line, width, style="bold")
    for line in (*sentences(results), legend_of(notes, brief), *_failures(results), source_line(results)):
        yield from _wrapped(line, width)


def header_parts(results: SweepReport) -> list[str]:
    """Name, size, objective, direction and estimand: what the numbers below are."""
    objective = results.objective
    runs = results.status.runs
    ended = runs.succeeded + runs.failed
    parts = [results.name]
    if not results.holds(ConditionType.COMPLETE):
        parts.append(f"{results.status.state}: {ended} of {runs.total} runs ended")
    parts.append(f"{plural(runs.total, 'combination')} x {plural(results.replicates, 'replicate')}")
    direction = "lower" if objective.goal is Goal.MINIMIZE else "higher"
    at_best = " at its best epoch" if objective.epoch is EpochChoice.BEST else ""
    penalty = " with the penalty" if includes_penalty(objective.metric) else ""
    parts.append(f"{objective.metric}{penalty}{at_best}, {direction} is better")
    if results.replicates >= MIN_REPLICATES_FOR_ERROR:
        parts.append("mean ± standard error over splits and seeds of this data set")
    else:
        parts.append(f"mean over replicates (no standard error below {MIN_REPLICATES_FOR_ERROR})")
    return parts


def _header(parts: Sequence[str], width: int) -> Iterator[Text]:
    """The parts joined by middle dots, broken only between parts."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(" " * INDENT + part)
    first = Text(lines[0])
    first.stylize("bold", 0, len(parts[0]))
    yield first
    for line in lines[1:]:
        yield from _wrapped(line.strip(), width)


def _wrapped(line: str, width: int, style: str = "") -> Iterator[Text]:
    indent = " " * INDENT
    lines = textwrap.wrap(
        line.replace(" %", f"{NO_BREAK}%"),
        min(max(width, 30), LONGEST_SENTENCE_LINE),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,  # a path must be copied whole
        break_on_hyphens=False,
    )
    for part in lines:
        yield Text(part.replace(NO_BREAK, " "), style=style)


def _trouble(results: SweepReport) -> str:
    """The message of what stopped the sweep, or of a spec that was not accepted; empty when all is well."""
    failed = results.condition(ConditionType.FAILED)
    if failed and failed.status is ConditionStatus.TRUE:
        return f"{failed.reason}: {failed.message}"
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


def _table(columns: Sequence[Column], gutter: int, styles: Sequence[str], gaps: set[int]) -> Iterator[Text]:
    """Header and rows, one Text each, never wider than they must be: a pipe gets no trailing blanks. `gaps`: the rows after
    which some are left out."""
    yield Text(_line((column.header for column in columns), columns, gutter), style="dim")
    for row, style in enumerate(styles):
        yield Text(_line((column.cells[row] for column in columns), columns, gutter), style=style)
        if row in gaps:
            yield Text(" " * INDENT + "…", style="dim")


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


def _style(result: RankedResult, note: RowNote) -> str:
    if result.rank == 1:
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
        yield f"Left out for want of width: {', '.join(left_out)}. A wider terminal or --output csv has it all."


def _failures(results: SweepReport) -> Iterator[str]:
    failures = results.status.failures
    for failure in failures[:FAILURES_SHOWN]:
        words = f": {failure.message}" if failure.message else ""
        yield f"Failed {failure.label} ({failure.reason}){words}"
    total = max(results.status.runs.failed, len(failures))
    if total > FAILURES_SHOWN:
        yield f"... and {plural(total - FAILURES_SHOWN, 'more failed run')}."
