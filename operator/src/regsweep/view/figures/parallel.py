"""Parallel coordinates: an axis per flag and one for the objective, a line per combination."""

from __future__ import annotations

from typing import Any, Final

from regsweep.api.canonical import canonical_json
from regsweep.api.spec import Goal
from regsweep.api.status import RankedResult
from regsweep.core.grid import value_text
from regsweep.report.model import SweepReport
from regsweep.report.numbers import format_for
from regsweep.view.page import Picture
from regsweep.view.theme import GRID, INK, LINE, PAGE, drawing, figure, step_of, svg_of

AXIS_WIDTH, HEIGHT = 130, 320
MOST_LINES: Final = 300
MOST_TICKS: Final = 12
LONGEST: Final = 14


def parallel_picture(report: SweepReport) -> Picture | None:
    """The picture; None where fewer than two flags vary or fewer than three combinations have a value."""
    rows = [row for row in report.ranking if row.objective is not None and not row.diverged][:MOST_LINES]
    names = [name for name in report.flag_names if len({canonical_json(row.flags.get(name)) for row in rows}) > 1]
    if len(names) < 2 or len(rows) < 3:
        return None
    scales = [_scale(rows, name) for name in names]
    means = [row.objective.mean for row in rows if row.objective is not None]
    low, high = min(means), max(means)
    goal = report.objective.goal
    drawn = figure(AXIS_WIDTH * (len(names) + 1), HEIGHT)
    title = f"Flags and {report.objective.metric} of each combination"
    with drawing():
        axes = drawn.subplots()
        axes.grid(visible=False)
        for row, mean in reversed(list(zip(rows, means, strict=True))):  # the best last, and so on top
            place = (mean - low) / (high - low) if high > low else 0.5
            step = step_of(place if goal is Goal.MINIMIZE else 1 - place)
            heights = [scale[canonical_json(row.flags.get(name))][0] for name, scale in zip(names, scales, strict=True)]
            best = report.is_best(row)
            axes.plot(
                range(len(names) + 1),
                [*heights, place],
                color=LINE[step],
                linewidth=2.6 if best else 1.1,
                alpha=1 if best else 0.7,
            )
        _draw_axes(axes, names, scales, report.objective.metric)
        shown = format_for(means, [row.objective.standard_error for row in rows if row.objective is not None])
        for place, value in ((0, low), (1, high)):
            _write(axes, shown.text(value), len(names), place)
    better = "lower" if goal is Goal.MINIMIZE else "higher"
    words = f"A line per combination, from its flags to its {report.objective.metric} on the right, where {better} is better"
    words += "; the best is the thick line." if report.best is not None else "."
    return Picture(title, svg_of(drawn, "parallel", title, words), words)


def _scale(rows: list[RankedResult], name: str) -> dict[str, tuple[float, str]]:
    """Height from 0 to 1 and text of each value, by its canonical JSON: equal steps in the values' order, which suits any kind."""
    values = {canonical_json(row.flags.get(name)): row.flags.get(name) for row in rows}

    def key(item: tuple[str, Any]) -> tuple[int, float, str]:
        value = item[1]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return (0, float(value), "") if is_number else (1, 0.0, str(value))

    ordered = sorted(values.items(), key=key)
    return {text: (place / (len(ordered) - 1), value_text(value)) for place, (text, value) in enumerate(ordered)}


def _draw_axes(axes: Any, names: list[str], scales: list[dict[str, tuple[float, str]]], metric: str) -> None:
    for x, scale in enumerate(scales):
        step = max(1, -(-len(scale) // MOST_TICKS))
        for height, text in list(scale.values())[::step]:
            _write(axes, _cut(text), x, height)
    for x in range(len(names) + 1):
        axes.axvline(x, color=GRID, linewidth=1.2)
    axes.set_xticks(range(len(names) + 1), [*map(_cut, names), _cut(metric)], color=INK)
    axes.set_yticks([])
    axes.set_xlim(-0.15, len(names) + 0.6)
    axes.set_ylim(-0.06, 1.06)
    for side in axes.spines.values():
        side.set_visible(False)


def _write(axes: Any, text: str, x: float, y: float) -> None:
    """A text beside an axis, upon the lines."""
    ground = {"facecolor": PAGE, "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    axes.annotate(text, (x, y), xytext=(6, 0), textcoords="offset points", va="center", color=INK, bbox=ground)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
