"""The columns of results, each declared once: what the table shows and what the CSV holds.

A new column is an entry of `result_columns`: its header, its cells as text, whether a narrow table may leave it out, and its
fields in the CSV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from rich.cells import cell_len

from regsweep.api.analysis import Comparison, Equivalence
from regsweep.api.spec import EpochChoice
from regsweep.api.status import Estimate, RankedResult
from regsweep.core.grid import value_text
from regsweep.core.judging.words.outcome import TIE
from regsweep.core.judging.words.outlook import CHANCES
from regsweep.report.documents import flag_cell
from regsweep.report.model import TRAIN_LOSS, VAL_LOSS, SweepReport
from regsweep.report.notes import note_of
from regsweep.report.numbers import PLUS_MINUS, Measured, format_for, measured_column
from regsweep.report.text import Charset

GUTTER = 3
NARROW_GUTTER = 2
"""Blanks between columns."""
RUNS = "runs"
OVERFIT_GAP = "overfit gap"
SHORT_METRICS = {"average_loss": "loss", "loss": "loss + penalty"}

Rows = Sequence[RankedResult]
Cells = Callable[[Rows, SweepReport], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the CSV."""

    name: str
    value: Callable[[RankedResult, SweepReport], str | int]
    in_json: bool = False
    """JSON and YAML have it too, beside the fields of the status."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of results."""

    header: str
    cells: Cells | None
    """A cell per shown row; None: the table has no such column."""
    fields: tuple[Field, ...] = ()
    right: bool = False
    """Numbers are set flush right."""
    droppable: int = 0
    """Above 0: may be left out when the terminal is narrow, the highest first."""
    is_shown: Callable[[Sequence[str]], bool] = lambda _: True
    """Whether the table has it, by its cells."""
    brief: Cells | None = None
    """The cells where the terminal is narrow; None: the same."""
    is_note: bool = False
    """Text below the row if there is no room beside it."""


@dataclass(frozen=True)  # no slots: the width is kept in __dict__
class Column:
    """A column as the table prints it."""

    header: str
    cells: tuple[str, ...]
    right: bool = False
    droppable: int = 0
    is_note: bool = False
    """The last column, of words that need no header."""

    def shown(self, charset: Charset) -> Column:
        """The column as the charset has it."""
        return replace(self, header=charset.text(self.header), cells=tuple(map(charset.text, self.cells)))

    @cached_property
    def width(self) -> int:
        """Widest cell, header included, in terminal cells."""
        return max(map(cell_len, (self.header, *self.cells)))


def result_columns(report: SweepReport, plus_minus: str = PLUS_MINUS) -> list[ResultColumn]:
    """All columns, in order. `plus_minus`: the sign before a standard error."""
    return [
        ResultColumn("#", _each(_rank), (Field("rank", lambda r, _: "" if r.rank is None else r.rank),), right=True),
        ResultColumn("", _each(_tie), is_shown=lambda cells: cells.count(TIE) > 1),
        *map(_flag_column, report.flag_names),
        *_figures(report, plus_minus),
        ResultColumn(
            RUNS,
            _each(lambda r, report: f"{r.replicates - r.diverged}/{report.replicates}"),
            (
                Field("replicates", lambda r, _: r.replicates),
                Field("diverged", lambda r, _: r.diverged),
                Field("failed", lambda r, _: r.failed),
            ),
            right=True,
            droppable=2,
        ),
        ResultColumn(
            CHANCES,
            _each(lambda r, report: _chances(report.comparison(r))),
            right=True,
            droppable=5,
            is_shown=any,
        ),
        ResultColumn("GPU-hours", _gpu_hours, right=True, droppable=6, is_shown=any),
        ResultColumn("source", None, (Field("source", lambda r, _: r.source or ""),)),
        ResultColumn(
            "analysis",
            None,
            (
                Field("tied_with_best", _analysed(lambda r, report: _boolean(report.is_tied(r)))),
                Field("pick", _analysed(lambda r, report: _boolean(report.is_pick(r)))),
                Field("fit", lambda r, report: c.fit.value if (c := report.comparison(r)) else ""),
            ),
        ),
        ResultColumn(
            "",
            _each(lambda r, report: note_of(r, report).text),
            (Field("note", lambda r, report: note_of(r, report).text, in_json=True),),
            is_shown=any,
            brief=_each(lambda r, report: note_of(r, report).brief or note_of(r, report).text),
            is_note=True,
        ),
        ResultColumn("probabilities", None, _PROBABILITIES),
        ResultColumn("adjusted", None, (_number_field("objective_adjusted", _adjusted_mean),)),
        ResultColumn(
            "gpu", None, (Field("gpu_seconds", lambda r, _: "" if r.gpu_seconds is None else repr(r.gpu_seconds)),)
        ),
    ]


