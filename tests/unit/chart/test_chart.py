"""What the chart promises by its defaults: they are install.yaml, and what a platform team expects of an operator."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from regsweep.settings import Settings, load_settings
from support.chart import Rendering, environment, operator, operator_pod
from support.helm import CHART, CHECKOUT, Helm, named, one


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
        "ClusterRole regsweep-edit.regsweep-system",
        "ClusterRole regsweep-view.regsweep-system",
        "ClusterRole regsweep.regsweep-system",
        "ClusterRoleBinding regsweep.regsweep-system",
        *(f"ConfigMap regsweep-system/regsweep-dashboard-{name}" for name in ("fleet", "operator", "run", "sweep")),
        "CustomResourceDefinition regularizationsweeps.regsweep.dev",
        "CustomResourceDefinition sweepresults.regsweep.dev",
        "Deployment regsweep-system/regsweep",
        "PodDisruptionBudget regsweep-system/regsweep",
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


def test_an_upgrade_stops_no_operator_before_another_is_ready(defaults: Rendering) -> None:
    spec = one(defaults, "Deployment", "regsweep")["spec"]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert (spec["replicas"], spec["strategy"]) == (2, rolling)


def test_a_drain_or_a_lost_node_leaves_one_operator(defaults: Rendering) -> None:
    selector = {"matchLabels": one(defaults, "Deployment", "regsweep")["spec"]["selector"]["matchLabels"]}
    budget = one(defaults, "PodDisruptionBudget", "regsweep")["spec"]
    assert budget == {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector}
    pod = operator_pod(defaults)["spec"]
    spread = pod["topologySpreadConstraints"]
    assert [entry["topologyKey"] for entry in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(entry["labelSelector"] == selector for entry in spread)
    assert all(entry["whenUnsatisfiable"] == "ScheduleAnyway" for entry in spread), "one node is enough"
    seconds = {entry["key"]: entry["tolerationSeconds"] for entry in pod["tolerations"]}
    assert seconds == {"node.kubernetes.io/unreachable": 30, "node.kubernetes.io/not-ready": 30}


def test_no_two_operators_have_one_identity(defaults: Rendering) -> None:
    (identity,) = [entry for entry in operator(defaults)["env"] if entry["name"] == "REGSWEEP_IDENTITY"]
    assert identity["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_a_new_version_of_the_chart_alone_restarts_no_operator(defaults: Rendering) -> None:
    assert "helm.sh/chart" not in operator_pod(defaults)["metadata"]["labels"]


def test_service_probes_and_scraping_all_mean_the_port_that_the_operator_serves(defaults: Rendering) -> None:
    port = {"name": "metrics", "containerPort": Settings().http_port, "protocol": "TCP"}
    container = operator(defaults)
    assert container["ports"] == [port]
    assert environment(defaults)["REGSWEEP_HTTP_PORT"] == str(port["containerPort"])
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
    values = (
        "prometheus.url=http://p:9090,prometheus.tokenSecret.name=t,watchNamespaces={ml,vision},"
        "trainer.env.TF_CPP_MIN_LOG_LEVEL=2,trainer.podLabels.team=ml"
    )
    for name, value in environment(helm.template("--set-string", values)).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.namespaces == ["ml", "vision"]
    assert settings.trainer_env == {"TF_CPP_MIN_LOG_LEVEL": "2"}
    assert settings.trainer_image == "regsweep-trainer:dev"
    assert settings.prometheus_url == "http://p:9090"
    assert settings.prometheus_token_file == "/etc/regsweep/prometheus/token"
    assert settings.trainer_template["metadata"] == {"labels": {"team": "ml"}}


def test_a_packaged_chart_renders_as_its_folder_does(helm: Helm, defaults: Rendering, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("regsweep-*.tgz")
    text = helm.run("template", "regsweep", str(package), "--namespace", "regsweep-system", "--no-hooks")
    assert [document for document in yaml.safe_load_all(text) if document] == list(defaults)


def test_lint_has_nothing_to_say(helm: Helm) -> None:
    said = helm.run("lint", "--strict", str(CHART))
    assert "0 chart(s) failed" in said
    assert not re.findall(r"\[(?:INFO|WARNING|ERROR)\].*", said)


def test_the_chart_says_where_it_comes_from_and_its_icon_is_in_the_repository(helm: Helm) -> None:
    chart = yaml.safe_load(helm.run("show", "chart", str(CHART)))
    host, _, icon = chart["icon"].partition("/main/")
    assert host.endswith(chart["home"].removeprefix("https://github.com/"))
    assert (CHECKOUT / icon).read_text().startswith("<svg ")
    links = re.findall(r"blob/main/(\S+)", chart["annotations"]["artifacthub.io/links"])
    assert links and all((CHECKOUT / link).exists() for link in links)


PAGES = ("README.md", "docs/install.md", "manifests/monitoring/README.md", "charts/regsweep/README.md")
INSTALLATIONS = [
    pytest.param(command, id=f"{page}: {number}")
    for page in PAGES
    for number, command in enumerate(
        re.findall(r"^    (helm upgrade (?:.*\\\n)*.*)$", (CHECKOUT / page).read_text(), re.MULTILINE)
    )
]


@pytest.mark.parametrize("command", INSTALLATIONS)
def test_an_installation_that_a_page_shows_is_one_that_the_chart_takes(helm: Helm, command: str) -> None:
    program, verb, *rest = shlex.split(command.replace("\\\n", " "))
    assert (program, verb, rest[:3]) == ("helm", "upgrade", ["--install", "regsweep", "charts/regsweep"])
    options = [option for option in rest[3:] if option != "--create-namespace"]
    assert helm.run("template", "regsweep", str(CHART), *options)
