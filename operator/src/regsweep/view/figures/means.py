"""The mean of the objective at each value of a flag, over all values of the others, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from regsweep.api.analysis import MarginalMean
from regsweep.core.figures import rough
from regsweep.core.grid import value_text
from regsweep.view.page import Picture, Table
from regsweep.view.theme import INK, drawing, figure, svg_of

WIDTH, HEIGHT = 340, 220
LONGEST: Final = 10
MOST_VALUES: Final = 20
INTERVALS: Final = (
    "Bars are 95 % intervals for this data set; those of two values may overlap although the values surely differ."
)


def means_picture(
    number: int, flag: str, metric: str, means: Sequence[MarginalMean], log_scale: bool = False
) -> Picture | None:
    """The picture of one flag; None where it has a single value, or too many to be told apart. `log_scale`: means are geometric."""
    if not 1 < len(means) <= MOST_VALUES:
        return None
    title = f"{metric} by {flag}"
    drawn = figure(WIDTH, HEIGHT)
    with drawing():
        axes = drawn.subplots()
        places = range(len(means))
        axes.plot(places, [each.mean for each in means], color=INK, linewidth=1, alpha=0.6)
        for place, each in enumerate(means):
            level = each.level
            spread = (
                [[max(0.0, each.mean - level.low)], [max(0.0, level.high - each.mean)]] if level is not None else None
            )
            axes.errorbar(place, each.mean, yerr=spread, color=INK, marker="o", markersize=6, capsize=4)
        axes.set_xticks(places, [_cut(value_text(each.value)) for each in means])
        axes.set_xlim(-0.5, len(means) - 0.5)
        axes.set_xlabel(flag)
        axes.set_ylabel(metric.replace("_", " "))
    shown = ", ".join(f"{rough(each.mean)} at {value_text(each.value)}" for each in means)
    with_intervals = any(each.level is not None for each in means)
    name = "geometric mean" if log_scale else "mean"
    words = (
        f"{name.capitalize()}s over all values of the other flags: {shown}.{f' {INTERVALS}' if with_intervals else ''}"
    )
    rows = [
        [
            value_text(each.value),
            rough(each.mean),
            *((rough(each.level.low), rough(each.level.high)) if each.level else ("", "")),
        ]
        for each in means
    ]
    table = Table(title, [flag, name, "from", "to"], rows, frozenset({1, 2, 3}))
    return Picture(title, svg_of(drawn, f"means-{number}", title, words), words, table)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
