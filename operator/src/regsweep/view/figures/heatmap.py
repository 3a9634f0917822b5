"""The objective over two flags, as a heat map; the mean over all other flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from regsweep.api.canonical import canonical_json
from regsweep.api.spec import Goal
from regsweep.core.grid import value_text
from regsweep.errors import RegsweepError
from regsweep.report.model import SweepReport
from regsweep.report.numbers import format_for
from regsweep.view.page import Picture, Table
from regsweep.view.theme import GRID, ON_SCALE, QUIET, SCALE, drawing, figure, step_of, svg_of

CELL_WIDTH, CELL_HEIGHT = 92, 44
FRAME_WIDTH, FRAME_HEIGHT = 150, 80
MOST_VALUES: Final = 12
"""Of a flag: a larger map is not read."""
LONGEST: Final = 14


@dataclass(frozen=True, slots=True)
class _Cells:
    rows: Sequence[str]
    columns: Sequence[str]
    means: Sequence[Sequence[float | None]]
    """Shape (rows, columns); None: no combination has a value."""


def chosen_flags(report: SweepReport, wanted: Sequence[str] = ()) -> tuple[str, str] | None:
    """The two flags of the map: those that are wanted, else those that explain most; None where fewer than two vary.

    Raises RegsweepError for a flag that the sweep does not vary.
    """
    varied = [name for name in report.flag_names if len(_values(report, name)) > 1]
    for name in wanted:
        if name not in varied:
            raise RegsweepError(f"{name}: is no flag that this sweep varies. It varies {', '.join(varied) or 'none'}.")
    if wanted:
        if len(wanted) != 2 or wanted[0] == wanted[1]:
            raise RegsweepError(f"a heat map is over two flags, got {', '.join(wanted)}.")
        return wanted[0], wanted[1]
    shares = report.analysis.effects.shares if report.analysis and report.analysis.effects else []
    explained = {share.flags[0]: share.eta_squared or 0.0 for share in shares if len(share.flags) == 1}
    ranked = sorted(varied, key=lambda name: -explained.get(name, 0.0))
    return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def heatmap_picture(report: SweepReport, flags: tuple[str, str]) -> Picture | None:
    """The picture; None where no combination has a value, or a flag has too many values."""
    cells = _cells(report, *flags)
    values = [mean for row in cells.means for mean in row if mean is not None]
    if not values or max(len(cells.rows), len(cells.columns)) > MOST_VALUES:
        return None
    title = f"{report.objective.metric} over {flags[0]} and {flags[1]}"
    shown = format_for(values, _errors(report))
    best, worst = (min, max) if report.objective.goal is Goal.MINIMIZE else (max, min)
    first, last = best(values), worst(values)
    drawn = figure(FRAME_WIDTH + CELL_WIDTH * len(cells.columns), FRAME_HEIGHT + CELL_HEIGHT * len(cells.rows))
    with drawing():
        axes = drawn.subplots()
        axes.grid(visible=False)
        for y, row in enumerate(cells.means):
            for x, mean in enumerate(row):
                if mean is None:
                    axes.text(x, y, "-", ha="center", va="center", color=QUIET)
                    continue
                step = step_of((mean - first) / (last - first)) if first != last else 0
                axes.fill(
                    [x - 0.48, x + 0.48, x + 0.48, x - 0.48],
                    [y - 0.46, y - 0.46, y + 0.46, y + 0.46],
                    color=SCALE[step],
                )
                weight = "bold" if mean == first else "normal"
                axes.text(x, y, shown.text(mean), ha="center", va="center", color=ON_SCALE[step], fontweight=weight)
        axes.set_xticks(range(len(cells.columns)), [_cut(text) for text in cells.columns])
        axes.set_yticks(range(len(cells.rows)), [_cut(text) for text in cells.rows])
        axes.set_xlim(-0.5, len(cells.columns) - 0.5)
        axes.set_ylim(len(cells.rows) - 0.5, -0.5)
        axes.set_xlabel(flags[1])
        axes.set_ylabel(flags[0])
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_color(GRID)
    others = [name for name in report.flag_names if name not in flags]
    over = f"Means over the values of {', '.join(others)}. " if others else ""
    words = f"{over}Best: {shown.text(first)}, in bold; worst: {shown.text(last)}."
    table = Table(
        title,
        [f"{flags[0]} \\ {flags[1]}", *cells.columns],
        [
            [name, *("" if mean is None else shown.text(mean) for mean in row)]
            for name, row in zip(cells.rows, cells.means, strict=True)
        ],
        frozenset(range(1, len(cells.columns) + 1)),
    )
    return Picture(title, svg_of(drawn, "heatmap", title, words), words, table)


def _cells(report: SweepReport, down: str, across: str) -> _Cells:
    rows, columns = _values(report, down), _values(report, across)
    found: dict[tuple[str, str], list[float]] = {}
    for result in report.ranking:
        if result.objective is not None and not result.diverged and down in result.flags and across in result.flags:
            key = (canonical_json(result.flags[down]), canonical_json(result.flags[across]))
            found.setdefault(key, []).append(result.objective.mean)
    means = [[fmean(found[(row, column)]) if (row, column) in found else None for column in columns] for row in rows]
    return _Cells(list(rows.values()), list(columns.values()), means)


def _values(report: SweepReport, name: str) -> dict[str, str]:
    """The values that the flag has, in order: texts by canonical JSON."""
    values = {canonical_json(row.flags[name]): row.flags[name] for row in report.ranking if name in row.flags}
    ordered = sorted(values.items(), key=lambda item: _sort_key(item[1]))
    return {key: value_text(value) for key, value in ordered}


def _sort_key(value: object) -> tuple[int, float, str]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(str(value)), "") if is_number else (1, 0.0, str(value))


def _errors(report: SweepReport) -> list[float | None]:
    return [row.objective.standard_error for row in report.ranking if row.objective is not None]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
