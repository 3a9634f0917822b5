"""The dashboard *Fleet*: all sweeps of the cluster, who uses how much of it, and what waits."""

from __future__ import annotations

from typing import Final

from grafana.model import ORANGE, JsonObject, Panel, Query, bars, curves, dashboard, link, number, table, variable
from grafana.operators import gpu_hours, of_sweeps
from regsweep.api.status import SweepState
from regsweep.metrics import RUNS, SWEEP_STATE

UID: Final = "regsweep-fleet"
CHOSEN: Final = '=~"$namespace"'


def runs(state: str, by: str = "namespace, sweep") -> str:
    """Runs of each sweep in that state."""
    return of_sweeps(RUNS, by, CHOSEN, f'state="{state}"')


def sweeps(state: SweepState) -> str:
    """The sweeps that are in that state."""
    return of_sweeps(SWEEP_STATE, "namespace, sweep", CHOSEN, f'state="{state.value}"') + " == 1"


def total(value: str) -> str:
    """The sum, and 0 where there is nothing to add."""
    return f"sum({value}) or vector(0)"


VARIABLES: Final[list[JsonObject]] = [
    variable(
        "namespace",
        "Namespaces",
        f"label_values({SWEEP_STATE.name}, namespace)",
        "All",
        multi=True,
        includeAll=True,
        allValue=".+",
    ),
]

WAITING: Final = f"({runs('pending')} > 0) unless on (namespace, sweep) ({runs('running')} > 0)"
"""Sweeps of which something waits and nothing trains."""

PANELS: Final[list[Panel]] = [
    number("Sweeps that train", "State Running.", Query(f"count({sweeps(SweepState.RUNNING)}) or vector(0)")),
    number(
        "Runs in training",
        "A pod trains, or has ended and its record is being collected.",
        Query(total(runs("running"))),
    ),
    number("Runs that wait", "Of all sweeps: for a slot, a queue, a quota or a GPU.", Query(total(runs("pending")))),
    number("Runs that ended well", "With a result stored.", Query(total(runs("succeeded")))),
    number(
        "Runs that failed",
        "Of sweeps that still exist.",
        Query(total(runs("failed"))),
        thresholds={1: ORANGE},
    ),
    number(
        "Sweeps that stand still",
        "Runs wait, and none trains: the sweep's conditions say for what.",
        Query(f"count({WAITING}) or vector(0)"),
        thresholds={1: ORANGE},
    ),
    curves(
        "Runs in training, by namespace",
        "Who uses the cluster.",
        [Query(f"sum by (namespace) ({runs('running')})", "{{namespace}}")],
        smallest=0,
    ),
    curves(
        "Runs that wait, by namespace",
        "Who would like to.",
        [Query(f"sum by (namespace) ({runs('pending')})", "{{namespace}}")],
        smallest=0,
    ),
    curves(
        "GPU-hours, by namespace",
        "Of trainings that have ended, in sweeps that still exist.",
        [Query(f"sum by (namespace) ({gpu_hours(CHOSEN)})", "{{namespace}}")],
        smallest=0,
        width=24,
    ),
    bars(
        "Sweeps by state",
        "All that exist.",
        Query(f"count by (state) ({of_sweeps(SWEEP_STATE, 'namespace, sweep, state', CHOSEN)} == 1)", "{{state}}"),
        width=6,
        height=10,
    ),
    table(
        "Sweeps",
        "Runs of each, by state, and the GPU-hours of its trainings that have ended.",
        [
            *(Query(runs(state), ref=state) for state in ("running", "pending", "succeeded", "failed")),
            Query(gpu_hours(CHOSEN), ref="GPU-hours"),
        ],
        "^(namespace|sweep|Value #.*)$",
        sort=("running", True),
        width=18,
        height=10,
    ),
]

DASHBOARD: Final = dashboard(
    UID,
    "Fleet",
    "All sweeps: who trains, and what waits.",
    VARIABLES,
    PANELS,
    [link("The operator", "regsweep-operator")],
)
