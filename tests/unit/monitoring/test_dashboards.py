"""The dashboards: every query can be put to Prometheus, asks for series that exist, and is what the code writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from cluster import binaries
from regsweep.metrics import METRICS, MetricType
from regsweep_kit.exposition import Exposition, Run
from support.dashboards import DASHBOARDS, DashboardQuery, Json, as_list, as_object, load, queries

VARIABLES: Final = {
    "fleet": {"namespace": "ml|other"},
    "operator": {"namespace": "regsweep-system"},
    "run": {"namespace": "ml", "sweep": "breast-cancer", "run": "breast-cancer-1", "metric": "average_loss"},
    "sweep": {"namespace": "ml", "sweep": "breast-cancer", "metric": "average_loss", "row": "l2", "column": "dropout"},
}
UIDS: Final = {name: f"regsweep-{name}" for name in VARIABLES}
QUERIES: Final = [(name, query) for name, variables in VARIABLES.items() for query in queries(load(name), variables)]
OURS: Final = re.compile(r"\bregsweep_\w+")
OTHERS: Final = re.compile(r"\b(?:container_|DCGM_)\w+")
"""Series of exporters that a cluster may have; their panels say which."""

each_query = pytest.mark.parametrize(("name", "query"), [pytest.param(n, q, id=f"{n}: {q}") for n, q in QUERIES])
each_dashboard = pytest.mark.parametrize("name", VARIABLES)


@pytest.fixture(scope="module")
def exposed() -> set[str]:
    """Names of all series that operator and trainer expose."""
    names = {spec.name for spec in METRICS if spec.type is not MetricType.HISTOGRAM}
    names |= {f"{spec.name}_bucket" for spec in METRICS if spec.type is MetricType.HISTOGRAM}
    trainer = Exposition(Run("s", "r", [0], 1, {"l2": "0"}))
    return names | {family.name for family in trainer.collect()}


def panels_of(name: str) -> list[dict[str, Json]]:
    return [as_object(panel) for panel in as_list(load(name)["panels"])]


def test_there_is_no_dashboard_but_these() -> None:
    assert {path.stem for path in DASHBOARDS.glob("*.json")} == set(VARIABLES)


def test_the_files_are_what_the_code_writes() -> None:
    environment = {**os.environ, "PYTHONPATH": str(DASHBOARDS.parent)}
    done = subprocess.run((sys.executable, "-m", "grafana", "--check"), env=environment, check=False)
    assert done.returncode == 0, "make manifests"


@each_query
def test_a_query_asks_only_for_series_that_are_exposed(name: str, query: DashboardQuery, exposed: set[str]) -> None:
    asked = set(OURS.findall(query.expr))
    assert asked, "a query that asks for no series of ours"
    assert asked <= exposed


@each_query
def test_a_query_asks_for_what_was_chosen(name: str, query: DashboardQuery) -> None:
    """Every selector is narrowed by the namespace, and by sweep and run where these were chosen before."""
    if query.panel == "variable namespace":
        return  # chosen first, from all there are
    selectors = re.findall(r"\b(?:regsweep|container)_\w+\{([^}]*)\}", query.expr)
    assert len(selectors) >= len(OURS.findall(query.expr))
    chosen: list[str] = [key for key in ("namespace", "sweep", "run") if key in VARIABLES[name]]
    if query.panel in ("variable sweep", "variable run"):
        chosen = chosen[: chosen.index(query.panel.removeprefix("variable "))]
    elif query.panel == "variable metric":
        chosen = ["namespace", "sweep"]
    for selector in selectors:
        keys = chosen[:1] if "container=" in selector else chosen
        for key in keys:
            value = re.escape(VARIABLES[name][key])
            assert re.search(rf'(?:^|[\s,])(?:exported_)?{key}=~?"{value}"', selector), (key, selector)


def test_every_query_is_promql(tmp_path: Path) -> None:
    promtool = binaries.program(binaries.PROMTOOL)
    if not promtool.exists():
        pytest.skip("promtool is not built here: `make programs` builds it, and `make test` does that first")
    rules = [{"record": f"query_{number}", "expr": query.expr} for number, (_, query) in enumerate(QUERIES)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run((promtool, "check", "rules", file), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_variable_that_nobody_gives_is_named() -> None:
    with pytest.raises(KeyError, match=r"uses \$row"):
        queries(load("sweep"), {name: value for name, value in VARIABLES["sweep"].items() if name != "row"})


@each_dashboard
def test_the_uid_that_links_rest_on_never_changes(name: str) -> None:
    assert load(name)["uid"] == UIDS[name]


@each_dashboard
def test_every_link_leads_to_a_dashboard_of_ours(name: str) -> None:
    links = as_list(load(name)["links"])
    assert links
    targets = [re.findall(r"/d/([\w-]+)", str(link)) for link in links]
    others = set(UIDS.values()) - {UIDS[name]}
    assert all(len(found) == 1 and found[0] in others for found in targets)


@each_dashboard
def test_panels_fill_the_grid_and_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels_of(name):
        place = as_object(panel["gridPos"])
        x, y, width, height = (int(str(place[key])) for key in "xywh")
        cells = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
        assert not cells & taken and x + width <= 24, panel["title"]
        taken |= cells


@each_dashboard
def test_every_panel_says_what_it_shows(name: str) -> None:
    for panel in panels_of(name):
        assert str(panel["title"]).strip() and str(panel["description"]).endswith("."), panel["title"]


@each_dashboard
def test_what_shows_one_value_asks_for_now(name: str) -> None:
    """The last value of a range may be of a series that has ended: of an operator that is gone, or of a state that a sweep has left."""
    for panel in panels_of(name):
        of_range = panel["type"] == "timeseries"
        for target in map(as_object, as_list(panel["targets"])):
            asked = target.get("range", False), target.get("instant", False)
            assert asked == (of_range, not of_range), panel["title"]


def test_a_panel_on_series_of_other_exporters_says_whose() -> None:
    for name in VARIABLES:
        for panel in panels_of(name):
            if OTHERS.search(str(panel["targets"])):
                assert "No data:" in str(panel["description"]), panel["title"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sweep", ("Runs by state", "Best", "Validation", "Train", "Overfit gap", "$row by $column", "GPU-hours")),
        ("run", ("on val", "on train", "Overfit gap", "Throughput", "GPU", "Memory", "Processors")),
        ("operator", ("Leaders", "Longest wait", "Slot refill", "Passes", "Requests", "Age of what it knows")),
        (
            "fleet",
            ("Runs in training, by namespace", "Runs that wait, by namespace", "GPU-hours, by namespace", "Sweeps"),
        ),
    ],
)
def test_a_dashboard_shows_what_a_person_asks_for(name: str, words: tuple[str, ...]) -> None:
    titles = {query.panel for owner, query in QUERIES if owner == name}
    assert all(any(word in title for title in titles) for word in words), titles
