"""What each value of the chart does that concerns Prometheus' and Grafana's finding it: monitors, alerts, dashboards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.chart import Rendering, kinds, says, shows_what_it_does
from support.helm import Helm, one

HERE = {"matchNames": ["regsweep-system"]}

TOGGLES: list[tuple[str, str, Callable[[Rendering], bool]]] = [
    (
        "a ServiceMonitor may take the place of the PodMonitor",
        "serviceMonitor.enabled=true",
        lambda m: (
            one(m, "ServiceMonitor", "regsweep-operator")["spec"]["endpoints"][0]["honorLabels"]
            and one(m, "ServiceMonitor", "regsweep-operator")["spec"]["selector"]["matchLabels"].items()
            <= one(m, "Service", "regsweep-metrics")["metadata"]["labels"].items()
        ),
    ),
    (
        "a scrape of a trainer has a limit",
        "podMonitors.trainers.enabled=true,podMonitors.trainers.sampleLimit=900",
        lambda m: one(m, "PodMonitor", "regsweep-trainers")["spec"]["sampleLimit"] == 900,
    ),
    (
        "alerts link to runbooks where these are to be had",
        "prometheusRule.enabled=true,prometheusRule.runbookBaseUrl=https://wiki.test/r/,prometheusRule.alertLabels.team=ml",
        lambda m: all(
            rule["annotations"]["runbook_url"] == f"https://wiki.test/r/{rule['alert']}.md"
            and rule["labels"].keys() == {"severity", "team"}
            for group in one(m, "PrometheusRule", "regsweep")["spec"]["groups"]
            for rule in group["rules"]
            if "alert" in rule
        ),
    ),
    ("annotations for scraping can be left out", "scrapeAnnotations=false", lambda m: not says("prometheus.io/", m)),
    ("the Service can be left out", "metricsService.enabled=false", lambda m: "Service" not in kinds(m)),
    ("dashboards can be left out", "dashboards.enabled=false", lambda m: "ConfigMap" not in kinds(m)),
    (
        "dashboards may stand in Grafana's namespace",
        "dashboards.namespace=grafana",
        lambda m: (
            one(m, "ConfigMap", "regsweep-dashboard-sweep")["metadata"]["namespace"] == "grafana"
            and one(m, "ConfigMap", "regsweep-dashboard-sweep")["metadata"]["labels"]["grafana_dashboard"] == "1"
        ),
    ),
    (
        "a monitor finds trainers in all namespaces",
        "podMonitors.trainers.enabled=true,podMonitors.labels.release=stack",
        lambda m: (
            one(m, "PodMonitor", "regsweep-trainers")["spec"]["namespaceSelector"] == {"any": True}
            and one(m, "PodMonitor", "regsweep-trainers")["metadata"]["labels"]["release"] == "stack"
        ),
    ),
    (
        "a monitor finds the operator and keeps the sweeps' namespaces",
        "podMonitors.operator.enabled=true",
        lambda m: bool(one(m, "PodMonitor", "regsweep-operator")["spec"]["podMetricsEndpoints"][0]["honorLabels"]),
    ),
    (
        "monitors may stand where Prometheus looks for them",
        "podMonitors.trainers.enabled=true,podMonitors.operator.enabled=true,podMonitors.namespace=monitoring",
        lambda m: (
            {o["metadata"]["namespace"] for o in m if o["kind"] == "PodMonitor"} == {"monitoring"}
            and one(m, "PodMonitor", "regsweep-trainers")["spec"]["namespaceSelector"] == {"any": True}
            and one(m, "PodMonitor", "regsweep-operator")["spec"]["namespaceSelector"] == HERE
        ),
    ),
    (
        "the ServiceMonitor may stand there, too",
        "serviceMonitor.enabled=true,serviceMonitor.namespace=monitoring",
        lambda m: (
            one(m, "ServiceMonitor", "regsweep-operator")["metadata"]["namespace"] == "monitoring"
            and one(m, "ServiceMonitor", "regsweep-operator")["spec"]["namespaceSelector"] == HERE
        ),
    ),
    (
        "alerts may stand where Prometheus looks for them",
        "prometheusRule.enabled=true,prometheusRule.namespace=monitoring",
        lambda m: one(m, "PrometheusRule", "regsweep")["metadata"]["namespace"] == "monitoring",
    ),
]


@pytest.mark.parametrize(("values", "holds"), [pytest.param(v, h, id=i) for i, v, h in TOGGLES])
def test_a_value_does_what_it_says(
    helm: Helm, defaults: Rendering, values: str, holds: Callable[[Rendering], bool]
) -> None:
    shows_what_it_does(helm, defaults, values, holds)
