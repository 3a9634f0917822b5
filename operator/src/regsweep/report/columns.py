"""The columns of the ranked table, as plain text: their cells, their alignment, and which may go when it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue
from rich.cells import cell_len

from regsweep.api.spec import EpochChoice
from regsweep.api.status import Estimate, RankedResult
from regsweep.core.grid import label
from regsweep.report.model import VAL_LOSS, SweepReport
from regsweep.report.notes import BRIEF, is_tied, note_of
from regsweep.report.numbers import PLUS_MINUS, Measured, decimals_for, measured_column
from regsweep.report.sentences import TIE
from regsweep.report.text import Charset

GUTTER = 3
NARROW_GUTTER = 2
"""Blanks between columns."""
SHORT_METRICS = {"average_loss": "loss"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: header, a cell per shown row."""

    header: str
    cells: tuple[str, ...]
    right: bool = False
    """Numbers are set flush right."""
    droppable: int = 0
    """Above 0: may be left out when the terminal is narrow, the highest first."""
    is_note: bool = False
    """The last column, of words that need no header."""

    def shown(self, charset: Charset) -> Column:
        """The column as the charset has it."""
        return replace(self, header=charset.text(self.header), cells=tuple(map(charset.text, self.cells)))

    @property
    def width(self) -> int:
        """Widest cell, header included, in terminal cells."""
        return max(map(cell_len, (self.header, *self.cells)))


def metric_title(metric: str, epoch: EpochChoice = EpochChoice.LAST) -> str:
    """A metric as a header: `val_average_loss` -> `val loss`, `val_accuracy` -> `val accuracy`."""
    split, _, name = metric.partition("_")
    title = f"{split} {SHORT_METRICS.get(name, name.replace('_', ' '))}"
    return f"{title} (best epoch)" if epoch is EpochChoice.BEST else title


def flag_text(value: JsonValue) -> str:
    """A flag's value as labels show it."""
    return label({"flag": value}).removeprefix("flag=")


def columns_of(
    rows: Sequence[RankedResult], results: SweepReport, brief: bool = False, plus_minus: str = PLUS_MINUS
) -> list[Column]:
    """All columns for these rows, in order; ties and notes are absent when no row has one. `brief`: notes in a word."""
    columns = [Column("#", tuple("-" if r.rank is None else str(r.rank) for r in rows), right=True)]
    ties = tuple(TIE if is_tied(r, results) else "" for r in rows)
    if ties.count(TIE) > 1:
        columns.append(Column("", ties))
    columns += [
        Column(name, tuple(flag_text(r.flags[name]) if name in r.flags else "" for r in rows))
        for name in results.flag_names
    ]
    objective = results.objective
    title = metric_title(objective.metric, objective.epoch)
    columns.append(_measured(title, rows, lambda r: r.objective, plus_minus))
    if not results.objective_is_val_loss:
        columns.append(_plain(metric_title(VAL_LOSS), rows, lambda r: r.val_loss, droppable=3))
    columns.append(_plain("train loss", rows, lambda r: r.train_loss, droppable=4))
    columns.append(_measured("overfit gap", rows, lambda r: r.overfit_gap, plus_minus, droppable=1))
    columns.append(
        Column(
            "runs", tuple(f"{r.replicates - r.diverged}/{results.replicates}" for r in rows), right=True, droppable=2
        )
    )
    notes = tuple(note_of(r, results) for r in rows)
    if brief:
        notes = tuple(BRIEF.get(note, note) for note in notes)
    if any(notes):
        columns.append(Column("", notes, is_note=True))
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


def _measured(
    header: str,
    rows: Sequence[RankedResult],
    estimate: Callable[[RankedResult], Estimate | None],
    plus_minus: str,
    droppable: int = 0,
) -> Column:
    cells = [
        Measured(e.mean, e.standard_error) if (e := estimate(r)) else Measured(None, absent=_absent(r)) for r in rows
    ]
    return Column(header, tuple(measured_column(cells, plus_minus=plus_minus)), right=True, droppable=droppable)


def _plain(
    header: str, rows: Sequence[RankedResult], value: Callable[[RankedResult], float | None], droppable: int
) -> Column:
    """Losses without an error of their own: shown with the digits that the errors of the gap between them support."""
    cells = [Measured(value(r), absent=_absent(r)) for r in rows]
    errors = (r.overfit_gap.standard_error for r in rows if r.overfit_gap)
    decimals = decimals_for((c.value for c in cells), errors)
    return Column(header, tuple(measured_column(cells, decimals)), right=True, droppable=droppable)


def _absent(row: RankedResult) -> str:
    """`-` instead of NaN where nothing was trained: a missing value is not one that is no number."""
    return "NaN" if row.replicates else "-"
