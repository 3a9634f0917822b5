"""The dashboard *Sweep*: how the runs of one sweep go, and which combination generalises best."""

from __future__ import annotations

from typing import Final

from grafana import operators
from grafana.model import JsonObject, Panel, Query, bars, curves, dashboard, link, matrix, table, variable
from grafana.trainer import (
    FINAL_GAP,
    FINAL_INFO,
    FINISHED,
    FLAGS,
    METRICS,
    final,
    gap,
    metric,
    per_combination,
    per_run,
)
from regsweep.metrics import RUNS

UID: Final = "regsweep-sweep"
LEGEND: Final = "$row={{row}} $column={{column}}"

VARIABLES: Final[list[JsonObject]] = [
    variable("namespace", "Namespace", "label_values(regsweep_trainer_info, namespace)"),
    variable("sweep", "Sweep", 'label_values(regsweep_trainer_info{namespace="$namespace"}, sweep)'),
    variable("metric", "Metric", METRICS, "average_loss"),
    variable("row", "Rows", "label_names()", "l2", regex="/^flag_(.+)$/"),
    variable("column", "Columns", "label_names()", "dropout", regex="/^flag_(.+)$/"),
]

PANELS: Final[list[Panel]] = [
    bars(
        "Runs by state",
        "Combinations of the grid, as the operator counts them.",
        Query(operators.of_sweeps(RUNS, "state", '="$namespace"', 'sweep="$sweep"'), "{{state}}"),
    ),
    table(
        "Best: finished combinations, lowest $metric on val first",
        "Means over finished replicates. Click a header to sort by it, for a metric of which more is better too. "
        "Standard errors, ties and the pick stand in the sweep's status: kubectl get rsweep.",
        [
            Query(per_combination(final(metric("val"))), ref="val"),
            Query(per_combination(final(metric("train"))), ref="train"),
            Query(per_combination(FINAL_GAP), ref="gap"),
            Query(f"{FLAGS} * on (run) group_left () {FINISHED}", ref="replicates"),
        ],
        "^(flag_.*|Value #.*)$",
        rename="^(?:flag_|Value #)(.*)$",
        sort=("val", False),
        width=18,
        height=8,
    ),
    curves(
        "Validation $metric per run",
        "Mean over the replicates that are being trained, after each epoch.",
        [Query(per_run(metric("val")), LEGEND)],
    ),
    curves(
        "Train $metric per run",
        "In inference mode with the weights of the same epoch; while training, on a fixed sample of the training rows.",
        [Query(per_run(metric("train")), LEGEND)],
    ),
    curves(
        "Overfit gap per run: val minus train",
        "Rises while a network learns its training rows by heart. Both sides have the same weights, in inference mode.",
        [Query(per_run(gap()), LEGEND)],
        height=10,
    ),
    matrix(
        "Final $metric on val: $row by $column",
        "Mean over finished replicates, and over all other flags. Dark is high.",
        Query(f"avg by (row, column) ({per_run(final(metric('val')), FINAL_INFO)})"),
        "row",
        "column",
    ),
    curves(
        "GPU-hours",
        "Of trainings that have ended: it rises when one ends. 0 without a GPU.",
        [Query(operators.gpu_hours('="$namespace"', 'sweep="$sweep"'), "GPU-hours")],
        smallest=0,
        width=24,
    ),
]

DASHBOARD: Final = dashboard(
    UID,
    "Sweep",
    "One RegularizationSweep: how its runs go, and which combination generalises best.",
    VARIABLES,
    PANELS,
    [link("One run of this sweep", "regsweep-run", "namespace", "sweep"), link("All sweeps", "regsweep-fleet")],
)
