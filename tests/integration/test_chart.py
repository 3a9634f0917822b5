"""The chart on a real API server: it installs, upgrades and goes; its roles give what they should, and no more.

No node: the operator's pod is created and stays Pending. That it starts and works is for the end-to-end tests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster import Cluster, ClusterError, binaries
from support.helm import CHART, CHECKOUT, Helm

NAMESPACE = "regsweep-system"
PEOPLES_NAMESPACE = "chart"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:regsweep"
DEADLINE_SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Cluster:
    """An API server with a namespace under the restricted pod security standard, and another for people."""
    # Helm refuses to install over CRDs that it did not make: another file may have applied them.
    control_plane.kubectl("delete", "--ignore-not-found", "-f", CHECKOUT / "manifests" / "crd")
    for namespace in (NAMESPACE, PEOPLES_NAMESPACE):
        control_plane.kubectl("create", "namespace", namespace)
    control_plane.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    return control_plane


@pytest.fixture(scope="module")
def helm(cluster: Cluster) -> Helm:
    """Helm on that cluster, built where it is not there yet."""
    binaries.ensure((binaries.HELM,))
    return Helm(binaries.program(binaries.HELM), cluster.kubeconfig)


@pytest.fixture(scope="module")
def installed(cluster: Cluster, helm: Helm) -> Cluster:
    """The cluster with the chart installed by its defaults."""
    helm.run("install", "regsweep", str(CHART), "--namespace", NAMESPACE)
    return cluster


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
        time.sleep(0.1)


def allowed(cluster: Cluster, user: str, verb: str, resource: str, namespace: str = "ml", name: str = "") -> bool:
    """Whether the API server would let the user do it. resource: `group/plural` or `group/plural/subresource`."""
    group, plural, *subresource = resource.split("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "name": name}
    if subresource:
        attributes["subresource"] = subresource[0]
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes},
    }
    answer: dict[str, Any] = json.loads(cluster.kubectl("create", "-o", "json", "-f", "-", input=json.dumps(review)))
    return bool(answer["status"]["allowed"])


def sweep(name: str) -> str:
    manifest = {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "RegularizationSweep",
        "metadata": {"name": name, "namespace": PEOPLES_NAMESPACE},
        "spec": {"flags": [{"name": "l2", "values": [0, 0.01]}]},
    }
    return json.dumps(manifest)


def test_the_operators_pod_is_admitted_under_the_restricted_standard(installed: Cluster) -> None:
    selector = "app.kubernetes.io/name=regsweep"
    installed.kubectl(
        "-n", NAMESPACE, "wait", "--for=create", "pod", "-l", selector, f"--timeout={DEADLINE_SECONDS:g}s"
    )


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        pytest.param("watch", "regsweep.dev/regularizationsweeps", id="see sweeps"),
        pytest.param("update", "regsweep.dev/regularizationsweeps/status", id="write their status"),
        pytest.param("create", "regsweep.dev/sweepresults", id="store results"),
        pytest.param("create", "batch/jobs", id="start runs"),
        pytest.param("patch", "batch/jobs", id="suspend runs"),
        pytest.param("delete", "batch/jobs", id="delete runs"),
        pytest.param("watch", "/pods", id="see pods"),
        pytest.param("delete", "regsweep.dev/regularizationsweeps", id="delete sweeps whose time has come"),
        pytest.param("get", "/podtemplates", id="read job templates"),
        pytest.param("create", "/events", id="tell what happened"),
        pytest.param("list", "/events", id="read why pods do not come"),
        pytest.param("get", "/configmaps", id="read a script"),
        pytest.param("create", "/configmaps", id="keep a copy of it"),
        pytest.param("get", "coordination.k8s.io/leases", id="see whether another operator leads"),
    ],
)
def test_the_operator_may(installed: Cluster, verb: str, resource: str) -> None:
    assert allowed(installed, OPERATOR, verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        pytest.param("get", "/secrets", id="read secrets"),
        pytest.param("create", "/pods", id="create pods"),
        pytest.param("delete", "/pods", id="delete pods"),
        pytest.param("create", "/pods/exec", id="enter pods"),
        pytest.param("list", "/configmaps", id="search ConfigMaps"),
        pytest.param("update", "/configmaps", id="change ConfigMaps"),
        pytest.param("update", "regsweep.dev/regularizationsweeps", id="change what a person wrote"),
        pytest.param("delete", "regsweep.dev/sweepresults", id="delete results"),
        pytest.param("update", "coordination.k8s.io/leases", id="touch leases of others"),
        pytest.param("create", "rbac.authorization.k8s.io/rolebindings", id="give rights away"),
    ],
)
def test_the_operator_may_not(installed: Cluster, verb: str, resource: str) -> None:
    assert not allowed(installed, OPERATOR, verb, resource)


def test_the_operator_may_renew_its_own_lease_and_no_other(installed: Cluster) -> None:
    lease = "coordination.k8s.io/leases"
    assert allowed(installed, OPERATOR, "update", lease, NAMESPACE, "regsweep-operator")
    assert not allowed(installed, OPERATOR, "update", lease, NAMESPACE, "another")


@pytest.mark.parametrize(
    ("role", "verb", "resource", "may"),
    [
        pytest.param("view", "list", "regsweep.dev/sweepresults", True, id="a viewer sees results"),
        pytest.param("view", "get", "/podtemplates", True, id="a viewer sees job templates"),
        pytest.param("view", "create", "regsweep.dev/regularizationsweeps", False, id="a viewer starts nothing"),
        pytest.param("edit", "create", "regsweep.dev/regularizationsweeps", True, id="an editor starts sweeps"),
        pytest.param("edit", "update", "/podtemplates", True, id="an editor writes job templates"),
        pytest.param("edit", "create", "regsweep.dev/sweepresults", False, id="an editor cannot forge results"),
        pytest.param("admin", "update", "regsweep.dev/sweepresults", False, id="nor can a namespace's admin"),
        pytest.param("edit", "update", "regsweep.dev/regularizationsweeps/status", False, id="nor a status"),
    ],
)
def test_roles_of_people(installed: Cluster, role: str, verb: str, resource: str, may: bool) -> None:
    binding = f"somebody-{role}"
    bind = ["create", "rolebinding", binding, f"--clusterrole={role}", f"--user={binding}", "-n", PEOPLES_NAMESPACE]
    dry = installed.kubectl(*bind, "--dry-run=client", "-o", "json")
    installed.kubectl("apply", "-f", "-", input=dry)
    # The controller that aggregates roles takes its moment; every role sees sweeps once it has been there.
    eventually(
        lambda: allowed(installed, binding, "list", "regsweep.dev/regularizationsweeps", PEOPLES_NAMESPACE),
        f"{role} is aggregated",
    )
    assert allowed(installed, binding, verb, resource, PEOPLES_NAMESPACE) is may


def test_job_templates_are_taken(installed: Cluster) -> None:
    for path in sorted((CHECKOUT / "manifests" / "templates").glob("*.yaml")):
        installed.kubectl("create", "--dry-run=server", "-f", path)


def test_an_upgrade_changes_what_was_asked_for(installed: Cluster, helm: Helm) -> None:
    options = ("--namespace", NAMESPACE, "--set", "prometheus.url=http://prometheus.test:9090")
    helm.run("upgrade", "regsweep", str(CHART), *options)
    path = '{.spec.template.spec.containers[0].env[?(@.name=="REGSWEEP_PROMETHEUS_URL")].value}'
    url = installed.kubectl("-n", NAMESPACE, "get", "deployment", "regsweep", "-o", f"jsonpath={path}")
    assert url == "http://prometheus.test:9090"


def test_sweeps_outlive_the_release_and_install_yaml_takes_over(installed: Cluster, helm: Helm) -> None:
    """The last test of this file: it takes the release away."""
    installed.kubectl("create", "-f", "-", input=sweep("kept"))
    helm.run("uninstall", "regsweep", "--namespace", NAMESPACE, "--wait")
    with pytest.raises(ClusterError, match="NotFound"):
        installed.kubectl("-n", NAMESPACE, "get", "deployment", "regsweep")
    assert "kept" in installed.kubectl("-n", PEOPLES_NAMESPACE, "get", "rsweep", "-o", "name")

    installed.kubectl("apply", "--server-side", "-f", CHECKOUT / "manifests" / "install.yaml")
    installed.kubectl("-n", NAMESPACE, "get", "deployment", "regsweep")
