"""Each way to set the chart's values makes objects that a real API server takes, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from cluster import Cluster, binaries
from support.helm import Helm, Manifest

NAMESPACE, WATCHED = "chart-values", "chart-values-watched"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"

VALUES = [
    pytest.param((), id="the defaults"),
    pytest.param((f"watchNamespaces={{{WATCHED}}}",), id="listed namespaces"),
    pytest.param(
        (
            "podSecurityContext.runAsUser=null",
            "podSecurityContext.runAsGroup=null",
            "trainer.podSecurityContext.runAsUser=null",
        ),
        id="OpenShift",
    ),
    pytest.param(("podSecurityContext=null", "securityContext=null", "resources=null"), id="nothing said of security"),
    pytest.param(
        (f"image.digest={DIGEST}", "image.tag=", "global.imagePullSecrets[0].name=a", "image.pullPolicy=Always"),
        id="images by digest",
    ),
    pytest.param(("strategy.type=Recreate", "replicas=1", "podDisruptionBudget.enabled=false"), id="one operator"),
    pytest.param(
        ("replicas=3", "podDisruptionBudget.maxUnavailable=50%", "unreachableTolerationSeconds=null"),
        id="three operators",
    ),
    pytest.param(
        (
            "topologySpreadConstraints[0].maxSkew=1",
            "topologySpreadConstraints[0].topologyKey=rack",
            "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
            "topologySpreadConstraints[0].matchLabelKeys={pod-template-hash}",
            "tolerations[0].operator=Exists",
            "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
            "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey=a",
            "priorityClassName=system-cluster-critical",
            "runtimeClassName=gvisor",
            "schedulerName=other",
        ),
        id="places",
    ),
    pytest.param(
        (
            "dnsPolicy=None",
            "dnsConfig.nameservers={10.0.0.10}",
            "dnsConfig.options[0].name=ndots",
            "hostAliases[0].ip=10.0.0.1",
            "hostAliases[0].hostnames={prometheus}",
        ),
        id="names",
    ),
    pytest.param(
        (
            "extraEnv[0].name=PASSWORD",
            "extraEnv[0].valueFrom.secretKeyRef.name=s",
            "extraEnv[0].valueFrom.secretKeyRef.key=k",
            "envFrom[0].prefix=A_",
            "envFrom[0].configMapRef.name=c",
            "volumes[0].name=ca",
            "volumes[0].configMap.name=ca",
            "volumeMounts[0].name=ca",
            "volumeMounts[0].mountPath=/ca",
            "prometheus.url=https://p",
            "prometheus.basicAuthSecret.name=b",
            "prometheus.ca.configMapName=ca",
            "prometheus.clientCertificateSecret.name=c",
            "prometheus.headers.X-Scope-OrgID=a",
            "prometheus.parameters.dedup=yes",
        ),
        id="environment and volumes",
    ),
    pytest.param(
        (
            "networkPolicy.operator.enabled=true",
            "networkPolicy.operator.from[0].namespaceSelector.matchLabels.a=b",
            "networkPolicy.operator.egress[0].ports[0].port=9091",
            "networkPolicy.trainers.enabled=true",
            f"watchNamespaces={{{WATCHED}}}",
            "prometheus.url=http://p:9090",
        ),
        id="network policies",
    ),
    pytest.param(
        (
            "metrics.tls.secretName=t",
            "metrics.tokenSecret.name=t",
            "metrics.clientCertificate.caSecretName=c",
        ),
        id="metrics behind TLS and a login",
    ),
    pytest.param(("flowControl.enabled=true", "flowControl.nominalConcurrencyShares=5"), id="flow control"),
    pytest.param(
        (
            "livenessProbe.initialDelaySeconds=3",
            "livenessProbe.terminationGracePeriodSeconds=5",
            "readinessProbe=null",
            "port=9000",
        ),
        id="probes and port",
    ),
    pytest.param(
        (
            "fullnameOverride=sweeper",
            "nameOverride=sweeper",
            "commonLabels.team=ml",
            "commonAnnotations.a=b",
            "deploymentAnnotations.c=d",
            "podLabels.e=f",
            "podAnnotations.g=h",
        ),
        id="names and labels",
    ),
]
OF_THE_PROMETHEUS_OPERATOR = "monitoring.coreos.com/"
"""Kinds that a server without that operator does not know; no value above makes one."""


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Cluster:
    """An API server with the namespaces of a release."""
    for namespace in (NAMESPACE, WATCHED):
        control_plane.kubectl("create", "namespace", namespace)
    return control_plane


@pytest.fixture(scope="module")
def helm() -> Helm:
    """Helm, built where it is not there yet; it only renders."""
    binaries.ensure((binaries.HELM,))
    return Helm(binaries.program(binaries.HELM))


def rendered(helm: Helm, values: Sequence[str]) -> list[Manifest]:
    options = [option for value in values for option in ("--set", value)]
    return helm.template(*options, namespace=NAMESPACE)


@pytest.mark.parametrize("values", VALUES)
def test_the_server_knows_every_field(cluster: Cluster, helm: Helm, values: tuple[str, ...]) -> None:
    manifests = rendered(helm, values)
    assert not [m for m in manifests if m["apiVersion"].startswith(OF_THE_PROMETHEUS_OPERATOR)]
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
    stored = json.loads(cluster.kubectl("apply", *options, input=whole))["items"]
    assert len(stored) == len(manifests)
    # Argo CD would find another value again at each look, and never call the release synchronised.
    assert [each for pair in zip(manifests, stored, strict=True) for each in changed(*pair)] == []


def changed(written: Any, stored: Any, path: str = "") -> Iterator[str]:
    """What the server has stored otherwise than it was written, or not at all; what it adds is no matter."""
    if isinstance(written, Mapping) and isinstance(stored, Mapping):
        for key, value in written.items():
            if value != "" or key != "value":  # of a variable: empty and absent are the same to every tool
                yield from changed(value, stored.get(key), f"{path}/{key}")
    elif isinstance(written, list) and isinstance(stored, list) and len(written) == len(stored):
        for number, (one, other) in enumerate(zip(written, stored, strict=True)):
            yield from changed(one, other, f"{path}/{number}")
    elif written != stored:
        yield f"{path}: {written!r} is stored as {stored!r}"
