"""The references as a table of their own below the ranking: the same figures, and no place in it."""

from __future__ import annotations

from regsweep.api.status import Estimate, ReferenceResult
from regsweep.report.columns import RUNS, Column, gap_title, metric_title
from regsweep.report.model import TRAIN_LOSS, VAL_LOSS, SweepReport
from regsweep.report.numbers import PLUS_MINUS, Measured, format_for, measured_column

HEADER = "reference"


def reference_columns(report: SweepReport, plus_minus: str = PLUS_MINUS) -> list[Column]:
    """The columns, in the order of those of the ranking. `plus_minus`: the sign before a standard error."""
    rows, objective = report.references, report.objective
    errors = [row.overfit_gap.standard_error for row in rows if row.overfit_gap]
    losses = {
        VAL_LOSS: [(row, row.val_loss) for row in rows],
        TRAIN_LOSS: [(row, row.train_loss) for row in rows],
    }
    columns = [
        Column(HEADER, tuple(row.name for row in rows)),
        _measured(metric_title(objective.metric, objective.epoch), [(r, r.objective) for r in rows], plus_minus),
    ]
    for droppable, (metric, cells) in zip((3, 4), losses.items(), strict=True):
        if not report.objective_is(metric):
            shown = format_for((value for _, value in cells), errors)
            texts = measured_column((Measured(value, absent=_absent(row)) for row, value in cells), shown)
            columns.append(Column(metric_title(metric), tuple(texts), right=True, droppable=droppable))
    gaps = [(row, row.overfit_gap) for row in rows]
    columns.append(_measured(gap_title(objective.epoch), gaps, plus_minus, droppable=1))
    runs = tuple(f"{row.replicates - row.diverged}/{report.replicates}" for row in rows)
    columns.append(Column(RUNS, runs, right=True, droppable=2))
    return columns


def _measured(
    header: str, cells: list[tuple[ReferenceResult, Estimate | None]], plus_minus: str, droppable: int = 0
) -> Column:
    measured = [
        Measured(each.mean, each.standard_error) if each is not None else Measured(None, absent=_absent(row))
        for row, each in cells
    ]
    texts = measured_column(measured, plus_minus=plus_minus)
    return Column(header, tuple(texts), right=True, droppable=droppable)


def _absent(row: ReferenceResult) -> str:
    return "NaN" if row.replicates else "-"
