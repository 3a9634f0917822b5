"""The PromQL of a Grafana dashboard, with its variables filled in, so that a test can put every query to a real Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

DASHBOARDS: Final = Path(__file__).parents[2] / "manifests" / "monitoring" / "dashboards"
BUILT_IN: Final = {"__range": "3h", "__interval": "15s", "__rate_interval": "1m"}
"""Grafana's own variables, at plausible values; a caller may give others."""

_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>[A-Za-z_]\w*))")
_LABEL_VALUES: Final = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)$")


@dataclass(frozen=True, slots=True)
class DashboardQuery:
    """One query as Prometheus gets it."""

    panel: str
    """Title of its panel, or `variable NAME`."""
    ref: str
    """Letter or name that tells a panel's queries apart."""
    expr: str
    """PromQL without any variable left in it."""

    def __str__(self) -> str:
        return f"{self.panel} [{self.ref}]"


def load(name: str) -> dict[str, Json]:
    """A committed dashboard."""
    document: Json = json.loads((DASHBOARDS / f"{name}.json").read_text())
    return as_object(document)


def queries(dashboard: Mapping[str, Json], variables: Mapping[str, str]) -> list[DashboardQuery]:
    """Every query of panels and variables, in the dashboard's order; `label_values(selector, label)` becomes a count by that label.

    variables: values of the dashboard's own ones (for "sweep": namespace, sweep, metric, row, column); Grafana's have defaults.

    Raises KeyError, naming the variable, when a query needs one that is not given.
    """
    values = {**BUILT_IN, **variables}
    return [DashboardQuery(panel, ref, _fill(expr, values, panel)) for panel, ref, expr in _expressions(dashboard)]


def _expressions(dashboard: Mapping[str, Json]) -> Iterator[tuple[str, str, str]]:
    templating = as_object(dashboard["templating"])
    for variable in map(as_object, as_list(templating["list"])):
        found = _LABEL_VALUES.match(str(variable.get("definition", "")))
        if found:
            yield f"variable {variable['name']}", "-", f"count by ({found['label']}) ({found['selector']})"
    for panel in _panels(as_list(dashboard["panels"])):
        for target in map(as_object, as_list(panel.get("targets", []))):
            yield str(panel["title"]), str(target["refId"]), str(target["expr"])


def _panels(panels: list[Json]) -> Iterator[dict[str, Json]]:
    """Panels, those inside of rows too."""
    for panel in map(as_object, panels):
        yield panel
        yield from _panels(as_list(panel.get("panels", [])))


def fill(text: str, variables: Mapping[str, str]) -> str:
    """A title, a legend or a query with the variables' values in their places. Raises KeyError as `queries` does."""
    return _fill(text, {**BUILT_IN, **variables}, "a text")


def _fill(expr: str, values: Mapping[str, str], panel: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name not in values:
            raise KeyError(f"{panel}: the query uses ${name}, which is not given: {expr}")
        return values[name]

    return _VARIABLE.sub(value, expr)


def as_object(value: Json) -> dict[str, Json]:
    """The value, where the dashboard has an object. Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"the dashboard has {type(value).__name__} where an object belongs")
    return value


def as_list(value: Json) -> list[Json]:
    """The value, where the dashboard has a list. Raises TypeError."""
    if not isinstance(value, list):
        raise TypeError(f"the dashboard has {type(value).__name__} where a list belongs")
    return value
