"""Draws a Grafana dashboard from its JSON and a Prometheus' answers as one HTML page, so that a person can look at it.

It draws what our dashboards use: lines, bars, numbers, tables and matrices, with Grafana's units, colours and empty state.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from support.dashboards import Json, as_list, as_object, fill, load

PALETTE: Final = (
    "#7eb26d",
    "#eab839",
    "#6ed0e0",
    "#ef843c",
    "#e24d42",
    "#1f78c1",
    "#ba43a9",
    "#705da0",
    "#508642",
    "#cca300",
)
EMPTY: Final = '<p class="empty">no data</p>'
CELL: Final = (76, 38)
"""Width and height of a cell of Grafana's grid, in pixels."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: times in seconds; an instant query gives one point."""

    labels: Mapping[str, str]
    points: Points

    @property
    def last(self) -> float:
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Source:
    """A Prometheus: what it answers to an instant query, and to one over the dashboard's range."""

    instant: Callable[[str], list[Series]]
    over_range: Callable[[str], list[Series]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page, and the titles of panels that had no data."""

    html: str
    empty: tuple[str, ...]
    size: tuple[int, int]
    """In pixels."""


def draw(name: str, variables: Mapping[str, str], source: Source) -> Drawn:
    """Ask every query of that dashboard and draw its panels in their places."""
    dashboard = load(name)
    panels = [panel for panel in as_list(dashboard["panels"]) if isinstance(panel, dict)]
    boxes, empty, bottom = [], [], 0
    for panel in panels:
        title = fill(str(panel["title"]), variables)
        place = {key: int(str(value)) for key, value in as_object(panel["gridPos"]).items()}
        body = _body(panel, variables, source)
        if body == EMPTY:
            empty.append(title)
        boxes.append(_box(title, place, body))
        bottom = max(bottom, place["y"] + place["h"])
    size = 24 * CELL[0] + 24, bottom * CELL[1] + 70
    chosen = " · ".join(f"{key}: {value}" for key, value in variables.items())
    head = f"<h1>{escape(str(dashboard['title']))} <small>{escape(chosen)}</small></h1>"
    grid = f'<main style="height:{bottom * CELL[1]}px">{"".join(boxes)}</main>'
    return Drawn(f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>{head}{grid}", tuple(empty), size)


def prometheus(
    instant: Callable[[str], list[dict[str, Any]]], over: Callable[[str, float, float], list[dict[str, Any]]]
) -> Source:
    """A source that asks those two, over the last five minutes by steps of one second."""

    def series(found: dict[str, Any]) -> Series:
        points = found["values"] if "values" in found else [found["value"]]
        return Series(found["metric"], [(float(time), float(value)) for time, value in points])

    return Source(
        lambda query: [series(one) for one in instant(query)],
        lambda query: [series(one) for one in over(query, 300, 1)],
    )


def photograph(page: Path, picture: Path, size: tuple[int, int]) -> None:
    """A screenshot by headless Chromium. Raises CalledProcessError, or FileNotFoundError where there is no Chromium."""
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-device-scale-factor=0.65",
        f"--window-size={size[0]},{size[1]}",
    ]
    command = ["chromium", *options, f"--screenshot={picture.absolute()}", page.absolute().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _body(panel: Mapping[str, Json], variables: Mapping[str, str], source: Source) -> str:
    kind = str(panel["type"])
    answers: dict[str, list[Series]] = {}
    legends: dict[str, str] = {}
    for target in map(as_object, as_list(panel["targets"])):
        ask = source.instant if target.get("instant") else source.over_range
        reference = str(target["refId"])
        answers[reference] = ask(fill(str(target["expr"]), variables))
        legends[reference] = fill(str(target.get("legendFormat", "")), variables)
    if not any(answers.values()):
        return EMPTY
    defaults = as_object(as_object(panel["fieldConfig"])["defaults"])
    place = as_object(panel["gridPos"])
    size = int(str(place["w"])) * CELL[0] - 24, int(str(place["h"])) * CELL[1] - 44
    if kind == "table":
        return _table(panel, answers, defaults)
    named = [(_legend(legends[ref], one.labels), one) for ref, found in answers.items() for one in found]
    if kind == "timeseries":
        return _lines(named, defaults, size)
    if kind == "bargauge":
        return _bars(named, defaults)
    if kind == "stat":
        return "".join(
            f'<p class="stat" style="color:{_color(one.last, defaults)}">{_shown(one.last, defaults)}</p>'
            for _, one in named
        )
    raise NotImplementedError(f"panels of the kind {kind} are not drawn")


def _box(title: str, place: Mapping[str, int], body: str) -> str:
    width, height = CELL
    style = f"left:{place['x'] * width}px;top:{place['y'] * height}px;width:{place['w'] * width - 8}px;height:{place['h'] * height - 8}px"
    return f'<section style="{style}"><h2>{escape(title)}</h2>{body}</section>'


# Lines


def _lines(named: Sequence[tuple[str, Series]], defaults: Mapping[str, Json], size: tuple[int, int]) -> str:
    named = sorted(named, key=lambda one: -one[1].last)
    shown = named[:10]
    width, height = size[0], size[1] - 18 * min(len(shown), 5) - 10
    values = [value for _, one in named for _, value in one.points if value == value]
    times = [time for _, one in named for time, _ in one.points]
    smallest = as_object(defaults.get("custom") or {}).get("axisSoftMin")
    low = min([*values, *([float(str(smallest))] if smallest is not None else [])], default=0.0)
    high = max(values, default=1.0)
    high = high if high > low else low + (abs(low) or 1)
    begin, end = min(times), max(max(times), min(times) + 1)
    marks = [_shown(low + share * (high - low), defaults) for share in (0, 0.25, 0.5, 0.75, 1)]
    left = max(64, 7 * max(map(len, marks)) + 6)

    def at(time: float, value: float) -> str:
        x = left + (time - begin) / (end - begin) * (width - left - 4)
        return f"{x:.1f},{(height - 18) * (1 - (value - low) / (high - low)) + 8:.1f}"

    grid = []
    for number, mark in enumerate(marks):
        y = at(begin, low + number / (len(marks) - 1) * (high - low)).split(",")[1]
        grid.append(
            f"<line x1={left} x2={width} y1={y} y2={y} class=grid /><text x={left - 6} y={y} class=axis>{mark}</text>"
        )
    lines = []
    for number, (_, one) in enumerate(named):
        color = PALETTE[number % len(PALETTE)]
        if len(one.points) < 25:  # as Grafana's showPoints=auto: what has few points is drawn with them
            dots = (at(*point).split(",") for point in one.points if point[1] == point[1])
            lines += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{color}"/>' for x, y in dots]
        path = " ".join(at(time, value) for time, value in one.points if value == value)
        lines.append(f'<polyline points="{path}" stroke="{color}" fill="none" stroke-width="1.3"/>')
    rest = f"<li>… {len(named) - 10} more</li>" if len(named) > 10 else ""
    legend = "".join(
        f'<li><i style="background:{PALETTE[number % len(PALETTE)]}"></i>{escape(label)}<b>{_shown(one.last, defaults)}</b></li>'
        for number, (label, one) in enumerate(shown)
    )
    return f'<svg width="{width}" height="{height}">{"".join(grid + lines)}</svg><ul>{legend}{rest}</ul>'


# Bars


def _bars(named: Sequence[tuple[str, Series]], defaults: Mapping[str, Json]) -> str:
    largest = 1.0 if defaults.get("unit") == "percentunit" else max(one.last for _, one in named) or 1
    rows = []
    for number, (label, one) in enumerate(named):
        bar = f'<i style="width:{100 * one.last / largest:.1f}%;background:{PALETTE[number % len(PALETTE)]}"></i>'
        rows.append(f"<tr><th>{escape(label)}<td class=bar>{bar}<td>{_shown(one.last, defaults)}")
    return f"<table class=bars>{''.join(rows)}</table>"


# Tables


def _table(panel: Mapping[str, Json], answers: Mapping[str, list[Series]], defaults: Mapping[str, Json]) -> str:
    transformations = {
        str(one["id"]): as_object(one["options"]) for one in map(as_object, as_list(panel["transformations"]))
    }
    if "groupingToMatrix" in transformations:
        return _matrix(next(iter(answers.values())), transformations["groupingToMatrix"], defaults)
    rows: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for reference, found in answers.items():
        for one in found:
            labels = {key: value for key, value in one.labels.items() if key != "__name__"}
            rows.setdefault(tuple(sorted(labels.items())), {})[f"Value #{reference}"] = one.last
    keep = re.compile(str(as_object(transformations["filterFieldsByName"]["include"])["pattern"]))
    rename = re.compile(str(transformations["renameByRegex"]["regex"]))
    columns = list(dict.fromkeys(name for labels, values in rows.items() for name in (*dict(labels), *values)))
    columns = [name for name in columns if keep.search(name)]
    shown = {name: rename.sub(r"\1", name) for name in columns}
    table: list[dict[str, str | float]] = [{**dict(labels), **values} for labels, values in rows.items()]
    for order in map(as_object, as_list(as_object(panel["options"]).get("sortBy", []))):
        column = next((name for name, text in shown.items() if text == order["displayName"]), None)
        if column is not None:
            table.sort(key=lambda row: _sortable(row.get(column)), reverse=bool(order["desc"]))
    head = "".join(f"<th>{escape(text)}" for text in shown.values())
    body = "".join("<tr>" + "".join(f"<td>{_cell(row.get(name), defaults)}" for name in columns) for row in table)
    return f"<table><tr>{head}{body}</table>"


def _matrix(found: Iterable[Series], options: Mapping[str, Json], defaults: Mapping[str, Json]) -> str:
    cells = {(one.labels[str(options["rowField"])], one.labels[str(options["columnField"])]): one.last for one in found}
    low, high = min(cells.values()), max(cells.values())
    columns = sorted({column for _, column in cells})
    lines = ["<tr><th>" + "".join(f"<th>{escape(column)}" for column in columns)]
    for row in sorted({row for row, _ in cells}):
        line = f"<tr><th>{escape(row)}"
        for column in columns:
            value = cells.get((row, column))
            share = 0.0 if value is None else (value - low) / ((high - low) or 1)
            line += f'<td style="background:rgba(31,120,193,{0.15 + 0.85 * share:.2f})">{_cell(value, defaults)}'
        lines.append(line)
    return f"<table class=matrix>{''.join(lines)}</table>"


def _sortable(value: str | float | None) -> tuple[int, float, str]:
    if isinstance(value, float):
        return 0, value, ""
    return 1, 0, value or ""


def _cell(value: str | float | None, defaults: Mapping[str, Json]) -> str:
    if value is None:
        return ""
    return escape(value) if isinstance(value, str) else _shown(value, defaults)


# Texts


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), pattern) or str(dict(labels))


def _shown(value: float, defaults: Mapping[str, Json]) -> str:
    unit, decimals = defaults.get("unit"), defaults.get("decimals")
    if value != value:
        return "NaN"
    if unit == "percentunit":
        return f"{100 * value:.0f}%"
    if unit == "bytes":
        for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
            if abs(value) >= 1024**power:
                return f"{value / 1024**power:.3g} {name}"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    text = f"{value:.{decimals}f}" if isinstance(decimals, int) else f"{value:.4g}"
    return f"{text} {'ops/s' if unit == 'ops' else 'req/s'}" if unit in ("ops", "reqps") else text


def _color(value: float, defaults: Mapping[str, Json]) -> str:
    steps = as_list(as_object(defaults.get("thresholds") or {}).get("steps", []))
    color = "inherit"
    for step in map(as_object, steps):
        if step["value"] is None or value >= float(str(step["value"])):
            color = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}[str(step["color"])]
    return color


_STYLE: Final = """
body{background:#111217;color:#ccccdc;font:13px Inter,Arial,sans-serif;margin:12px}
h1{font-size:20px;margin:4px 0 10px}h1 small{font-size:13px;color:#8e8ea0;font-weight:normal}
main{position:relative;width:1824px}
section{position:absolute;background:#181b1f;border:1px solid #2c2f36;box-sizing:border-box;padding:8px;overflow:hidden}
h2{font-size:13px;margin:0 0 6px}
.empty{color:#8e8ea0;text-align:center;margin-top:40px}
.stat{font-size:38px;text-align:center;margin:10px 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:4px 6px;border-bottom:1px solid #2c2f36}
.matrix td{text-align:center;color:#fff}
.bars td.bar{width:60%}.bar i{display:block;height:18px}
svg text.axis{fill:#8e8ea0;font-size:11px;text-anchor:end;dominant-baseline:middle}.grid{stroke:#2c2f36}
ul{list-style:none;margin:4px 0 0;padding:0}li{line-height:18px}
li i{display:inline-block;width:14px;height:4px;margin-right:8px}li b{float:right;font-weight:normal}
"""
