"""Writes the Grafana dashboard *Sweep*: dashboards/sweep.json. Run it after a change; a test compares the two.

A panel's query stands here once, in PromQL with Grafana's variables. Two rules hold for all of them:
- `regsweep_trainer_info` is reduced by `max by` before it is joined: two scrapers, or a run that was tried twice, would otherwise
  give two series with the same labels, and Prometheus refuses such a join.
- What is asked of finished runs uses `last_over_time` over the dashboard's range: a pod's series end when the pod does.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import JsonValue

JsonObject: TypeAlias = dict[str, JsonValue]

TARGET: Final = Path(__file__).with_name("dashboards") / "sweep.json"
UID: Final = "regsweep-sweep"
"""Links into the dashboard rest on it: it never changes."""
COLUMNS: Final = 24
"""Width of Grafana's grid."""

SWEEP: Final = 'namespace="$namespace", sweep="$sweep"'
METRIC: Final = f'regsweep_trainer_metric{{{SWEEP}, metric="$metric"'
TRAIN: Final = f'{METRIC}, split="train"}}'
VAL: Final = f'{METRIC}, split="val"}}'
INFO: Final = f"regsweep_trainer_info{{{SWEEP}}}"
COMPLETE: Final = f"regsweep_trainer_complete{{{SWEEP}}}"
FINAL_INFO: Final = f"last_over_time({INFO}[$__range])"
FLAGS: Final = f"max without (pod, instance, replicate, data_digest) ({FINAL_INFO})"
"""One series per run, with every flag as a label."""
FINISHED: Final = f"count by (run) (max by (run, replicate) (last_over_time({COMPLETE}[$__range])) == 1)"
"""Finished replicates of each run."""


def final(series: str) -> str:
    """The series of replicates that are finished, as they were last scraped: a pod that was lost half-way does not count."""
    ended = f"last_over_time({COMPLETE}[$__range]) == 1"
    return f"last_over_time({series}[$__range]) and on (namespace, pod, run, replicate) ({ended})"


def per_run(series: str, info: str = INFO) -> str:
    """Mean over replicates, with the two chosen flags as labels `row` and `column`."""
    flags = f"max by (run, replicate, flag_$row, flag_$column) ({info})"
    joined = f"max by (run, replicate) ({series}) * on (run, replicate) group_left (flag_$row, flag_$column) {flags}"
    named = f'label_replace({joined}, "row", "$1", "flag_$row", "(.*)")'
    return f'avg by (run, row, column) (label_replace({named}, "column", "$1", "flag_$column", "(.*)"))'


def per_combination(series: str) -> str:
    """Mean over replicates, with every flag as a label: the left side of the join keeps its own."""
    return f"{FLAGS} * on (run) group_left () avg by (run) (max by (run, replicate) ({series}))"


RUNS_BY_STATE: Final = (
    'max by (state) (regsweep_operator_sweep_runs{namespace="$namespace", sweep="$sweep"}'
    ' or regsweep_operator_sweep_runs{exported_namespace="$namespace", sweep="$sweep"})'
)
"""The second one: as a scraper without honor_labels calls it, whose own label `namespace` is the operator's. Standbys report the
same values as the leader: their maximum, not their sum."""
GAP: Final = f"{VAL} - ignoring (split) {TRAIN}"
FINAL_GAP: Final = f"({final(VAL)}) - ignoring (split) ({final(TRAIN)})"
LEGEND: Final = "$row={{row}} $column={{column}}"


def target(expr: str, legend: str = "", ref: str = "A", *, table: bool = False) -> JsonObject:
    """One query; a table asks for one instant, a graph for the range."""
    query: JsonObject = {"refId": ref, "expr": expr, "datasource": {"type": "prometheus", "uid": "${datasource}"}}
    if table:
        return query | {"format": "table", "instant": True}
    return query | {"legendFormat": legend, "range": True}


def panel(
    kind: str,
    title: str,
    description: str,
    targets: list[JsonValue],
    place: tuple[int, int, int, int],
    **more: JsonValue,
) -> JsonObject:
    """A panel; place: x, y, width, height in Grafana's grid."""
    x, y, width, height = place
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "targets": targets,
        **more,
    }


def curves(title: str, description: str, expr: str, place: tuple[int, int, int, int]) -> JsonObject:
    """One line per run."""
    return panel(
        "timeseries",
        title,
        description,
        [target(expr, LEGEND)],
        place,
        fieldConfig={"defaults": {"custom": {"fillOpacity": 0, "showPoints": "never"}, "decimals": 3}, "overrides": []},
        options={
            "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"], "sortBy": "Last *"},
            "tooltip": {"mode": "multi", "sort": "asc"},
        },
    )


