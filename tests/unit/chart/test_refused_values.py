"""Which values the chart refuses, and by which sentence: unknown ones, wrong ones, and those that contradict each other."""

from __future__ import annotations

import re

import pytest

from regsweep.settings import Settings, variable_of
from support.chart import Rendering, environment
from support.helm import Helm, HelmRefusedError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param("imgae.tag=1", "imgae", id="a misspelt value"),
        pytest.param("image.tga=1", "tga", id="a misspelt value further down"),
        pytest.param("podMonitors.trainers.intervall=5s", "intervall", id="a misspelt value at the bottom"),
        pytest.param("podSecurityContext.runAsUsr=1", "runAsUsr", id="a misspelt field of a security context"),
        pytest.param("trainer.securityContext.capabilities.dropp={ALL}", "dropp", id="a misspelt field within it"),
        pytest.param("tolerations[0].keys=a", "keys", id="a misspelt field of a toleration"),
        pytest.param("livenessProbe.httpGet.path=/", "httpGet", id="a probe of something else"),
        pytest.param("resources.limit.memory=1Gi", "limit", id="a misspelt field of the resources"),
        pytest.param("env.REGSWEEP_WORKRES=8", "REGSWEEP_WORKRES", id="a misspelt setting of the operator"),
        pytest.param("env.a-b=8", "a-b", id="a name that no variable can have"),
        pytest.param("image.tag=1@sha256:ab", "/image/tag", id="a digest in the tag"),
        pytest.param("image.digest=ab", "/image/digest", id="a digest that is none"),
        pytest.param("image.registry=https://registry.test", "/image/registry", id="an address for a registry"),
        pytest.param("trainer.image.registry=registry.test/", "/trainer/image/registry", id="a slash after a registry"),
        pytest.param("global.imageRegistry=http://m", "/global/imageRegistry", id="an address for a mirror"),
        pytest.param("image.repository=registry.test/op:1.2", "/image/repository", id="a tag in the repository"),
        pytest.param("imagePullSecrets={pull}", "/imagePullSecrets/0", id="a name where a reference belongs"),
        pytest.param("global.imagePullSecrets[0].nam=a", "/global/imagePullSecrets/0", id="no reference"),
        pytest.param("image.repository=Op", "/image/repository", id="a repository in capitals"),
        pytest.param("prometheus.url=prometheus:9090", "/prometheus/url", id="an address without a scheme"),
        pytest.param("prometheus.url=http://me:pw@p", "/prometheus/url", id="an address with a password"),
        pytest.param("prometheus.url=http://p?a=b", "/prometheus/url", id="an address with a query"),
        pytest.param(
            "prometheus.headers.Authorization=Bearer", "propertyName 'Authorization'", id="a secret among the headers"
        ),
        pytest.param("watchNamespaces=ml", "/watchNamespaces", id="one namespace where a list belongs"),
        pytest.param("watchNamespaces={ml,ml}", "/watchNamespaces", id="a namespace twice"),
        pytest.param("trainer.gpuResource=gpu", "/trainer/gpuResource", id="a GPU resource without its domain"),
        pytest.param(
            "podMonitors.trainers.interval=5", "/podMonitors/trainers/interval", id="an interval without unit"
        ),
        pytest.param("serviceMonitor.interval=5s1m", "/serviceMonitor/interval", id="an interval, smaller unit first"),
        pytest.param("serviceMonitor.interval=", "/serviceMonitor/interval", id="no interval"),
        pytest.param("dashboards.namespace=Grafana", "/dashboards/namespace", id="a namespace that cannot be"),
        pytest.param("logging.level=loud", "/logging/level", id="an unknown level"),
        pytest.param("replicas=-1", "/replicas", id="a negative number of operators"),
        pytest.param("port=80", "/port", id="a port that only root may open"),
        pytest.param("fullnameOverride=No_Name", "/fullnameOverride", id="a name that no object can have"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm: Helm, values: str, message: str) -> None:
    with pytest.raises(HelmRefusedError, match=message):
        helm.template("--set", values)


OWNED = sorted(
    set(map(variable_of, Settings.model_fields))
    - {
        "REGSWEEP_MAX_COMBINATIONS",
        "REGSWEEP_PROMETHEUS_TIMEOUT_SECONDS",
        "REGSWEEP_COLLECT_INTERVAL_SECONDS",
        "REGSWEEP_LIVE_INTERVAL_SECONDS",
        "REGSWEEP_KUBE_CONTEXT",
        "REGSWEEP_API_QPS",
        "REGSWEEP_API_BURST",
        "REGSWEEP_API_TIMEOUT_SECONDS",
        "REGSWEEP_WORKERS",
        "REGSWEEP_STATUS_INTERVAL_SECONDS",
        "REGSWEEP_STORE_INTERVAL_SECONDS",
        "REGSWEEP_RESYNC_SECONDS",
        "REGSWEEP_RELIST_SECONDS",
        "REGSWEEP_REFUSAL_RETRY_SECONDS",
        "REGSWEEP_LEASE_DURATION_SECONDS",
        "REGSWEEP_LEASE_RENEW_DEADLINE_SECONDS",
        "REGSWEEP_LEASE_RETRY_SECONDS",
        "REGSWEEP_LIVE_AFTER_SECONDS",
    }
)
"""What the chart decides. A new setting stands here until it is one that only `env` sets."""


