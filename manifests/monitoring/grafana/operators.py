"""PromQL over what operators expose: standbys report the same gauges as the leader, counters rise at the leader alone."""

from __future__ import annotations

from grafana.model import Query
from regsweep.metrics import SWEEP_GPU_SECONDS, MetricSpec


def of_sweeps(spec: MetricSpec, by: str, namespaces: str, matchers: str = "") -> str:
    """A gauge of sweeps by some of their labels: the maximum over operators.

    namespaces: operator and value that match the sweeps' namespace, such as `="ml"`. A scraper without honor_labels calls that
    label `exported_namespace`, and by `namespace` means the operator's own.
    """
    more = f", {matchers}" if matchers else ""
    plain = f'{spec.name}{{namespace{namespaces}, exported_namespace=""{more}}}'
    renamed = f'{spec.name}{{exported_namespace{namespaces}, exported_namespace!=""{more}}}'
    return f'max by ({by}) ({plain} or label_replace({renamed}, "namespace", "$1", "exported_namespace", "(.+)"))'


def gpu_hours(namespaces: str, matchers: str = "") -> str:
    """GPU-hours that each sweep has used."""
    return f"{of_sweeps(SWEEP_GPU_SECONDS, 'namespace, sweep', namespaces, matchers)} / 3600"


def gauge(spec: MetricSpec, by: str = "pod") -> str:
    """A gauge of the operators in the chosen namespace."""
    return f'max by ({by}) ({spec.name}{{namespace="$namespace"}})'


def rate(spec: MetricSpec, by: str, selector: str = "") -> str:
    """A counter's rate over all operators in the chosen namespace, per second."""
    more = f", {selector}" if selector else ""
    return f'sum by ({by}) (rate({spec.name}{{namespace="$namespace"{more}}}[$__rate_interval]))'


def quantile(spec: MetricSpec, share: float) -> str:
    """A histogram's quantile over all operators in the chosen namespace, in the metric's unit."""
    buckets = f'sum by (le) (rate({spec.name}_bucket{{namespace="$namespace"}}[$__rate_interval]))'
    return f"histogram_quantile({share}, {buckets})"


def quantiles(spec: MetricSpec) -> list[Query]:
    """The middle and the slow end of a histogram, one query each."""
    return [Query(quantile(spec, share), f"{share:.0%}", f"p{share * 100:.0f}") for share in (0.5, 0.99)]