def panels() -> list[JsonObject]:
    """All panels, top to bottom."""
    ranked = [
        target(per_combination(final(VAL)), ref="val", table=True),
        target(per_combination(final(TRAIN)), ref="train", table=True),
        target(per_combination(FINAL_GAP), ref="gap", table=True),
        target(f"{FLAGS} * on (run) group_left () {FINISHED}", ref="replicates", table=True),
    ]
    return [
        panel(
            "bargauge",
            "Runs by state",
            "Combinations of the grid, as the operator counts them.",
            [target(RUNS_BY_STATE, "{{state}}")],
            (0, 0, 6, 8),
            options={"orientation": "horizontal", "displayMode": "basic", "reduceOptions": {"calcs": ["lastNotNull"]}},
        ),
        panel(
            "table",
            "Best: finished combinations, lowest $metric on val first",
            "Means over finished replicates. Click a header to sort by it, for a metric of which more is better too. "
            "Standard errors, ties and the pick stand in the sweep's status: kubectl get rsweep.",
            list(ranked),
            (6, 0, 18, 8),
            transformations=[
                {"id": "merge", "options": {}},
                {"id": "filterFieldsByName", "options": {"include": {"pattern": "^(flag_.*|Value #.*)$"}}},
                {
                    "id": "renameByRegex",
                    "options": {"regex": "^(?:flag_|Value #)(.*)$", "renamePattern": "$1"},
                },
            ],
            options={"sortBy": [{"displayName": "val", "desc": False}]},
            fieldConfig={"defaults": {"decimals": 4}, "overrides": []},
        ),
        curves(
            "Validation $metric per run",
            "Mean over the replicates that are being trained, after each epoch.",
            per_run(VAL),
            (0, 8, 12, 10),
        ),
        curves(
            "Train $metric per run",
            "In inference mode with the weights of the same epoch; while training, on a fixed sample of the training rows.",
            per_run(TRAIN),
            (12, 8, 12, 10),
        ),
        curves(
            "Overfit gap per run: val minus train",
            "Rises while a network learns its training rows by heart. Both sides have the same weights, in inference mode.",
            per_run(GAP),
            (0, 18, 12, 10),
        ),
        panel(
            "table",
            "Final $metric on val: $row by $column",
            "Mean over finished replicates, and over all other flags. Dark is high.",
            [target(matrix(), table=True)],
            (12, 18, 12, 10),
            transformations=[
                {
                    "id": "groupingToMatrix",
                    "options": {"rowField": "row", "columnField": "column", "valueField": "Value"},
                }
            ],
            fieldConfig={
                "defaults": {
                    "decimals": 4,
                    "color": {"mode": "continuous-blues"},
                    "custom": {"cellOptions": {"type": "color-background"}},
                },
                "overrides": [],
            },
        ),
    ]


def matrix() -> str:
    """The objective's final mean by two flags."""
    return f"avg by (row, column) ({per_run(final(VAL), FINAL_INFO)})"


def variable(name: str, label: str, query: str, current: str = "", **more: JsonValue) -> JsonObject:
    """A variable whose values Prometheus knows."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "current": {"text": current, "value": current} if current else {},
        **more,
    }


def dashboard() -> JsonObject:
    """The whole dashboard, as Grafana imports it."""
    return {
        "uid": UID,
        "title": "Sweep",
        "description": "One RegularizationSweep: how its runs go, and which combination generalises best.",
        "tags": ["regsweep"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
                variable("namespace", "Namespace", "label_values(regsweep_trainer_info, namespace)"),
                variable("sweep", "Sweep", 'label_values(regsweep_trainer_info{namespace="$namespace"}, sweep)'),
                variable(
                    "metric", "Metric", f"label_values(regsweep_trainer_metric{{{SWEEP}}}, metric)", "average_loss"
                ),
                variable("row", "Rows", "label_names()", "l2", regex="/^flag_(.+)$/"),
                variable("column", "Columns", "label_names()", "dropout", regex="/^flag_(.+)$/"),
            ]
        },
        "panels": [{"id": number} | entry for number, entry in enumerate(panels(), start=1)],
    }


def text() -> str:
    """What the file holds."""
    return json.dumps(dashboard(), indent=2) + "\n"


def main() -> int:
    """Writes the file, or with --check says whether it is current."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not current")
    if parser.parse_args().check:
        return 0 if TARGET.read_text() == text() else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
