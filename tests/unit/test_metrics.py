"""The operator's own metrics: declared once, named by the conventions of Prometheus, with buckets that fit what they measure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

import regsweep
from regsweep import metrics
from regsweep.controller.queues.analysis_process import TIMEOUT_SECONDS
from regsweep.metrics import (
    ANALYSIS_SECONDS,
    METRICS,
    RECONCILE_SECONDS,
    REFILL_SECONDS,
    Metrics,
    MetricSpec,
    MetricType,
)
from regsweep.operator_reference import operator_page
from regsweep.settings import Settings

SOURCE = Path(regsweep.__file__).parent
REFILL_GOAL_SECONDS = 0.1
"""docs/bench-control-loop.md: the 99th percentile of a refill."""

each_metric = pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)


def test_no_two_metrics_have_one_name() -> None:
    assert len({spec.name for spec in METRICS}) == len(METRICS) > 0


@each_metric
def test_names_follow_the_conventions(spec: MetricSpec) -> None:
    assert spec.name.startswith("regsweep_operator_")
    assert spec.name.endswith("_total") == (spec.type is MetricType.COUNTER)
    assert spec.name.removesuffix("_total").endswith("_seconds") == (spec.unit == "seconds")
    assert spec.help.endswith(".")
    assert bool(spec.buckets) == (spec.type is MetricType.HISTOGRAM)
    assert list(spec.buckets) == sorted(set(spec.buckets))


@each_metric
def test_a_defined_metric_is_exposed_and_on_the_page(spec: MetricSpec) -> None:
    instruments = Metrics()
    if spec.type is MetricType.GAUGE:
        instruments.read_gauge(spec, lambda: [(dict.fromkeys(spec.labels, "x"), 1.0)])
    exposed = generate_latest(instruments.registry).decode()
    assert f"# HELP {spec.name} {spec.help}" in exposed
    assert f"| `{spec.name}` | {spec.type} | {spec.unit} |" in operator_page()


@each_metric
def test_each_known_value_is_counted_from_the_start_so_that_a_first_failure_is_an_increase(spec: MetricSpec) -> None:
    exposed = generate_latest(Metrics().registry).decode()
    assert bool(spec.known) == (spec.labels.keys() in ({"result"}, {"reason"}))
    for value in spec.known:
        (label,) = spec.labels
        assert f'{spec.name}{{{label}="{value}"}} 0.0' in exposed


@each_metric
def test_a_defined_metric_is_used(spec: MetricSpec) -> None:
    (constant,) = (name for name, value in vars(metrics).items() if value is spec)
    users = [
        path for path in SOURCE.glob("controller/**/*.py") if re.search(rf"\b{constant}\b", path.read_text("utf-8"))
    ]
    assert users, "nothing counts, observes or reads it"


@pytest.mark.parametrize(
    ("spec", "most"),
    [
        pytest.param(ANALYSIS_SECONDS, TIMEOUT_SECONDS, id="an analysis, until it is stopped"),
        pytest.param(
            RECONCILE_SECONDS,
            Settings.model_fields["api_timeout_seconds"].default,
            id="a pass, with a request that takes its whole time-out",
        ),
    ],
)
def test_buckets_reach_as_far_as_what_they_measure_can_take(spec: MetricSpec, most: float) -> None:
    assert most in spec.buckets


def test_the_goal_of_a_refill_is_a_bound_with_finer_ones_on_both_sides() -> None:
    place = REFILL_SECONDS.buckets.index(REFILL_GOAL_SECONDS)
    below, goal, above = REFILL_SECONDS.buckets[place - 1 : place + 2]
    assert goal / below < 1.5
    assert above / goal <= 1.5


def test_a_counter_cannot_be_read_like_a_gauge() -> None:
    with pytest.raises(ValueError, match="only gauges are read"):
        Metrics().read_gauge(metrics.ANALYSES, list)
