"""The figures as tables of a page whose prose is written by hand: each between two markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isnan, sqrt

from bench.calibration.cases import Case
from bench.calibration.figures import Figure

BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures -->"
MANY_ROWS, TOGETHER = 10, "all of them together"
"""Rows from which on there is a last one for all of them, where each has a goal."""
COLUMN = "n"
"""The label whose values are the columns."""
Known = Mapping[str, tuple[int, list[Figure]]]
"""A section's figures with their sweeps, by the case's key."""


def filled(page: str, section: str, table: str) -> str:
    """The page with the section's table between its markers. Raises ValueError where it has none."""
    begin = BEGIN.format(section)
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no place for {section}: {begin} and {END} are to stand around it")
    return pattern.sub(lambda _: f"{begin}\n{table}\n{END}", page)


def tables_of(cases: Sequence[Case], known: Known) -> str:
    """A table for each measure; its cells are `value ± Monte-Carlo error`, in bold where a goal is missed."""
    measures = list(dict.fromkeys(figure.measure for case in cases for figure in _figures(case, known)))
    if not measures:
        return "Not simulated."
    return "\n\n".join([_sweeps_line(cases, known), *(_table(measure, cases, known) for measure in measures)])


def missed(cases: Iterable[Case], known: Known) -> list[str]:
    """What misses its goal, a line each."""
    return [
        f"{case.section}: {case.key}: {figure.measure}: {_value(figure)}"
        for case in cases
        for figure in _figures(case, known)
        if figure.missed
    ]


def _figures(case: Case, known: Known) -> list[Figure]:
    return known[case.key][1] if case.key in known else []


def _sweeps_line(cases: Sequence[Case], known: Known) -> str:
    sweeps = [known[case.key][0] for case in cases if case.key in known]
    without = len(cases) - len(sweeps)
    least, most = min(sweeps), max(sweeps)
    counts = f"{least} to {most}" if least < most else f"{most}"
    left = f" {without} of {len(cases)} cases were not simulated." if without else ""
    return (
        f"{counts} sweeps a case, the fewer the more combinations it has (power: a quarter to a third of them).{left}"
    )


def _table(measure: str, cases: Sequence[Case], known: Known) -> str:
    rows: dict[tuple[str, ...], dict[str, Figure]] = {}
    columns: dict[str, list[tuple[int, Figure]]] = {}
    of_measure = [case for case in cases if any(figure.measure == measure for figure in _figures(case, known))]
    names = [name for name in of_measure[0].labels if name != COLUMN]
    for case in of_measure:
        figure = next(each for each in _figures(case, known) if each.measure == measure)
        column = case.labels.get(COLUMN, "")
        columns.setdefault(column, []).append((known[case.key][0], figure))
        rows.setdefault(tuple(case.labels[name] for name in names), {})[column] = figure
    heads = [f"{COLUMN} = {column}" if column else "share" for column in columns]
    lines = [f"**{measure}**{_goal(of_measure, measure, known)}", "", _line([*names, *heads])]
    lines.append(_line(["---"] * (len(names) + len(heads))))
    for labels, cells in rows.items():
        lines.append(_line([*labels, *(_value(cells[column]) if column in cells else "" for column in columns)]))
    if len(rows) >= MANY_ROWS and _has_goal(measure, of_measure, known):
        together = (_value(_together(measure, figures)) for figures in columns.values())
        lines.append(_line([TOGETHER, *("" for _ in names[1:]), *together]))
    return "\n".join(lines)


def _has_goal(measure: str, cases: Sequence[Case], known: Known) -> bool:
    """Whether all of the measure's figures are to be small."""
    return all(each.at_most is not None for case in cases for each in _figures(case, known) if each.measure == measure)


def _together(measure: str, figures: Sequence[tuple[int, Figure]]) -> Figure:
    """The mean of figures, each weighing as much as it has sweeps."""
    whole = sum(sweeps for sweeps, _ in figures)
    error = sqrt(sum((sweeps * each.error) ** 2 for sweeps, each in figures)) / whole
    return Figure(measure, sum(sweeps * each.value for sweeps, each in figures) / whole, error)


def _goal(cases: Sequence[Case], measure: str, known: Known) -> str:
    figures = [each for case in cases for each in _figures(case, known) if each.measure == measure]
    most = sorted({each.at_most for each in figures if each.at_most is not None})
    least = sorted({each.at_least for each in figures if each.at_least is not None})
    words = [f"at most {' or '.join(f'{each:.3g}' for each in most)}"] if most else []
    words += [f"at least {' or '.join(f'{each:.3g}' for each in least)}"] if least else []
    open_ones = any(each.at_most is None and each.at_least is None for each in figures)
    return f" (goal: {', '.join(words)}{', where one is set' if open_ones else ''})" if words else " (reported)"


def _value(figure: Figure) -> str:
    if isnan(figure.value):
        return "-"
    text = f"{figure.value:.3f} ± {figure.error:.3f}"
    return f"**{text}**" if figure.missed else text


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