def _figures(report: SweepReport, plus_minus: str) -> list[ResultColumn]:
    """The objective, both losses where they are not it, and the gap between them."""
    objective = report.objective
    return [
        ResultColumn(
            metric_title(objective.metric, objective.epoch),
            _measured(lambda r: r.objective, plus_minus),
            _estimate_fields("objective", lambda r: r.objective),
            right=True,
        ),
        ResultColumn(
            "adjusted",
            _adjusted,
            right=True,
            is_shown=any,
        ),
        ResultColumn(
            metric_title(VAL_LOSS),
            None if report.objective_is(VAL_LOSS) else _losses(lambda r: r.val_loss),
            (_number_field(VAL_LOSS, lambda r: r.val_loss),),
            right=True,
            droppable=3,
        ),
        ResultColumn(
            metric_title(TRAIN_LOSS),
            None if report.objective_is(TRAIN_LOSS) else _losses(lambda r: r.train_loss),
            (_number_field(TRAIN_LOSS, lambda r: r.train_loss),),
            right=True,
            droppable=4,
        ),
        ResultColumn(
            gap_title(objective.epoch),
            _measured(lambda r: r.overfit_gap, plus_minus),
            _estimate_fields("overfit_gap", lambda r: r.overfit_gap),
            right=True,
            droppable=1,
        ),
    ]


def metric_title(metric: str, epoch: EpochChoice = EpochChoice.LAST) -> str:
    """A metric as a header: `val_average_loss` -> `val loss`, `val_loss` -> `val loss + penalty`."""
    split, _, name = metric.partition("_")
    title = f"{split} {SHORT_METRICS.get(name, name.replace('_', ' '))}"
    return f"{title} (best epoch)" if epoch is EpochChoice.BEST else title


def gap_title(epoch: EpochChoice) -> str:
    """The gap between the losses as a header: it is that of the last epoch, which is said where the objective, at `epoch`, is not."""
    return OVERFIT_GAP if epoch is EpochChoice.LAST else f"{OVERFIT_GAP} (last epoch)"


def columns_of(rows: Rows, report: SweepReport, brief: bool = False, plus_minus: str = PLUS_MINUS) -> list[Column]:
    """The table's columns for these rows, in order; ties and notes are absent when no row has one. `brief`: notes in a word."""
    columns = []
    for column in result_columns(report, plus_minus):
        cells = (brief and column.brief) or column.cells
        if cells is not None and column.is_shown(shown := tuple(cells(rows, report))):
            columns.append(Column(column.header, shown, column.right, column.droppable, column.is_note))
    return columns


def fit(columns: Sequence[Column], width: int) -> tuple[list[Column], int, list[str]]:
    """The columns that fit into `width` cells, the blanks between them, and the headers of those left out.

    First the gutter shrinks; then droppable columns go one by one, the highest number first, until the rest fits. What
    is then still too wide stays.
    """
    kept = list(columns)
    left_out: list[str] = []
    gutter = GUTTER if _total(kept, GUTTER) <= width else NARROW_GUTTER
    while _total(kept, gutter) > width and (candidates := [c for c in kept if c.droppable]):
        victim = max(candidates, key=lambda c: c.droppable)
        kept.remove(victim)
        left_out.append(victim.header)
    return kept, gutter, left_out


def _total(columns: Sequence[Column], gutter: int) -> int:
    return sum(c.width for c in columns) + gutter * (len(columns) - 1)


def _each(cell: Callable[[RankedResult, SweepReport], str]) -> Cells:
    return lambda rows, report: [cell(row, report) for row in rows]


def _rank(row: RankedResult, _report: SweepReport) -> str:
    return "-" if row.rank is None else str(row.rank)


def _tie(row: RankedResult, report: SweepReport) -> str:
    return TIE if report.is_tied(row) else ""


def _flag_column(name: str) -> ResultColumn:
    def text(row: RankedResult, _report: SweepReport) -> str:
        return value_text(row.flags[name]) if name in row.flags else ""

    def cell(row: RankedResult, _report: SweepReport) -> str:
        return flag_cell(row.flags[name]) if name in row.flags else ""

    return ResultColumn(f"{name} (flag)" if name == RUNS else name, _each(text), (Field(f"flag_{name}", cell),))


