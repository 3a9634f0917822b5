"""What the chart's values of Prometheus do: address, labels, and what goes with each query."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from support.chart import Rendering, environment, operator, operator_pod, shows_what_it_does
from support.helm import Helm

TOGGLES: list[tuple[str, str, Callable[[Rendering], bool]]] = [
    (
        "a token for Prometheus comes from a Secret",
        "prometheus.url=https://p,prometheus.tokenSecret.name=login,prometheus.tokenSecret.key=bearer",
        lambda m: (
            environment(m)["REGSWEEP_PROMETHEUS_TOKEN_FILE"] == f"{operator(m)['volumeMounts'][0]['mountPath']}/token"
            and operator_pod(m)["spec"]["volumes"][0]["projected"]["sources"]
            == [{"secret": {"name": "login", "items": [{"key": "bearer", "path": "token"}]}}]
        ),
    ),
    (
        "user name, authorities and client certificate for Prometheus come from Secrets and a ConfigMap",
        "prometheus.url=https://p,prometheus.basicAuthSecret.name=login,prometheus.ca.configMapName=ca,"
        "prometheus.ca.key=bundle.pem,prometheus.clientCertificateSecret.name=pair",
        lambda m: (
            [
                (kind, source["name"], [(item["key"], item["path"]) for item in source["items"]])
                for each in operator_pod(m)["spec"]["volumes"][0]["projected"]["sources"]
                for kind, source in each.items()
            ]
            == [
                ("secret", "login", [("username", "username"), ("password", "password")]),
                ("configMap", "ca", [("bundle.pem", "ca")]),
                ("secret", "pair", [("tls.crt", "certificate"), ("tls.key", "key")]),
            ]
            and {name: value for name, value in environment(m).items() if name.endswith("_FILE") and value}
            == {
                f"REGSWEEP_PROMETHEUS_{path.upper()}_FILE": f"/etc/regsweep/prometheus/{path}"
                for path in ("username", "password", "ca", "certificate", "key")
            }
        ),
    ),
    (
        "the operator's own token may be what Prometheus wants (OpenShift)",
        "prometheus.url=https://p,prometheus.serviceAccountToken=true",
        lambda m: (
            environment(m)["REGSWEEP_PROMETHEUS_TOKEN_FILE"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
            and "volumes" not in operator_pod(m)["spec"]
        ),
    ),
    (
        "a tenant's header and parameters go with each query",
        "prometheus.url=https://p,prometheus.headers.X-Scope-OrgID=team-a,prometheus.parameters.dedup=yes,"
        "prometheus.enforcedNamespace=monitoring",
        lambda m: (
            json.loads(environment(m)["REGSWEEP_PROMETHEUS_HEADERS"]) == {"X-Scope-OrgID": "team-a"}
            and json.loads(environment(m)["REGSWEEP_PROMETHEUS_PARAMETERS"]) == {"dedup": "yes"}
            and environment(m)["REGSWEEP_PROMETHEUS_ENFORCED_NAMESPACE"] == "monitoring"
        ),
    ),
    (
        "labels of the trainers' series are a setting",
        "prometheus.namespaceLabel=ns,prometheus.podLabel=pod_name",
        lambda m: (
            environment(m)["REGSWEEP_PROMETHEUS_NAMESPACE_LABEL"] == "ns"
            and environment(m)["REGSWEEP_PROMETHEUS_POD_LABEL"] == "pod_name"
        ),
    ),
]


@pytest.mark.parametrize(("values", "holds"), [pytest.param(v, h, id=i) for i, v, h in TOGGLES])
def test_a_value_does_what_it_says(
    helm: Helm, defaults: Rendering, values: str, holds: Callable[[Rendering], bool]
) -> None:
    shows_what_it_does(helm, defaults, values, holds)
