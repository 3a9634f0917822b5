"""The dashboard *Sweep*: every query can be put to Prometheus, asks for series that exist, and is what its script writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster import binaries
from regsweep.metrics import METRICS, MetricType
from regsweep_kit.exposition import Exposition, Run
from support.dashboards import DASHBOARDS, DashboardQuery, load, queries

VARIABLES = {"namespace": "ml", "sweep": "breast-cancer", "metric": "average_loss", "row": "l2", "column": "dropout"}
QUERIES = queries(load(), VARIABLES)
SERIES = re.compile(r"\bregsweep_\w+")

each_query = pytest.mark.parametrize("query", [pytest.param(query, id=str(query)) for query in QUERIES])


@pytest.fixture(scope="module")
def exposed() -> set[str]:
    """Names of all series that operator and trainer expose."""
    names = {spec.name for spec in METRICS if spec.type is not MetricType.HISTOGRAM}
    trainer = Exposition(Run("s", "r", [0], 1, {"l2": "0"}))
    names |= {family.name for family in trainer.collect()}
    return names


def test_the_file_is_what_its_script_writes() -> None:
    script = DASHBOARDS.parent / "dashboard.py"
    assert subprocess.run((sys.executable, script, "--check"), check=False).returncode == 0, "make manifests"


@each_query
def test_a_query_asks_only_for_series_that_are_exposed(query: DashboardQuery, exposed: set[str]) -> None:
    asked = set(SERIES.findall(query.expr))
    assert asked, "a query of this dashboard that asks for no series of ours"
    assert asked <= exposed


@each_query
def test_a_query_asks_for_the_chosen_sweep(query: DashboardQuery) -> None:
    if query.panel == "variable namespace":
        return  # chosen first, from all there are
    selectors = re.findall(r"\bregsweep_\w+\{([^}]*)\}", query.expr)
    assert len(selectors) == len(SERIES.findall(query.expr))
    selectors = [selector.replace("exported_namespace=", "namespace=") for selector in selectors]
    wanted = {'namespace="ml"'} if query.panel == "variable sweep" else {'namespace="ml"', 'sweep="breast-cancer"'}
    assert all(wanted <= set(re.split(r",\s*", selector)) for selector in selectors)


def test_every_query_is_promql(tmp_path: Path) -> None:
    promtool = binaries.program(binaries.PROMTOOL)
    if not promtool.exists():
        pytest.skip("promtool is not built here: `make programs` builds it, and `make test` does that first")
    rules = [{"record": f"query_{number}", "expr": query.expr} for number, query in enumerate(QUERIES)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run((promtool, "check", "rules", file), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_variable_that_nobody_gives_is_named() -> None:
    with pytest.raises(KeyError, match=r"uses \$row"):
        queries(load(), {name: value for name, value in VARIABLES.items() if name != "row"})


def test_the_uid_that_links_rest_on_never_changes() -> None:
    assert load()["uid"] == "regsweep-sweep"


def test_the_dashboard_shows_what_a_person_asks_for() -> None:
    titles = [query.panel for query in QUERIES if not query.panel.startswith("variable")]
    for word in ("Runs by state", "Best", "Validation", "Train", "Overfit gap", "$row by $column"):
        assert any(word in title for title in titles), word
