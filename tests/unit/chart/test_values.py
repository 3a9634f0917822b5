"""What each value of the chart does; which values are refused, and by which sentence."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from regsweep.api.spec import SweepSpec
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.grid import Combination
from regsweep.core.kubernetes.podtemplate import JobDefaults, pod_template
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.settings import Settings, variable_of
from support.chart import Rendering, environment, kinds, operator, operator_pod
from support.helm import CHART, Helm, HelmRefusedError, Manifest, named, one

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def says(text: str, manifests: Rendering) -> bool:
    return text in yaml.safe_dump_all(manifests, width=1000)


def ports_out(policy: Manifest) -> set[int]:
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}


def training_pod(manifests: Rendering) -> Mapping[str, Any]:
    """A training pod as the operator makes it by what the chart says."""
    template = json.loads(environment(manifests)["REGSWEEP_TRAINER_TEMPLATE"])
    spec = SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0]}]})
    resolved = Resolved(image="t", parameters={}, gpus=0, gpu_resource="nvidia.com/gpu", seed=1, operator_version="1")
    sweep = Sweep("s", "ml", "uid", 1, spec, resolved, points=())
    run = RunRequest("r", Point("k", Combination("c", {"l2": 0}, 1)), 0, 1, 1, attempt=0, linger_seconds=0)
    objective = ObjectiveStatus.model_validate({"metric": "val_average_loss", "goal": "Minimize", "epoch": "Last"})
    return pod_template(sweep, run, objective, None, JobDefaults(template=template))


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
        "a token for Prometheus comes from a Secret",
        "prometheus.url=https://p,prometheus.tokenSecret.name=login,prometheus.tokenSecret.key=bearer",
        lambda m: (
            environment(m)["REGSWEEP_PROMETHEUS_TOKEN_FILE"] == f"{operator(m)['volumeMounts'][0]['mountPath']}/bearer"
            and operator_pod(m)["spec"]["volumes"][0]["secret"] == {"secretName": "login"}
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
        "trainer.gpuResource=amd.com/gpu",
        lambda m: environment(m)["REGSWEEP_GPU_RESOURCE"] == "amd.com/gpu",
    ),
    (
        "any setting of the operator can be given",
        "env.REGSWEEP_WORKERS=8",
        lambda m: environment(m)["REGSWEEP_WORKERS"] == "8",
    ),
    (
        "labels of the trainers' series are a setting",
        "prometheus.namespaceLabel=ns,prometheus.podLabel=pod_name",
        lambda m: (
            environment(m)["REGSWEEP_PROMETHEUS_NAMESPACE_LABEL"] == "ns"
            and environment(m)["REGSWEEP_PROMETHEUS_POD_LABEL"] == "pod_name"
        ),
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
    def held(manifests: Rendering) -> bool:
        try:
            return holds(manifests)
        except (AssertionError, KeyError):  # the object or field is not there
            return False

    assert held(helm.template("--set-string" if "REGSWEEP_" in values else "--set", values))
    assert not held(defaults), "this holds by default: the case shows nothing"


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
        pytest.param("prometheus.url=prometheus:9090", "/prometheus/url", id="an address without a scheme"),
        pytest.param("watchNamespaces=ml", "/watchNamespaces", id="one namespace where a list belongs"),
        pytest.param("watchNamespaces={ml,ml}", "/watchNamespaces", id="a namespace twice"),
        pytest.param("trainer.gpuResource=gpu", "/trainer/gpuResource", id="a GPU resource without its domain"),
        pytest.param(
            "podMonitors.trainers.interval=5", "/podMonitors/trainers/interval", id="an interval without unit"
        ),
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
        pytest.param("image.tag=", "image: give a tag or a digest", id="an operator's image of no version"),
        pytest.param("trainer.image.tag=", "trainer.image: give a tag or a digest", id="a trainer of no version"),
        pytest.param("env.A=1,extraEnv[0].name=A", "a variable is given twice", id="a variable from two values"),
        pytest.param("prometheus.tokenSecret.name=t", "a token needs prometheus.url", id="a token for no Prometheus"),
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


NOTES = [
    pytest.param("", "no Prometheus is configured", True, id="no Prometheus"),
    pytest.param("prometheus.url=http://p", "no Prometheus is configured", False, id="a Prometheus"),
    pytest.param("crds.keep=false", "deletes every sweep", True, id="CRDs that go"),
    pytest.param("crds.keep=false,crds.enabled=false", "deletes every sweep", False, id="CRDs of another release"),
    pytest.param("replicas=1", "replicas is 1", True, id="one operator"),
    pytest.param("watchNamespaces={ml}", "kubectl -n ml apply -f", True, id="where the first sweep goes"),
]


@pytest.mark.parametrize(("values", "words", "said"), NOTES)
def test_the_notes_say_what_is_next_and_what_to_look_out_for(helm: Helm, values: str, words: str, said: bool) -> None:
    notes = helm.run("install", "regsweep", str(CHART), "--dry-run=client", "-n", "regsweep-system", "--set", values)
    assert "rollout status deployment/regsweep" in notes
    assert (words in notes) is said
