"""Panels, variables and the dashboard around them, as Grafana imports them (schema version 39)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic import JsonValue

JsonObject: TypeAlias = dict[str, JsonValue]

WIDTH: Final = 24
"""Of Grafana's grid."""
SOURCE: Final[JsonObject] = {"type": "prometheus", "uid": "${datasource}"}

GREEN: Final = "green"
ORANGE: Final = "orange"
RED: Final = "red"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with Grafana's variables. A graph asks for the range; what shows one value asks for one instant, since the last value of a
    range may be of a series that has ended."""

    expr: str
    legend: str = ""
    """With labels in double braces; ignored by tables."""
    ref: str = "A"
    """Tells a panel's queries apart; a table names the column of its values by it."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place."""

    kind: str
    title: str
    description: str
    queries: Sequence[Query]
    height: int = 8
    width: int = 12
    unit: str = "none"
    """Of Grafana: s, bytes, percentunit, ops ..."""
    decimals: int | None = None
    options: JsonObject | None = None
    custom: JsonObject | None = None
    """Of the kind's field configuration."""
    thresholds: Mapping[float, str] | None = None
    """From which value on -> colour; everything below the first is green."""
    transformations: Sequence[JsonObject] = ()
    color_mode: str | None = None

    def body(self) -> JsonObject:
        """The panel as JSON, without id and place."""
        targets: list[JsonValue] = [_target(query, self.kind) for query in self.queries]
        return {
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "targets": targets,
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self.options or {},
            "transformations": list(self.transformations),
        }

    def _defaults(self) -> JsonObject:
        defaults: JsonObject = {"unit": self.unit, "noValue": "no data"}
        if self.decimals is not None:
            defaults["decimals"] = self.decimals
        if self.custom is not None:
            defaults["custom"] = self.custom
        if self.color_mode is not None:
            defaults["color"] = {"mode": self.color_mode}
        if self.thresholds is not None:
            steps: list[JsonValue] = [{"color": GREEN, "value": None}]
            steps += [{"color": color, "value": value} for value, color in self.thresholds.items()]
            defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        return defaults


def curves(
    title: str,
    description: str,
    queries: Iterable[Query],
    *,
    unit: str = "none",
    width: int = 12,
    height: int = 9,
    smallest: float | None = None,
) -> Panel:
    """Lines over time, with a table of the last values beside them. smallest: where the axis begins; None follows the data."""
    custom: JsonObject = {"fillOpacity": 0, "showPoints": "auto", "lineWidth": 1}
    if smallest is not None:
        custom |= {"axisSoftMin": smallest}
    return Panel(
        "timeseries",
        title,
        description,
        tuple(queries),
        height,
        width,
        unit,
        custom=custom,
        options={
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"], "sortBy": "Last *"},
            "tooltip": {"mode": "multi", "sort": "asc"},
        },
    )


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "none",
    width: int = 4,
    thresholds: Mapping[float, str] | None = None,
) -> Panel:
    """The value of now, large."""
    return Panel(
        "stat",
        title,
        description,
        (query,),
        4,
        width,
        unit,
        options={
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "value" if thresholds else "none",
            "graphMode": "none",
        },
        thresholds=thresholds,
    )


def bars(title: str, description: str, query: Query, *, width: int = 6, height: int = 8, unit: str = "none") -> Panel:
    """One horizontal bar for each series, of its value of now."""
    options: JsonObject = {
        "orientation": "horizontal",
        "displayMode": "basic",
        "reduceOptions": {"calcs": ["lastNotNull"]},
    }
    return Panel(
        "bargauge", title, description, (query,), height, width, unit, options=options, color_mode="palette-classic"
    )


def table(
    title: str,
    description: str,
    queries: Iterable[Query],
    keep: str,
    *,
    rename: str = "^Value #(.*)$",
    sort: tuple[str, bool] | None = None,
    width: int = 12,
    height: int = 9,
) -> Panel:
    """The queries' series joined by their labels, one row each.

    keep: pattern of the columns to show (labels, and `Value #REF`). rename: a pattern whose group is the shown name.
    sort: a shown column, and whether the largest comes first.
    """
    shown: list[JsonValue] = [{"displayName": sort[0], "desc": sort[1]}] if sort else []
    return Panel(
        "table",
        title,
        description,
        tuple(queries),
        height,
        width,
        options={"sortBy": shown},
        transformations=(
            {"id": "merge", "options": {}},
            {"id": "filterFieldsByName", "options": {"include": {"pattern": keep}}},
            {"id": "renameByRegex", "options": {"regex": rename, "renamePattern": "$1"}},
        ),
    )


def matrix(
    title: str, description: str, query: Query, row: str, column: str, *, width: int = 12, height: int = 10
) -> Panel:
    """Values by two labels, dark where they are high."""
    options: JsonObject = {"rowField": row, "columnField": column, "valueField": "Value"}
    return Panel(
        "table",
        title,
        description,
        (query,),
        height,
        width,
        decimals=4,
        custom={"cellOptions": {"type": "color-background"}},
        color_mode="continuous-blues",
        transformations=({"id": "groupingToMatrix", "options": options},),
    )


def variable(name: str, label: str, query: str, current: str = "", **more: JsonValue) -> JsonObject:
    """A variable whose values Prometheus knows."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "current": {"text": current, "value": current} if current else {},
        **more,
    }


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[JsonObject],
    panels: Iterable[Panel],
    links: Sequence[JsonObject] = (),
) -> JsonObject:
    """The whole, panels placed from left to right in rows. uid: links rest on it, it never changes."""
    source: JsonObject = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["regsweep"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "links": list(links),
        "templating": {"list": [source, *variables]},
        "panels": list(_placed(panels)),
    }


def link(title: str, uid: str, *names: str) -> JsonObject:
    """A link to another dashboard that hands over those variables and the range."""
    handed = "&".join(f"var-{name}=${{{name}}}" for name in ("datasource", *names))
    return {"type": "link", "title": title, "url": f"/d/{uid}?{handed}", "keepTime": True, "icon": "dashboard"}


def _placed(panels: Iterable[Panel]) -> Iterable[JsonObject]:
    x = y = tallest = 0
    for identifier, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        place: JsonObject = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        yield {"id": identifier, "gridPos": place, **panel.body()}
        x, tallest = x + panel.width, max(tallest, panel.height)


def _target(query: Query, kind: str) -> JsonObject:
    shared: JsonObject = {"refId": query.ref, "expr": query.expr, "datasource": SOURCE}
    if kind == "table":
        return shared | {"format": "table", "instant": True}
    return shared | {"legendFormat": query.legend, "range" if kind == "timeseries" else "instant": True}