def test_what_the_chart_decides_it_always_sets(defaults: Rendering) -> None:
    assert sorted(environment(defaults)) == OWNED


@pytest.mark.parametrize("variable", OWNED)
@pytest.mark.parametrize("way", ["env.{}=1", "extraEnv[0].name={},extraEnv[0].value=1"])
def test_no_variable_contradicts_a_value(helm: Helm, variable: str, way: str) -> None:
    with pytest.raises(HelmRefusedError, match=f"env: {variable} is set by the chart .*; set that value instead"):
        helm.template("--set-string", way.format(variable))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param("serviceAccount.create=false", "serviceAccount.name: give the name", id="no account"),
        pytest.param("enabled=false", "enabled: false is for a parent chart", id="a chart that is left out by nobody"),
        pytest.param("env.A=1,extraEnv[0].name=A", "a variable is given twice", id="a variable from two values"),
        *(
            pytest.param(f"{value}=t", f"{value.rpartition('.')[0]}: it needs prometheus.url", id=f"{value} for nobody")
            for value in (
                "prometheus.tokenSecret.name",
                "prometheus.basicAuthSecret.name",
                "prometheus.ca.configMapName",
                "prometheus.clientCertificateSecret.name",
                "prometheus.headers.A",
                "prometheus.parameters.a",
            )
        ),
        pytest.param(
            "prometheus.url=https://p,prometheus.tokenSecret.name=t,prometheus.basicAuthSecret.name=b",
            "prometheus.tokenSecret, prometheus.basicAuthSecret: one login is sent",
            id="two logins",
        ),
        pytest.param(
            "prometheus.url=https://p,prometheus.tokenSecret.name=t,prometheus.serviceAccountToken=true",
            "prometheus.tokenSecret, prometheus.serviceAccountToken: one login is sent",
            id="two tokens",
        ),
        pytest.param(
            "prometheus.url=https://p,prometheus.ca.secretName=a,prometheus.ca.configMapName=b",
            "secretName and configMapName exclude each other",
            id="authorities from two places",
        ),
        pytest.param(
            "prometheus.url=http://p,prometheus.ca.secretName=a",
            "prometheus.ca: it has no effect with http://",
            id="authorities for plain HTTP",
        ),
        *(
            pytest.param(f"{value}=t", "it needs TLS; set metrics.tls.secretName", id=f"{value} in clear text")
            for value in (
                "metrics.tokenSecret.name",
                "metrics.clientCertificate.caSecretName",
                "metrics.clientCertificate.secretName",
                "metrics.tls.ca.secretName",
                "metrics.tls.serverName",
            )
        ),
        pytest.param(
            "metrics.tls.secretName=t,metrics.tls.ca.secretName=a,metrics.tls.ca.configMapName=b",
            "metrics.tls.ca: secretName and configMapName exclude each other",
            id="authorities of the port from two places",
        ),
        pytest.param(
            "metrics.tls.secretName=t,metrics.clientCertificate.secretName=c",
            "no effect without caSecretName",
            id="a certificate that nobody wants",
        ),
        pytest.param(
            "metrics.tls.secretName=t,metrics.clientCertificate.caSecretName=c,serviceMonitor.enabled=true",
            "the monitor needs Prometheus' certificate",
            id="a monitor without the certificate that is wanted",
        ),
        pytest.param(
            "serviceMonitor.enabled=true,podMonitors.operator.enabled=true",
            "enable one of them",
            id="two monitors of one pod",
        ),
        pytest.param(
            "serviceMonitor.enabled=true,metricsService.enabled=false",
            "needs metricsService.enabled=true",
            id="a monitor of no Service",
        ),
        pytest.param(
            "networkPolicy.trainers.enabled=true", "needs watchNamespaces", id="policies in unknown namespaces"
        ),
        pytest.param(
            "podLabels.app\\.kubernetes\\.io/name=x", "label app.kubernetes.io/name is set", id="a selector's label"
        ),
        pytest.param(
            "commonLabels.helm\\.sh/chart=x", "commonLabels: label helm.sh/chart is set", id="a label of Helm's"
        ),
        pytest.param(
            "commonLabels.a=b,podLabels.a=c", "label a is in commonLabels too", id="one label with two values"
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(helm: Helm, values: str, message: str) -> None:
    with pytest.raises(HelmRefusedError, match=re.escape(message)):
        helm.template("--set-string" if "env.A" in values else "--set", values)
