"""The dashboard *Operator*: who leads, what waits, how fast slots are filled, and what it asks of the API server."""

from __future__ import annotations

from typing import Final

from grafana import operators
from grafana.model import GREEN, ORANGE, RED, JsonObject, Panel, Query, curves, dashboard, link, number, variable
from regsweep.metrics import (
    ANALYSES,
    ANALYSIS_SECONDS,
    API_REQUESTS,
    INFORMER_AGE,
    INFORMER_OBJECTS,
    LEADER,
    LOOP_LAG,
    PROMETHEUS_QUERIES,
    QUEUE_AGE,
    QUEUE_DEPTH,
    RECONCILE_SECONDS,
    RECONCILE_TOTAL,
    RECORDS_STORED,
    REFILL_SECONDS,
    RUNS_CREATED,
)

UID: Final = "regsweep-operator"
WRITES: Final = 'verb=~"create|update|patch|delete"'
REFUSED: Final = 'code=~"0|4..|5..", code!~"404|409"'

VARIABLES: Final[list[JsonObject]] = [
    variable("namespace", "Operator's namespace", f"label_values({LEADER.name}, namespace)", "regsweep-system"),
]

PANELS: Final[list[Panel]] = [
    number(
        "Operators",
        "That Prometheus scrapes: the leader and its standbys.",
        Query(f'count({LEADER.name}{{namespace="$namespace"}}) or vector(0)'),
        thresholds={0: RED, 1: GREEN},
    ),
    number(
        "Leaders",
        "One is right. None for more than the duration of the Lease: nothing new is started.",
        Query(f'sum({LEADER.name}{{namespace="$namespace"}}) or vector(0)'),
        thresholds={0: RED, 1: GREEN, 2: RED},
    ),
    number(
        "Longest wait",
        "How long the sweep that waits longest for a worker has been due.",
        Query(operators.gauge(QUEUE_AGE, "namespace")),
        unit="s",
        thresholds={10: ORANGE, 60: RED},
    ),
    number(
        "Slot refill, 99 % within",
        "From observing a pod's end to the Job that takes its slot.",
        Query(
            f'histogram_quantile(0.99, sum by (le) (increase({REFILL_SECONDS.name}_bucket{{namespace="$namespace"}}[$__range])))'
        ),
        unit="s",
        thresholds={0.1: ORANGE, 1: RED},
    ),
    number(
        "Writes for each run",
        "Requests that change something, for each Job created, over the range.",
        Query(
            f'sum(increase({API_REQUESTS.name}{{namespace="$namespace", {WRITES}, resource!="leases"}}[$__range]))'
            f' / sum(increase({RUNS_CREATED.name}{{namespace="$namespace"}}[$__range]))'
        ),
    ),
    number(
        "Failed passes",
        "Passes over a sweep that ended in an error, over the range. The log names sweep and error.",
        Query(
            f'sum(increase({RECONCILE_TOTAL.name}{{namespace="$namespace", result="error"}}[$__range])) or vector(0)'
        ),
        thresholds={1: ORANGE, 10: RED},
    ),
    curves(
        "Jobs created and records stored, per minute",
        "What it is there for.",
        [
            Query(f"60 * {operators.rate(RUNS_CREATED, 'namespace')}", "Jobs created", "created"),
            Query(f"60 * {operators.rate(RECORDS_STORED, 'namespace')}", "records stored", "stored"),
        ],
        smallest=0,
    ),
    curves(
        "Slot refill",
        "Time from observing a pod's end to the creation of the Job that takes its slot. The goal is 99 % within 100 ms.",
        operators.quantiles(REFILL_SECONDS),
        unit="s",
        smallest=0,
    ),
    curves(
        "Passes over sweeps, per second",
        "ok: nothing or something was done; conflict: somebody else wrote first, it is tried again; error: see the log.",
        [Query(operators.rate(RECONCILE_TOTAL, "result"), "{{result}}")],
        unit="ops",
        width=8,
        smallest=0,
    ),
    curves(
        "Duration of a pass",
        "Requests included.",
        operators.quantiles(RECONCILE_SECONDS),
        unit="s",
        width=8,
        smallest=0,
    ),
    curves(
        "Sweeps that wait for a worker",
        "Due now, and not yet looked at.",
        [Query(operators.gauge(QUEUE_DEPTH, "namespace"), "waiting")],
        width=8,
        smallest=0,
    ),
    curves(
        "Requests to the API server, per second",
        "By verb. Watches count when they begin.",
        [Query(operators.rate(API_REQUESTS, "verb"), "{{verb}}")],
        unit="reqps",
        width=8,
        smallest=0,
    ),
    curves(
        "Requests refused, per second",
        "By code; 0: no answer. Not found and conflicts are left out: they are part of the work.",
        [Query(operators.rate(API_REQUESTS, "code, verb, resource", REFUSED), "{{code}} {{verb}} {{resource}}")],
        unit="reqps",
        width=8,
        smallest=0,
    ),
    curves(
        "Queries and analyses, per minute",
        "Queries to Prometheus, and statistical analyses, by result.",
        [
            Query(f"60 * {operators.rate(PROMETHEUS_QUERIES, 'result')}", "queries {{result}}", "queries"),
            Query(f"60 * {operators.rate(ANALYSES, 'result')}", "analyses {{result}}", "analyses"),
        ],
        width=8,
        smallest=0,
    ),
    curves(
        "Duration of an analysis",
        "Including the start of its process.",
        operators.quantiles(ANALYSIS_SECONDS),
        unit="s",
        width=8,
        smallest=0,
    ),
    curves(
        "Age of what it knows",
        "Time since each informer last heard from the API server; a watch is renewed at least every ten minutes.",
        [Query(operators.gauge(INFORMER_AGE, "resource"), "{{resource}}")],
        unit="s",
        width=8,
        smallest=0,
    ),
    curves(
        "Objects it knows, and its delay",
        "Objects in its caches; the delay of its event loop is what everything else waits for.",
        [
            Query(operators.gauge(INFORMER_OBJECTS, "resource"), "{{resource}}", "objects"),
            Query(f"1000 * {operators.gauge(LOOP_LAG)}", "delay of {{pod}}, ms", "delay"),
        ],
        width=8,
        smallest=0,
    ),
]

DASHBOARD: Final = dashboard(
    UID,
    "Operator",
    "The operator of regsweep: who leads, what waits, and what it asks of the API server.",
    VARIABLES,
    PANELS,
    [link("All sweeps", "regsweep-fleet")],
)
