"""The ranked combinations with the standard error of each, and which cannot be told from the best."""

from __future__ import annotations

from typing import Final

from regsweep.report.columns import metric_title
from regsweep.report.model import SweepReport
from regsweep.view.page import Picture
from regsweep.view.theme import BEST, INK, QUIET, drawing, figure, svg_of

MOST: Final = 40
WIDTH, ROW, FRAME = 640, 24, 70
LONGEST_LABEL: Final = 48


def ranking_picture(report: SweepReport) -> Picture | None:
    """The picture; None where fewer than two combinations have a value."""
    rows = [row for row in report.ranking if row.objective is not None][:MOST]
    if len(rows) < 2:
        return None
    title = f"{metric_title(report.objective.metric, report.objective.epoch)} of each combination"
    drawn = figure(WIDTH, FRAME + ROW * len(rows))
    with drawing():
        axes = drawn.subplots()
        for place, row in enumerate(rows):
            estimate = row.objective
            if estimate is None:
                continue
            tied = report.is_tied(row)
            is_best = report.is_best(row)
            color = BEST if is_best else INK if tied else QUIET
            error = estimate.standard_error or 0.0
            marker = "D" if is_best else "o"
            axes.errorbar(
                estimate.mean,
                place,
                xerr=error if error else None,
                color=color,
                marker=marker,
                markersize=7 if tied else 6,
                markerfacecolor=color if tied else "none",
                elinewidth=2 if tied else 1.2,
                capsize=3,
            )
        if report.best is not None and report.best.objective is not None:
            axes.axvline(report.best.objective.mean, color=BEST, linewidth=1, linestyle=":")
        axes.set_yticks(range(len(rows)), [_label(row.rank, row.label) for row in rows], color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(report.objective.metric)
    tied_count = sum(report.is_tied(row) for row in rows)
    more = f" The first {MOST} of {len(report.ranking)} are shown." if len(report.ranking) > MOST else ""
    words = f"Means with their standard errors, the best first. {_ties(tied_count)}{more}"
    return Picture(title, svg_of(drawn, "ranking", title, words), words)


def _label(rank: int | None, label: str) -> str:
    cut = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    return f"{rank}  {cut}" if rank is not None else cut


def _ties(count: int) -> str:
    if count > 1:
        return "Filled marks cannot be told from the best with these data; the diamond is the best."
    return "The diamond is the best."