def _measured(estimate: Callable[[RankedResult], Estimate | None], plus_minus: str) -> Cells:
    """Means with their standard errors."""

    def cells(rows: Rows, _report: SweepReport) -> Sequence[str]:
        measured = [
            Measured(e.mean, e.standard_error) if (e := estimate(r)) else Measured(None, absent=_absent(r))
            for r in rows
        ]
        return measured_column(measured, plus_minus=plus_minus)

    return cells


def _losses(value: Callable[[RankedResult], float | None]) -> Cells:
    """Losses without an error of their own: shown with the digits that the errors of the gap between them support."""

    def cells(rows: Rows, _report: SweepReport) -> Sequence[str]:
        errors = [r.overfit_gap.standard_error for r in rows if r.overfit_gap]
        shown = format_for((value(r) for r in rows), errors)
        return measured_column((Measured(value(r), absent=_absent(r)) for r in rows), shown)

    return cells


def _adjusted_mean(row: RankedResult) -> float | None:
    """What the row is ordered by."""
    if row.adjusted_mean is not None or row.objective is None:
        return row.adjusted_mean
    return row.objective.mean


def _adjusted(rows: Rows, _report: SweepReport) -> Sequence[str]:
    """Adjusted means with the digits of the objective; empty cells where none differs from the plain mean."""
    if all(row.adjusted_mean is None for row in rows):
        return ["" for _ in rows]
    values = [_adjusted_mean(row) for row in rows]
    shown = format_for(values, [row.objective.standard_error for row in rows if row.objective])
    return measured_column((Measured(v, absent=_absent(r)) for v, r in zip(values, rows, strict=True)), shown)


def _gpu_hours(rows: Rows, _report: SweepReport) -> Sequence[str]:
    """GPU-hours of the trainings; empty cells where none used a GPU."""
    hours = [None if row.gpu_seconds is None else row.gpu_seconds / 3600 for row in rows]
    if not any(hours):
        return ["" for _ in rows]
    return measured_column((Measured(each, absent="-") for each in hours), format_for(hours, ()))


def _absent(row: RankedResult) -> str:
    """`-` instead of NaN where nothing was trained: a missing value is not one that is no number."""
    return "NaN" if row.replicates else "-"


def _estimate_fields(name: str, estimate: Callable[[RankedResult], Estimate | None]) -> tuple[Field, Field]:
    def error(row: RankedResult, _report: SweepReport) -> str:
        figure = estimate(row)
        return "" if figure is None or figure.standard_error is None else repr(figure.standard_error)

    return _number_field(name, lambda r: e.mean if (e := estimate(r)) else None), Field(f"{name}_standard_error", error)


def _number_field(name: str, value: Callable[[RankedResult], float | None]) -> Field:
    """A figure at full precision; NaN where a trained value is not a number, empty where nothing was trained."""

    def text(row: RankedResult, _report: SweepReport) -> str:
        figure = value(row)
        if figure is None or math.isnan(figure):
            return "NaN" if row.replicates else ""
        return repr(figure)

    return Field(name, text)


def _chances(comparison: Comparison | None) -> str:
    """How probable it is that it is worse than the best, practically the same, better, in per cent: `91/8/1`."""
    beside = comparison.beside_best if comparison is not None else None
    if beside is None:
        return ""
    return f"{beside.worse * 100:.0f}/{beside.equivalent * 100:.0f}/{beside.better * 100:.0f}"


def _probability_fields(beside: str, found: Callable[[Comparison], Equivalence | None]) -> tuple[Field, ...]:
    """Probabilities beside the best, or beside the network without regularisation."""

    def field(name: str, value: Callable[[Equivalence], float]) -> Field:
        def text(row: RankedResult, report: SweepReport) -> str:
            comparison = report.comparison(row)
            chances = found(comparison) if comparison is not None else None
            return "" if chances is None else repr(value(chances))

        return Field(f"{name}_beside_{beside}", text)

    return (
        field("better", lambda chances: chances.better),
        field("equivalent", lambda chances: chances.equivalent),
        field("worse", lambda chances: chances.worse),
    )


_PROBABILITIES: Final = (
    *_probability_fields("best", lambda comparison: comparison.beside_best),
    *_probability_fields("unregularized", lambda comparison: comparison.beside_unregularized),
)


def _analysed(value: Callable[[RankedResult, SweepReport], str]) -> Callable[[RankedResult, SweepReport], str]:
    """The value if the analysis contains the combination; else empty."""
    return lambda row, report: value(row, report) if report.comparison(row) is not None else ""


def _boolean(value: bool) -> str:
    return str(value).lower()
