"""What the chart promises: its defaults are install.yaml, each value does what values.yaml says, and a wrong one is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from regsweep.settings import Settings
from support.helm import CHART, CHECKOUT, Helm, HelmRefusedError, Manifest, named, one

Rendering = Sequence[Manifest]


def operator_pod(manifests: Rendering, name: str = "regsweep") -> Any:
    return one(manifests, "Deployment", name)["spec"]["template"]


def operator(manifests: Rendering) -> Any:
    return operator_pod(manifests)["spec"]["containers"][0]


def environment(manifests: Rendering) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in operator(manifests)["env"]}


def kinds(manifests: Rendering) -> set[str]:
    return {manifest["kind"] for manifest in manifests}


def test_the_committed_renderings_are_those_of_the_chart(helm: Helm) -> None:
    command = (sys.executable, CHECKOUT / "charts" / "render.py", "--check", "--helm", helm.program)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_install_yaml_is_the_default_rendering_in_a_namespace_of_its_own(defaults: Rendering) -> None:
    namespace, *rest = yaml.safe_load_all((CHECKOUT / "manifests" / "install.yaml").read_text())
    assert namespace["metadata"]["name"] == "regsweep-system"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert rest == list(defaults)


def test_the_defaults_are_these_objects_and_no_others(defaults: Rendering) -> None:
    assert sorted(map(named, defaults)) == [
        "ClusterRole regsweep",
        "ClusterRole regsweep-edit",
        "ClusterRole regsweep-view",
        "ClusterRoleBinding regsweep",
        "ConfigMap regsweep-system/regsweep-dashboard-sweep",
        "CustomResourceDefinition regularizationsweeps.regsweep.dev",
        "CustomResourceDefinition sweepresults.regsweep.dev",
        "Deployment regsweep-system/regsweep",
        "Role regsweep-system/regsweep-leader",
        "RoleBinding regsweep-system/regsweep-leader",
        "Service regsweep-system/regsweep-metrics",
        "ServiceAccount regsweep-system/regsweep",
    ]


@pytest.mark.parametrize("plural", ["regularizationsweeps", "sweepresults"])
def test_the_crds_are_the_generated_files_and_outlive_the_release(defaults: Rendering, plural: str) -> None:
    generated = [yaml.safe_load(path.read_text()) for path in sorted((CHECKOUT / "manifests" / "crd").glob("*.yaml"))]
    crd = one(defaults, "CustomResourceDefinition", f"{plural}.regsweep.dev")
    assert crd["spec"] == one(generated, "CustomResourceDefinition", f"{plural}.regsweep.dev")["spec"]
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_operator_runs_under_the_restricted_pod_security_standard(defaults: Rendering) -> None:
    pod = operator_pod(defaults)["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert operator(defaults)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_there_is_one_operator_and_two_never_overlap(defaults: Rendering) -> None:
    spec = one(defaults, "Deployment", "regsweep")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_service_probes_and_scraping_all_mean_the_port_that_the_operator_serves(defaults: Rendering) -> None:
    port = {"name": "metrics", "containerPort": Settings().http_port}
    container = operator(defaults)
    assert container["ports"] == [port]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    service = one(defaults, "Service", "regsweep-metrics")["spec"]
    assert service["ports"] == [{"name": "metrics", "port": port["containerPort"], "targetPort": "metrics"}]
    assert service["selector"].items() <= operator_pod(defaults)["metadata"]["labels"].items()
    annotations = operator_pod(defaults)["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_every_variable_that_the_chart_sets_is_one_that_the_operator_reads(helm: Helm) -> None:
    everything = helm.template("--set", "prometheus.url=http://p:9090,watchNamespaces={ml}")
    known = {f"REGSWEEP_{name}".upper() for name in Settings.model_fields} | {"POD_NAME", "POD_NAMESPACE"}
    assert environment(everything).keys() <= known


def test_the_operator_understands_what_the_chart_writes(helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    values = "prometheus.url=http://p:9090,watchNamespaces={ml,vision},trainer.env.TF_CPP_MIN_LOG_LEVEL=2"
    for name, value in environment(helm.template("--set-string", values)).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.namespaces == ["ml", "vision"]
    assert settings.trainer_env == {"TF_CPP_MIN_LOG_LEVEL": "2"}
    assert settings.trainer_image == "regsweep-trainer:dev"
    assert settings.prometheus_url == "http://p:9090"


def says(text: str, manifests: Rendering) -> bool:
    return text in yaml.safe_dump_all(manifests, width=1000)


TOGGLES: list[tuple[str, str, Callable[[Rendering], bool]]] = [
    (
        "an image is named by repository and tag",
        "image.repository=registry.test/op,image.tag=1.2@sha256:ab",
        lambda m: bool(operator(m)["image"] == "registry.test/op:1.2@sha256:ab"),
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
        "env.REGSWEEP_LOG_LEVEL=debug",
        lambda m: environment(m)["REGSWEEP_LOG_LEVEL"] == "debug",
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
            operator_pod(m)["spec"]["nodeSelector"] == {"pool": "infra"}
            and operator_pod(m)["spec"]["priorityClassName"] == "high"
            and operator_pod(m)["spec"]["tolerations"] == [{"operator": "Exists"}]
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

    assert held(helm.template("--set", values))
    assert not held(defaults), "this holds by default: the case shows nothing"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param("imgae.tag=1", "imgae", id="a misspelt value"),
        pytest.param("image.tga=1", "tga", id="a misspelt value further down"),
        pytest.param("prometheus.url=prometheus:9090", "/prometheus/url", id="an address without a scheme"),
        pytest.param("watchNamespaces=ml", "/watchNamespaces", id="one namespace where a list belongs"),
        pytest.param("trainer.gpuResource=gpu", "/trainer/gpuResource", id="a GPU resource without its domain"),
        pytest.param(
            "podMonitors.trainers.interval=5", "/podMonitors/trainers/interval", id="an interval without unit"
        ),
        pytest.param("serviceAccount.create=false", "serviceAccount.name", id="no account, and none named"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm: Helm, values: str, message: str) -> None:
    with pytest.raises(HelmRefusedError, match=message):
        helm.template("--set", values)


def test_the_schema_knows_every_value_and_values_yaml_explains_each_group() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() - {"global"} == values.keys()


def test_a_packaged_chart_renders_as_its_folder_does(helm: Helm, defaults: Rendering, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("regsweep-*.tgz")
    text = helm.run("template", "regsweep", str(package), "--namespace", "regsweep-system")
    assert [document for document in yaml.safe_load_all(text) if document] == list(defaults)


def test_lint_has_nothing_to_say(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART))
