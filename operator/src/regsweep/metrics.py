"""The operator's own metrics. Each is declared once, in METRICS; instruments, reference page, rules and dashboards take it from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class MetricType(StrEnum):
    """Types of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: what it is called, what it counts, and what its labels may hold."""

    name: str
    type: MetricType
    help: str
    labels: Mapping[str, str]
    """Label to what it may hold."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram."""


_SWEEP_LABELS: Final = {"namespace": "the sweep's namespace", "sweep": "the sweep's name"}
_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""A pass takes 10 ms and a slot is to be refilled within 100 ms: finest there."""

RECONCILE_TOTAL: Final = MetricSpec(
    "regsweep_operator_reconcile_total",
    MetricType.COUNTER,
    "Passes over a sweep, by result.",
    {"result": "ok, conflict, error"},
)
RECONCILE_SECONDS: Final = MetricSpec(
    "regsweep_operator_reconcile_time_seconds",
    MetricType.HISTOGRAM,
    "Duration of a pass over a sweep, in seconds.",
    {},
    _SECONDS,
)
REFILL_SECONDS: Final = MetricSpec(
    "regsweep_operator_slot_refill_seconds",
    MetricType.HISTOGRAM,
    "Seconds from the news of a pod's end to the creation of the Job that takes its slot.",
    {},
    _SECONDS,
)
API_REQUESTS: Final = MetricSpec(
    "regsweep_operator_api_requests_total",
    MetricType.COUNTER,
    "Requests to the API server; writes are create, update, patch and delete.",
    {
        "verb": "get, list, watch, create, update, patch, delete",
        "resource": "plural, with subresource",
        "code": "HTTP status, 0 without an answer",
    },
)
PROMETHEUS_QUERIES: Final = MetricSpec(
    "regsweep_operator_prometheus_queries_total",
    MetricType.COUNTER,
    "Questions to Prometheus, by result.",
    {"result": "ok, error"},
)
ANALYSES: Final = MetricSpec(
    "regsweep_operator_analyses_total",
    MetricType.COUNTER,
    "Statistical analyses of sweeps, each in a process of its own, by result.",
    {"result": "ok, error"},
)
ANALYSIS_SECONDS: Final = MetricSpec(
    "regsweep_operator_analysis_time_seconds",
    MetricType.HISTOGRAM,
    "Duration of a statistical analysis, its process' start included, in seconds.",
    {},
    _SECONDS,
)
RUNS_CREATED: Final = MetricSpec(
    "regsweep_operator_jobs_created_total", MetricType.COUNTER, "Training Jobs created.", {}
)
RECORDS_STORED: Final = MetricSpec(
    "regsweep_operator_records_stored_total", MetricType.COUNTER, "Records accepted by the API server.", {}
)
QUEUE_DEPTH: Final = MetricSpec(
    "regsweep_operator_workqueue_depth", MetricType.GAUGE, "Sweeps that are due and wait for a worker.", {}
)
QUEUE_AGE: Final = MetricSpec(
    "regsweep_operator_workqueue_head_age_seconds",
    MetricType.GAUGE,
    "How long the sweep that waits longest has been due, in seconds; 0 when none waits.",
    {},
)
INFORMER_AGE: Final = MetricSpec(
    "regsweep_operator_informer_age_seconds",
    MetricType.GAUGE,
    "Seconds since an informer last heard from the API server; absent before its first list.",
    {"resource": "plural"},
)
INFORMER_OBJECTS: Final = MetricSpec(
    "regsweep_operator_informer_objects", MetricType.GAUGE, "Objects in an informer's cache.", {"resource": "plural"}
)
LEADER: Final = MetricSpec("regsweep_operator_leader", MetricType.GAUGE, "1 while this operator holds the lease.", {})
LOOP_LAG: Final = MetricSpec(
    "regsweep_operator_loop_lag_seconds", MetricType.GAUGE, "How late the event loop last woke a timer, in seconds.", {}
)
SWEEPS: Final = MetricSpec(
    "regsweep_operator_sweeps",
    MetricType.GAUGE,
    "Sweeps by state.",
    {"state": "Pending, Running, Suspended, Complete, Failed, Invalid"},
)
RUNS: Final = MetricSpec(
    "regsweep_operator_sweep_runs",
    MetricType.GAUGE,
    "Runs of a sweep by state; nothing remains of a sweep that was deleted.",
    {**_SWEEP_LABELS, "state": "pending, running, succeeded, failed"},
)

METRICS: Final[tuple[MetricSpec, ...]] = (
    RECONCILE_TOTAL,
    RECONCILE_SECONDS,
    REFILL_SECONDS,
    API_REQUESTS,
    PROMETHEUS_QUERIES,
    ANALYSES,
    ANALYSIS_SECONDS,
    RUNS_CREATED,
    RECORDS_STORED,
    QUEUE_DEPTH,
    QUEUE_AGE,
    INFORMER_AGE,
    INFORMER_OBJECTS,
    LEADER,
    LOOP_LAG,
    SWEEPS,
    RUNS,
)

Readings = Iterable[tuple[Mapping[str, str], float]]
"""Values of a gauge, each with its labels."""


class Metrics:
    """The instruments, in a registry of their own: two operators in one process do not meet.

    Counters and histograms are told what happens; gauges are read when scraped, from what `read_gauge` was given, so that
    what is gone leaves nothing behind.
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
        """Sets where the gauge's values are read when it is scraped."""
        if spec.type is not MetricType.GAUGE:
            raise ValueError(f"{spec.name} is a {spec.type}, only gauges are read")
        self._readers[spec.name] = reader

    def value(self, spec: MetricSpec, **labels: str) -> float:
        """The present value of a counter or gauge; 0 where it has none."""
        name = spec.name
        return self.registry.get_sample_value(name, labels) or 0.0


class _Gauges(Collector):
    """All gauges, built anew at each scrape."""

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
