"""The means at each value of a flag, and at pairs of values, as small tables below the sentences.

By default those of flags that surely matter, since the others are chance; on request all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.cells import cell_len

from regsweep.api.analysis import Effects, Interplay, InterplayCell, Interval, MarginalMean
from regsweep.core.figures import listed, rough
from regsweep.core.grid import value_text
from regsweep.core.judging.words.effects import CHANCE
from regsweep.report.model import SweepReport
from regsweep.report.numbers import PLUS_MINUS, Measured, NumberFormat, format_for, measured_column

MOST_FLAGS: Final = 3
MOST_VALUES: Final = 10
MOST_ACROSS: Final = 8
"""Values of the second flag of a pair, side by side."""
CLEAR_SHARE: Final = 0.05
"""Part of the differences below which a pair that matters is shown on request only."""
GUTTER: Final = "   "
ON_REQUEST: Final = "--means shows all."


def before_the_new(report: SweepReport) -> str:
    """What is said behind a metric whose means rest on other replicates than the ranking's first rows; else empty."""
    refinement = report.status.refinement
    return " before the new replicates" if refinement is not None and refinement.contenders else ""


def means_tables(effects: Effects, metric: str, everything: bool, plus_minus: str = PLUS_MINUS) -> Iterator[list[str]]:
    """One table for each flag and for each pair, as lines. `metric`: its title. `everything`: all flags and pairs, in full."""
    sure = {tuple(share.flags) for share in effects.shares if share.p_value is not None and share.p_value <= CHANCE}
    flags = {flag: list(means) for flag, means in groupby(effects.means, key=lambda mean: mean.flag)}
    chosen = [flag for flag in flags if everything or (flag,) in sure]
    for flag in chosen if everything else chosen[:MOST_FLAGS]:
        name = _name(effects, flags[flag], metric)
        yield _of_flag(flag, flags[flag], name, effects.log_scale, everything, plus_minus)
    clear = {tuple(s.flags) for s in effects.shares if (s.omega_squared or 0.0) >= CLEAR_SHARE}
    pairs = [pair for pair in effects.interplays if everything or tuple(pair.flags) in clear]
    tables = {
        tuple(pair.flags): _of_pair(pair, _name(effects, pair.cells, metric), everything)
        for pair in (pairs if everything else pairs[:1])
    }
    yield from (table for table in tables.values() if table)
    hidden = [pair for pair in sorted(sure & clear) if len(pair) == 2 and not tables.get(pair)]
    if hidden and chosen:
        yield [f"Also matter together: {'; '.join(listed(pair) for pair in hidden[:MOST_FLAGS])}. {ON_REQUEST}"]


def _of_flag(
    flag: str, means: Sequence[MarginalMean], name: str, log_scale: bool, everything: bool, plus_minus: str
) -> list[str]:
    """The values down, each with its mean and how much worse it is than the best of them. `name`: of the means."""
    shown = means if everything else means[:MOST_VALUES]
    figures = measured_column(
        [Measured(mean.mean, mean.level.standard_error if mean.level else None) for mean in shown],
        plus_minus=plus_minus,
    )
    errors = [mean.beside_best.standard_error for mean in shown if mean.beside_best]
    differences = format_for([mean.beside_best.mean for mean in shown if mean.beside_best], errors)
    known = sum(mean.beside_best is None for mean in means) == 1  # but for the best value
    rows = [
        [value_text(mean.value), figure, _difference(mean.beside_best, log_scale, differences) if known else ""]
        for mean, figure in zip(shown, figures, strict=True)
    ]
    by = "times its best value (95 % together)" if log_scale else "worse than its best value by (95 % together)"
    title = [flag, name, by if known else ""]
    lines = _aligned([title, *rows], right=1)
    if len(shown) < len(means):
        lines.append(f"{len(means) - len(shown)} more values: {ON_REQUEST}")
    return lines


def _difference(interval: Interval | None, log_scale: bool, shown: NumberFormat) -> str:
    if interval is None:
        return "best"
    if log_scale:
        factor, low, high = (rough(1 + each) for each in (interval.mean, interval.low, interval.high))
        return f"{factor} ({low} to {high})"
    return f"{shown.text(interval.mean)} ({shown.text(interval.low)} to {shown.text(interval.high)})"


def _name(effects: Effects, means: Sequence[MarginalMean] | Sequence[InterplayCell], metric: str) -> str:
    """Where they are not the means over all rows of the ranking, that is said: of logarithms they are smaller, of a partial grid over some
    rows, or adjusted."""
    name = f"{'geometric ' if effects.log_scale else ''}mean {metric}"
    if effects.adds_up:
        return name
    return f"{name} where all were trained" if any(mean.level for mean in means) else f"adjusted {name}"


def _of_pair(pair: Interplay, name: str, everything: bool) -> list[str]:
    """The first flag's values down, the second's across; without lines where they would be too many. `name`: of what is shown."""
    by_value: dict[str, dict[str, float]] = {}
    for cell in pair.cells:
        first, second = (value_text(value) for value in cell.values)
        by_value.setdefault(first, {})[second] = cell.mean
    across = list(next(iter(by_value.values()), {}))
    if not everything and (len(across) > MOST_ACROSS or len(by_value) > MOST_VALUES):
        return []
    errors = [cell.level.standard_error if cell.level else None for cell in pair.cells]
    shown = format_for([cell.mean for cell in pair.cells], errors)
    first, second = pair.flags
    rows = [[value, *(shown.text(cells[name]) for name in across)] for value, cells in by_value.items()]
    title = f"{name[:1].upper()}{name[1:]} by {listed(pair.flags)}, which matter together"
    return [title, *_aligned([[first, *(f"{second}={name}" for name in across)], *rows], right=len(across))]


def _aligned(rows: Sequence[Sequence[str]], right: int) -> list[str]:
    """Lines of cells below each other; after the first column so many are flush right."""
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        GUTTER.join(
            " " * (width - cell_len(cell)) + cell if 0 < column <= right else cell + " " * (width - cell_len(cell))
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
