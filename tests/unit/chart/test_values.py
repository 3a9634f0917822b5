"""What each value of the chart does."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from support.chart import Rendering, environment, kinds, operator, operator_pod, says, shows_what_it_does
from support.helm import CHART, Helm, Manifest, named, one
from support.training_pods import pod_of

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]


def ports_out(policy: Manifest) -> set[int]:
    """Every port that a rule names. A rule without ports would open all: there is none."""
    rules = [rule["ports"] for rule in policy["spec"]["egress"]]
    assert all(rules)
    return {port["port"] for ports in rules for port in ports}


def training_pod(manifests: Rendering) -> Mapping[str, Any]:
    """A training pod as the operator makes it by what the chart says."""
    return pod_of(json.loads(environment(manifests)["REGSWEEP_TRAINER_TEMPLATE"]))


TOGGLES: list[tuple[str, str, Callable[[Rendering], bool]]] = [
    (
        "an image is named by repository and tag",
        "image.repository=registry.test/op,image.tag=1.2",
        lambda m: operator(m)["image"] == "registry.test/op:1.2",
    ),
    (
        "an image can be pinned by its digest",
        f"image.registry=registry.test,image.tag=,image.digest={DIGEST}",
        lambda m: operator(m)["image"] == f"registry.test/regsweep-operator@{DIGEST}",
    ),
    (
        "a tag may stand beside the digest",
        f"trainer.image.tag=1.2,trainer.image.digest={DIGEST}",
        lambda m: environment(m)["REGSWEEP_TRAINER_IMAGE"] == f"regsweep-trainer:1.2@{DIGEST}",
    ),
    (
        "a registry may have a port and a path",
        "image.registry=[fd00::1]:5000/mirror,trainer.image.repository=registry.test:5000/team/trainer",
        lambda m: (
            operator(m)["image"] == "[fd00::1]:5000/mirror/regsweep-operator:dev"
            and environment(m)["REGSWEEP_TRAINER_IMAGE"] == "registry.test:5000/team/trainer:dev"
        ),
    ),
    (
        "an image without tag and digest is the one of the chart's version",
        "image.tag=,trainer.image.tag=",
        lambda m: (
            operator(m)["image"] == f"regsweep-operator:{VERSION}"
            and environment(m)["REGSWEEP_TRAINER_IMAGE"] == f"regsweep-trainer:{VERSION}"
        ),
    ),
    (
        "one mirror serves both images",
        "global.imageRegistry=mirror.test,image.registry=registry.test",
        lambda m: (
            operator(m)["image"] == "mirror.test/regsweep-operator:dev"
            and environment(m)["REGSWEEP_TRAINER_IMAGE"] == "mirror.test/regsweep-trainer:dev"
        ),
    ),
    (
        "pull secrets of the parent chart come first, each once",
        "global.imagePullSecrets[0].name=all,imagePullSecrets[0].name=mine,imagePullSecrets[1].name=all",
        lambda m: operator_pod(m)["spec"]["imagePullSecrets"] == [{"name": "all"}, {"name": "mine"}],
    ),
    (
        "pull secrets of the parent chart may be plain names, as other charts want them",
        "global.imagePullSecrets={all,mine},imagePullSecrets[0].name=mine",
        lambda m: operator_pod(m)["spec"]["imagePullSecrets"] == [{"name": "all"}, {"name": "mine"}],
    ),
    (
        "all objects can be renamed",
        "fullnameOverride=sweeper",
        lambda m: {"Deployment regsweep-system/sweeper", "ClusterRole sweeper.regsweep-system"} <= set(map(named, m)),
    ),
    (
        "selectors and what they select are renamed together",
        "nameOverride=sweeper",
        lambda m: (
            one(m, "Deployment", "regsweep")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
            == operator_pod(m)["metadata"]["labels"]["app.kubernetes.io/name"]
            == "sweeper"
        ),
    ),
    (
        "every object and the operator's pods carry the common labels and annotations",
        "commonLabels.team=ml,commonAnnotations.owner=ml",
        lambda m: (
            all(o["metadata"]["labels"]["team"] == o["metadata"]["annotations"]["owner"] == "ml" for o in m)
            and operator_pod(m)["metadata"]["labels"]["team"] == "ml"
        ),
    ),
    (
        "the operator's name is the one that sweeps ask for",
        "managedBy=regsweep.dev/team-a",
        lambda m: environment(m)["REGSWEEP_MANAGED_BY"] == "regsweep.dev/team-a",
    ),
    (
        "an upgrade may stop the old operators first",
        "strategy.type=Recreate",
        lambda m: one(m, "Deployment", "regsweep")["spec"]["strategy"] == {"type": "Recreate"},
    ),
    (
        "the number of operators is a value",
        "replicas=3",
        lambda m: one(m, "Deployment", "regsweep")["spec"]["replicas"] == 3,
    ),
    (
        "the disruption budget can be left out",
        "podDisruptionBudget.enabled=false",
        lambda m: "PodDisruptionBudget" not in kinds(m),
    ),
    (
        "the disruption budget may be a percentage",
        "podDisruptionBudget.maxUnavailable=50%",
        lambda m: one(m, "PodDisruptionBudget", "regsweep")["spec"]["maxUnavailable"] == "50%",
    ),
    (
        "a spread of one's own is taken as it is",
        "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=rack,"
        "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule,"
        "topologySpreadConstraints[0].labelSelector.matchLabels.a=b",
        lambda m: (
            operator_pod(m)["spec"]["topologySpreadConstraints"][0]["labelSelector"] == {"matchLabels": {"a": "b"}}
        ),
    ),
    (
        "the cluster decides how long an unreachable node is waited for",
        "unreachableTolerationSeconds=null",
        lambda m: "tolerations" not in operator_pod(m)["spec"],
    ),
    (
        "the log is for machines",
        "logging.format=json,logging.level=debug",
        lambda m: (environment(m)["REGSWEEP_LOG_FORMAT"], environment(m)["REGSWEEP_LOG_LEVEL"]) == ("json", "debug"),
    ),
    (
        "the port is one for operator, probes, Service and scraping",
        "port=9000",
        lambda m: (
            environment(m)["REGSWEEP_HTTP_PORT"] == "9000"
            and operator(m)["ports"][0]["containerPort"] == 9000
            and one(m, "Service", "regsweep-metrics")["spec"]["ports"][0]["port"] == 9000
            and operator_pod(m)["metadata"]["annotations"]["prometheus.io/port"] == "9000"
        ),
    ),
    (
        "the platform chooses the operator's user (OpenShift)",
        "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null",
        lambda m: (
            operator_pod(m)["spec"]["securityContext"]
            == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        ),
    ),
    (
        "the operator may go without security contexts",
        "podSecurityContext=null,securityContext=null",
        lambda m: "securityContext" not in operator_pod(m)["spec"] and "securityContext" not in operator(m),
    ),
    (
        "environment may come from elsewhere",
        "extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:3128,envFrom[0].configMapRef.name=more",
        lambda m: (
            environment(m)["HTTPS_PROXY"] == "http://proxy:3128"
            and operator(m)["envFrom"] == [{"configMapRef": {"name": "more"}}]
        ),
    ),
    (
        "volumes can be mounted",
        "volumes[0].name=ca,volumes[0].configMap.name=ca,volumeMounts[0].name=ca,volumeMounts[0].mountPath=/ca",
        lambda m: (
            operator_pod(m)["spec"]["volumes"] == [{"name": "ca", "configMap": {"name": "ca"}}]
            and operator(m)["volumeMounts"] == [{"name": "ca", "mountPath": "/ca"}]
        ),
    ),
    (
        "probes have timings of their own",
        "livenessProbe.periodSeconds=20,readinessProbe=null",
        lambda m: operator(m)["livenessProbe"]["periodSeconds"] == 20 and "readinessProbe" not in operator(m),
    ),
    (
        "the pod's DNS can be set",
        "dnsPolicy=None,dnsConfig.nameservers[0]=10.0.0.10",
        lambda m: (
            operator_pod(m)["spec"]["dnsPolicy"] == "None"
            and operator_pod(m)["spec"]["dnsConfig"] == {"nameservers": ["10.0.0.10"]}
        ),
    ),
    (
        "the operator is let out to what it needs",
        "networkPolicy.operator.enabled=true,prometheus.url=https://p.monitoring/prefix",
        lambda m: ports_out(one(m, "NetworkPolicy", "regsweep")) == {53, 5353, 443, 6443},
    ),
    (
        "the operator is let out to Prometheus' port",
        "networkPolicy.operator.enabled=true,prometheus.url=http://p.monitoring:9090",
        lambda m: ports_out(one(m, "NetworkPolicy", "regsweep")) == {53, 5353, 443, 6443, 9090},
    ),
    (
        "the operator is let out to Prometheus at an IPv6 address",
        "networkPolicy.operator.enabled=true,prometheus.url=http://[fd00::90]:9090/prefix",
        lambda m: ports_out(one(m, "NetworkPolicy", "regsweep")) == {53, 5353, 443, 6443, 9090},
    ),
    (
        "the operator is let out to the API server by a rule of one's own",
        "networkPolicy.operator.enabled=true,networkPolicy.operator.apiServerPorts=null,networkPolicy.operator.egress[0].ports[0].port=16443",
        lambda m: ports_out(one(m, "NetworkPolicy", "regsweep")) == {53, 5353, 16443},
    ),
    (
        "trainers in listed namespaces are let out to DNS and what is declared",
        "networkPolicy.trainers.enabled=true,watchNamespaces={ml,vision},networkPolicy.trainers.egress[0].ports[0].port=9000",
        lambda m: (
            [p["metadata"]["namespace"] for p in m if p["kind"] == "NetworkPolicy"] == ["ml", "vision"]
            and all(ports_out(p) == {53, 5353, 9000} for p in m if p["kind"] == "NetworkPolicy")
        ),
    ),
    (
        "the operator has a share of the API server",
        "flowControl.enabled=true",
        lambda m: (
            one(m, "FlowSchema", "regsweep.regsweep-system")["spec"]["priorityLevelConfiguration"]["name"]
            == one(m, "PriorityLevelConfiguration", "regsweep.regsweep-system")["metadata"]["name"]
        ),
    ),
    (
        "training pods leave the user to the platform (OpenShift)",
        "trainer.podSecurityContext.runAsUser=null,trainer.podSecurityContext.runAsGroup=null,trainer.podSecurityContext.fsGroup=null",
        lambda m: (
            training_pod(m)["spec"]["securityContext"]
            == {
                "runAsNonRoot": True,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            }
        ),
    ),
    (
        "training pods may go without security contexts",
        "trainer.podSecurityContext=null,trainer.securityContext=null",
        lambda m: (
            "securityContext" not in training_pod(m)["spec"]
            and "securityContext" not in training_pod(m)["spec"]["containers"][0]
        ),
    ),
    (
        "training pods get pull secrets, labels, annotations and places",
        "trainer.imagePullSecrets[0].name=pull,trainer.podLabels.team=ml,trainer.podAnnotations.a=b,"
        "trainer.priorityClassName=low,trainer.nodeSelector.pool=gpu,trainer.tolerations[0].operator=Exists",
        lambda m: (
            training_pod(m)["spec"]["imagePullSecrets"] == [{"name": "pull"}]
            and training_pod(m)["metadata"]["labels"]["team"] == "ml"
            and training_pod(m)["metadata"]["annotations"]["a"] == "b"
            and training_pod(m)["spec"]["priorityClassName"] == "low"
            and training_pod(m)["spec"]["nodeSelector"] == {"pool": "gpu"}
            and training_pod(m)["spec"]["tolerations"] == [{"operator": "Exists"}]
        ),
    ),
    (
        "the trainer's image reaches the operator",
        "trainer.image.repository=registry.test/t,trainer.image.tag=x",
        lambda m: environment(m)["REGSWEEP_TRAINER_IMAGE"] == "registry.test/t:x",
    ),
    (
        "the GPU resource is the cluster's",
        "trainer.gpuResource=amd.com/gpu,trainer.gpuResources={amd.com/gpu,lab.example/npu-*}",
        lambda m: (
            environment(m)["REGSWEEP_GPU_RESOURCE"] == "amd.com/gpu"
            and environment(m)["REGSWEEP_GPU_RESOURCES"] == '["amd.com/gpu","lab.example/npu-*"]'
        ),
    ),
    (
        "any setting of the operator can be given",
        "env.REGSWEEP_WORKERS=8",
        lambda m: environment(m)["REGSWEEP_WORKERS"] == "8",
    ),
    ("CRDs can be left out", "crds.enabled=false", lambda m: "CustomResourceDefinition" not in kinds(m)),
    ("CRDs can go with the release", "crds.keep=false", lambda m: not says("helm.sh/resource-policy", m)),
    (
        "an account that is there can be used",
        "serviceAccount.create=false,serviceAccount.name=mine",
        lambda m: "ServiceAccount" not in kinds(m) and operator_pod(m)["spec"]["serviceAccountName"] == "mine",
    ),
    (
        "roles need not be aggregated",
        "aggregateRoles=false",
        lambda m: not says("rbac.authorization.k8s.io/aggregate-to", m),
    ),
    (
        "the operator can be placed",
        "nodeSelector.pool=infra,priorityClassName=high,tolerations[0].operator=Exists,imagePullSecrets[0].name=pull",
        lambda m: (
            operator_pod(m)["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "infra"}
            and operator_pod(m)["spec"]["priorityClassName"] == "high"
            and operator_pod(m)["spec"]["tolerations"][0] == {"operator": "Exists"}
            and operator_pod(m)["spec"]["imagePullSecrets"] == [{"name": "pull"}]
        ),
    ),
    (
        "the pod's labels and annotations can be added to",
        "podLabels.team=ml,podAnnotations.note=x",
        lambda m: (
            operator_pod(m)["metadata"]["labels"]["team"] == "ml"
            and operator_pod(m)["metadata"]["annotations"]["note"] == "x"
        ),
    ),
]


@pytest.mark.parametrize(("values", "holds"), [pytest.param(v, h, id=i) for i, v, h in TOGGLES])
def test_a_value_does_what_it_says(
    helm: Helm, defaults: Rendering, values: str, holds: Callable[[Rendering], bool]
) -> None:
    shows_what_it_does(helm, defaults, values, holds)


def test_two_releases_of_one_name_share_no_object(helm: Helm) -> None:
    first = helm.template("--set", "watchNamespaces={a1,a2},flowControl.enabled=true", namespace="a")
    second = helm.template("--set", "watchNamespaces={b1},flowControl.enabled=true,crds.enabled=false", namespace="b")
    assert not set(map(named, first)) & set(map(named, second))


def test_objects_can_be_added_with_templates_in_them(helm: Helm) -> None:
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}}
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-text'}"
    manifests = helm.template("--set-json", f"extraObjects={json.dumps([plain, text])}")
    assert one(manifests, "ConfigMap", "plain") == plain
    assert one(manifests, "ConfigMap", "regsweep-text")


def test_a_training_pod_by_the_chart_is_one_by_the_operators_own_defaults(defaults: Rendering) -> None:
    by_chart = training_pod(defaults)
    by_itself = training_pod([with_trainer_template(defaults, "{}")])
    assert by_chart == by_itself


def with_trainer_template(manifests: Rendering, template: str) -> Manifest:
    """The Deployment with another template for training pods."""
    deployment: Manifest = copy.deepcopy(one(manifests, "Deployment", "regsweep"))
    for entry in operator([deployment])["env"]:
        if entry["name"] == "REGSWEEP_TRAINER_TEMPLATE":
            entry["value"] = template
    return deployment
