"""The operator's own metrics. Defining one here registers it: instruments, docs/operator.md and dashboards take it from METRICS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from regsweep.api.conditions import Reason
from regsweep.api.status import SweepState


class MetricType(StrEnum):
    """Types of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: its name, what it measures, and what its labels may hold."""

    name: str
    type: MetricType
    unit: str
    """`seconds`, or what is counted."""
    help: str
    labels: Mapping[str, str]
    """Label -> what it may hold."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in the unit, without infinity."""
    known: tuple[str, ...] = ()
    """All values of a counter's only label: their series begin at 0, so that a first failure is an increase."""


_SWEEP_LABELS: Final = {"namespace": "the sweep's namespace", "sweep": "the sweep's name"}
_OUTCOMES: Final = ("ok", "error")
_RESULT: Final = {"result": ", ".join(_OUTCOMES)}
_PASS_RESULTS: Final = ("ok", "delayed", "conflict", "error")

RECONCILE_TOTAL: Final = MetricSpec(
    "regsweep_operator_reconcile_total",
    MetricType.COUNTER,
    "passes",
    "Passes over a sweep, by result; delayed: the API server asked to wait; conflict: another has written.",
    {"result": ", ".join(_PASS_RESULTS)},
    known=_PASS_RESULTS,
)
RECONCILE_SECONDS: Final = MetricSpec(
    "regsweep_operator_reconcile_time_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    "Duration of a pass over a sweep.",
    {},
    # Most passes take about 10 ms. One that waits for the API server may take api_timeout_seconds (30) for each request.
    (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0, 60.0),
)
REFILL_SECONDS: Final = MetricSpec(
    "regsweep_operator_slot_refill_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    "Time from observing a pod's end to the creation of the Job that takes its slot.",
    {},
    # The goal is a 99th percentile under 100 ms (docs/bench-control-loop.md): finest just below and above it.
    (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0, 30.0),
)
API_REQUESTS: Final = MetricSpec(
    "regsweep_operator_api_requests_total",
    MetricType.COUNTER,
    "requests",
    "Requests to the API server; create, update, patch and delete are writes.",
    {
        "verb": "get, list, watch, create, update, patch, delete",
        "resource": "plural, with subresource",
        "code": "HTTP status, 0 without an answer",
    },
)
PROMETHEUS_QUERIES: Final = MetricSpec(
    "regsweep_operator_prometheus_queries_total",
    MetricType.COUNTER,
    "queries",
    "Queries to Prometheus, by result.",
    _RESULT,
    known=_OUTCOMES,
)
ANALYSES: Final = MetricSpec(
    "regsweep_operator_analyses_total",
    MetricType.COUNTER,
    "analyses",
    "Statistical analyses of sweeps, each in a process of its own, by result.",
    _RESULT,
    known=_OUTCOMES,
)
ANALYSIS_SECONDS: Final = MetricSpec(
    "regsweep_operator_analysis_time_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    "Duration of a statistical analysis, including the start of its process.",
    {},
    # The start of the process takes about 0.5 s, 10,000 combinations about 3 s; it is stopped after 600 s.
    (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
RUNS_CREATED: Final = MetricSpec(
    "regsweep_operator_jobs_created_total", MetricType.COUNTER, "Jobs", "Training Jobs created.", {}
)
RUNS_MOVED: Final = MetricSpec(
    "regsweep_operator_jobs_moved_total",
    MetricType.COUNTER,
    "Jobs",
    "Training Jobs created in place of another one: away from a node that ended it, or for the replicates that were missing.",
    {},
)
RECORDS_STORED: Final = MetricSpec(
    "regsweep_operator_records_stored_total",
    MetricType.COUNTER,
    "records",
    "Records stored in SweepResults.",
    {},
)
GPU_SECONDS: Final = MetricSpec(
    "regsweep_operator_gpu_seconds_total",
    MetricType.COUNTER,
    "seconds",
    "GPU-seconds of trainings whose records were stored, by namespace; deleted sweeps stay counted.",
    {"namespace": _SWEEP_LABELS["namespace"]},
)
REFUSED_RECORDS: Final = (Reason.INVALID_RECORD, Reason.NO_RECORD, Reason.DATA_CHANGED)
"""Why what a trainer left is not taken as a result."""
RECORDS_REFUSED: Final = MetricSpec(
    "regsweep_operator_records_refused_total",
    MetricType.COUNTER,
    "records",
    "Replicates that are stored as failed since what the trainer left breaks the contract, is missing, or rests on other data.",
    {"reason": ", ".join(reason.value for reason in REFUSED_RECORDS)},
    known=tuple(reason.value for reason in REFUSED_RECORDS),
)
QUEUE_DEPTH: Final = MetricSpec(
    "regsweep_operator_workqueue_depth",
    MetricType.GAUGE,
    "sweeps",
    "Sweeps that are due and wait for a worker.",
    {},
)
QUEUE_AGE: Final = MetricSpec(
    "regsweep_operator_workqueue_head_age_seconds",
    MetricType.GAUGE,
    "seconds",
    "Time that the longest waiting sweep has been due; 0 when none waits.",
    {},
)
INFORMER_AGE: Final = MetricSpec(
    "regsweep_operator_informer_age_seconds",
    MetricType.GAUGE,
    "seconds",
    "Time since an informer last heard from the API server; absent before its first list.",
    {"resource": "plural"},
)
INFORMER_OBJECTS: Final = MetricSpec(
    "regsweep_operator_informer_objects",
    MetricType.GAUGE,
    "objects",
    "Objects in an informer's cache.",
    {"resource": "plural"},
)
LEADER: Final = MetricSpec(
    "regsweep_operator_leader", MetricType.GAUGE, "0 or 1", "1 while this operator holds the lease.", {}
)
LOOP_LAG: Final = MetricSpec(
    "regsweep_operator_loop_lag_seconds",
    MetricType.GAUGE,
    "seconds",
    "Delay of the event loop when it last woke a timer.",
    {},
)
SWEEPS: Final = MetricSpec(
    "regsweep_operator_sweeps",
    MetricType.GAUGE,
    "sweeps",
    "Sweeps by state.",
    {"state": ", ".join(SweepState)},
)
SWEEP_STATE: Final = MetricSpec(
    "regsweep_operator_sweep_state",
    MetricType.GAUGE,
    "1",
    "1 for the state that a sweep is in; a deleted sweep has no series.",
    {**_SWEEP_LABELS, "state": ", ".join(SweepState)},
)
RUNS: Final = MetricSpec(
    "regsweep_operator_sweep_runs",
    MetricType.GAUGE,
    "runs",
    "Runs of a sweep by state; a deleted sweep has no series.",
    {**_SWEEP_LABELS, "state": "pending, running, succeeded, failed"},
)
SWEEP_GPU_SECONDS: Final = MetricSpec(
    "regsweep_operator_sweep_gpu_seconds",
    MetricType.GAUGE,
    "seconds",
    "GPU-seconds that a sweep has used; a deleted sweep has no series.",
    _SWEEP_LABELS,
)
SWEEP_BUDGET_GPU_SECONDS: Final = MetricSpec(
    "regsweep_operator_sweep_budget_gpu_seconds",
    MetricType.GAUGE,
    "seconds",
    "GPU-seconds that a sweep may use; a sweep without spec.budget.maxGpuSeconds has no series.",
    _SWEEP_LABELS,
)

METRICS: Final = tuple(value for value in globals().values() if isinstance(value, MetricSpec))
"""All metrics that are defined above, in that order."""

Readings = Iterable[tuple[Mapping[str, str], float]]
"""Values of a gauge, each with its labels."""


class Metrics:
    """The instruments, in a registry of their own, so that two operators in one process stay apart.

    Counters and histograms are updated as things happen. Gauges are read when scraped, by the function given to
    `read_gauge`, so that a deleted sweep leaves no series behind.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._counters = {
            spec.name: Counter(spec.name, spec.help, tuple(spec.labels), registry=self.registry)
            for spec in METRICS
            if spec.type is MetricType.COUNTER
        }
        self._histograms = {
            spec.name: Histogram(spec.name, spec.help, tuple(spec.labels), buckets=spec.buckets, registry=self.registry)
            for spec in METRICS
            if spec.type is MetricType.HISTOGRAM
        }
        for spec in METRICS:
            for value in spec.known:
                self._counters[spec.name].labels(value)
        self._readers: dict[str, Callable[[], Readings]] = {}
        self.registry.register(_Gauges(self._readers))

    def count(self, spec: MetricSpec, amount: float = 1, **labels: str) -> None:
        """Adds to a counter."""
        counter = self._counters[spec.name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def observe(self, spec: MetricSpec, value: float) -> None:
        """Adds a value to a histogram."""
        self._histograms[spec.name].observe(value)

    def read_gauge(self, spec: MetricSpec, reader: Callable[[], Readings]) -> None:
        """Sets the function that gives the gauge's values when it is scraped."""
        if spec.type is not MetricType.GAUGE:
            raise ValueError(f"{spec.name} is a {spec.type}, only gauges are read")
        self._readers[spec.name] = reader

    def value(self, spec: MetricSpec, **labels: str) -> float:
        """The present value of a counter or gauge; 0 if it has none."""
        name = spec.name
        return self.registry.get_sample_value(name, labels) or 0.0


class _Gauges(Collector):
    """All gauges, built at each scrape."""

    def __init__(self, readers: Mapping[str, Callable[[], Readings]]) -> None:
        self._readers = readers

    def collect(self) -> Iterator[Metric]:
        """The gauges that have a reader."""
        for spec in METRICS:
            reader = self._readers.get(spec.name)
            if reader is None:
                continue
            family = GaugeMetricFamily(spec.name, spec.help, labels=tuple(spec.labels))
            for labels, value in reader():
                family.add_metric([labels[name] for name in spec.labels], value)
            yield family
