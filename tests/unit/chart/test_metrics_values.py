"""/metrics behind TLS and a login: operator, probes and monitors are set by the same values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from support.chart import environment, operator, operator_pod
from support.helm import Helm, Manifest, one

TLS = "metrics.tls.secretName=pair"
TOKEN = "metrics.tokenSecret.name=login"
CLIENTS = "metrics.clientCertificate.caSecretName=clients,metrics.clientCertificate.secretName=prometheus"


def endpoint(manifests: list[Manifest], kind: str) -> Mapping[str, Any]:
    """How the monitor reaches the operator."""
    spec = one(manifests, kind, "regsweep-operator")["spec"]
    found: Mapping[str, Any] = spec["endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"][0]
    return found


def test_by_default_nothing_of_it_is_there(helm: Helm, defaults: list[Manifest]) -> None:
    names = ("HTTP_CERTIFICATE_FILE", "HTTP_KEY_FILE", "METRICS_TOKEN_FILE", "METRICS_CLIENT_CA_FILE")
    assert not any(environment(defaults)[f"REGSWEEP_{name}"] for name in names)
    assert operator(defaults)["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert "volumes" not in operator_pod(defaults)["spec"]
    monitored = helm.template("--set", "serviceMonitor.enabled=true")
    assert endpoint(monitored, "ServiceMonitor").keys() == {"port", "interval", "honorLabels"}


def test_the_operator_and_its_probes_speak_tls_by_the_files_that_are_mounted(helm: Helm) -> None:
    manifests = helm.template("--set", f"{TLS},{TOKEN},{CLIENTS},metrics.tls.keyKey=private")
    folder = "/etc/regsweep/metrics"
    assert operator(manifests)["volumeMounts"] == [{"name": "metrics-login", "mountPath": folder, "readOnly": True}]
    sources = operator_pod(manifests)["spec"]["volumes"][0]["projected"]["sources"]
    mounted = {
        f"{folder}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in sources
        for item in source["secret"]["items"]
    }
    found = environment(manifests)
    assert {
        name: mounted[found[f"REGSWEEP_{name}_FILE"]]
        for name in ("HTTP_CERTIFICATE", "HTTP_KEY", "METRICS_TOKEN", "METRICS_CLIENT_CA")
    } == {
        "HTTP_CERTIFICATE": ("pair", "tls.crt"),
        "HTTP_KEY": ("pair", "private"),
        "METRICS_TOKEN": ("login", "token"),
        "METRICS_CLIENT_CA": ("clients", "ca.crt"),
    }
    probes = [operator(manifests)[probe]["httpGet"]["scheme"] for probe in ("livenessProbe", "readinessProbe")]
    assert probes == ["HTTPS", "HTTPS"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("ServiceMonitor", "serviceMonitor.enabled=true"), ("PodMonitor", "podMonitors.operator.enabled=true")],
)
def test_a_monitor_scrapes_by_the_login_that_is_asked_for(helm: Helm, kind: str, value: str) -> None:
    manifests = helm.template("--set", f"{value},{TLS},{TOKEN},{CLIENTS},metrics.tls.ca.configMapName=ca")
    found = endpoint(manifests, kind)
    assert found["scheme"] == "https"
    assert found["tlsConfig"] == {
        "serverName": "regsweep-metrics.regsweep-system.svc",
        "ca": {"configMap": {"name": "ca", "key": "ca.crt"}},
        "cert": {"secret": {"name": "prometheus", "key": "tls.crt"}},
        "keySecret": {"name": "prometheus", "key": "tls.key"},
    }
    assert found["authorization"] == {"credentials": {"name": "login", "key": "token"}}
    tls_alone = endpoint(helm.template("--set", f"{value},{TLS},metrics.tls.serverName=op.test"), kind)
    assert tls_alone["tlsConfig"] == {"serverName": "op.test"} and "authorization" not in tls_alone


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        pytest.param(TLS, "https", id="by TLS they say so"),
        pytest.param(f"{TLS},{TOKEN}", None, id="they cannot carry a token"),
        pytest.param(f"{TLS},{CLIENTS}", None, id="they cannot carry a certificate"),
    ],
)
def test_annotations_for_scraping_lead_nobody_to_a_refusal(helm: Helm, values: str, scheme: str | None) -> None:
    annotations = operator_pod(helm.template("--set", values))["metadata"]["annotations"]
    assert annotations.get("prometheus.io/scheme") == scheme
    assert ("prometheus.io/scrape" in annotations) == (scheme is not None)
