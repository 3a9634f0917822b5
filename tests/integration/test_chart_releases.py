"""Releases over time and side by side on a real API server: upgrade from the chart before, rollback, uninstall, two of them.

No node: pods are created and stay Pending. That operators take over from each other is for the tests of the lease.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, ClusterError, binaries
from support.crds import wait_established
from support.helm import CHART, CHECKOUT, Helm, HelmRefusedError, named
from support.versions import extracted

PREVIOUS = "01e8fd40"
"""The last commit with the chart of one operator and strategy Recreate."""
FIRST, SECOND, TEAM = "release-a", "release-b", "release-team"


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Cluster:
    """An API server with a namespace for each release, under the restricted pod security standard."""
    control_plane.kubectl("delete", "--ignore-not-found", "-f", CHECKOUT / "manifests" / "crd")
    for namespace in (FIRST, SECOND, TEAM):
        control_plane.kubectl("create", "namespace", namespace)
        control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return control_plane


@pytest.fixture(scope="module")
def helm(cluster: Cluster) -> Helm:
    """Helm on that cluster, built where it is not there yet."""
    binaries.ensure((binaries.HELM,))
    return Helm(binaries.program(binaries.HELM), cluster.kubeconfig)


@pytest.fixture(scope="module")
def previous_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as it was, with what it links to."""
    folder = extracted(PREVIOUS, tmp_path_factory.mktemp("previous") / "checkout", "charts", "manifests")
    return folder / "charts" / "regsweep"


def deployment(cluster: Cluster, namespace: str, name: str = "regsweep") -> Any:
    return json.loads(cluster.kubectl("-n", namespace, "get", "deployment", name, "-o", "json"))["spec"]


def test_a_release_is_upgraded_from_the_chart_before_and_rolled_back(
    cluster: Cluster, helm: Helm, previous_chart: Path
) -> None:
    here = ("--namespace", FIRST)
    helm.run("install", "regsweep", str(previous_chart), "--set", "image.tag=mine", *here)
    assert deployment(cluster, FIRST)["strategy"] == {"type": "Recreate"}
    wait_established(cluster)
    sweep = {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "RegularizationSweep",
        "metadata": {"name": "kept", "namespace": TEAM},
        "spec": {"flags": [{"name": "l2", "values": [0, 0.01]}]},
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(sweep))

    # With the old values alone, those that are new would have none: a port of nothing, a login that is no login.
    with pytest.raises(HelmRefusedError, match=r"enabled: it has no value\. .*use --reset-then-reuse-values"):
        helm.run("upgrade", "regsweep", str(CHART), "--reuse-values", *here)
    helm.run("upgrade", "regsweep", str(CHART), "--reset-then-reuse-values", *here)
    spec = deployment(cluster, FIRST)
    assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
    assert spec["template"]["spec"]["containers"][0]["image"] == "regsweep-operator:mine", (
        "what a person has set is kept"
    )
    cluster.kubectl("-n", FIRST, "get", "poddisruptionbudget", "regsweep")
    with pytest.raises(ClusterError, match="NotFound"):
        cluster.kubectl("get", "clusterrole", "regsweep")

    helm.run("rollback", "regsweep", "1", *here)
    spec = deployment(cluster, FIRST)
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert {variable["name"] for variable in spec["template"]["spec"]["containers"][0]["env"]}.isdisjoint(
        {"REGSWEEP_TRAINER_TEMPLATE"}
    )
    cluster.kubectl("get", "clusterrole", "regsweep")

    helm.run("upgrade", "regsweep", str(CHART), *here)
    assert deployment(cluster, FIRST)["replicas"] == 2
    assert "kept" in cluster.kubectl("-n", TEAM, "get", "rsweep", "-o", "name")


EVERYTHING = (
    "crds.enabled=false",
    f"watchNamespaces={{{TEAM}}}",
    "prometheus.url=http://prometheus.test:9090",
    "prometheus.tokenSecret.name=token",
    "networkPolicy.operator.enabled=true",
    "networkPolicy.trainers.enabled=true",
    "flowControl.enabled=true",
    "podSecurityContext.runAsUser=null",
    "podSecurityContext.runAsGroup=null",
    "trainer.podSecurityContext=null",
    "priorityClassName=system-cluster-critical",
    "commonLabels.team=ml",
)
"""A release that uses what the server has types for; monitors and alerts are of the Prometheus Operator."""


def test_a_second_release_of_that_name_stands_beside_it_and_goes_without_it(cluster: Cluster, helm: Helm) -> None:
    options = [option for value in EVERYTHING for option in ("--set", value)]
    helm.run("install", "regsweep", str(CHART), "--namespace", SECOND, *options)
    manifests = helm.template(*options, namespace=SECOND)
    assert {"NetworkPolicy", "FlowSchema", "PriorityLevelConfiguration"} <= {m["kind"] for m in manifests}
    for manifest in manifests:
        place = manifest["metadata"].get("namespace")
        where = ("-n", place) if place else ()
        cluster.kubectl(*where, "get", manifest["kind"], manifest["metadata"]["name"])
    # The priority levels that the schemas name are there: the server says so.
    for schema in (f"regsweep.{SECOND}", f"regsweep-leader.{SECOND}"):
        cluster.kubectl("wait", "--for=condition=Dangling=False", "--timeout=60s", f"flowschema/{schema}")
    environment = deployment(cluster, SECOND)["template"]["spec"]["containers"][0]["env"]
    assert {"name": "REGSWEEP_NAMESPACES", "value": f'["{TEAM}"]'} in environment

    helm.run("uninstall", "regsweep", "--namespace", SECOND, "--wait")
    for manifest in manifests:
        place = manifest["metadata"].get("namespace")
        where = ("-n", place) if place else ()
        with pytest.raises(ClusterError, match="NotFound"):
            cluster.kubectl(*where, "get", manifest["kind"], manifest["metadata"]["name"])
            pytest.fail(f"{named(manifest)} outlived its release")
    assert deployment(cluster, FIRST)["replicas"] == 2
    cluster.kubectl("get", "crd", "regularizationsweeps.regsweep.dev")


def test_a_release_of_digits_in_a_namespace_of_digits_is_one(cluster: Cluster, helm: Helm) -> None:
    options = [option for value in ("crds.enabled=false", "flowControl.enabled=true") for option in ("--set", value)]
    here = ("--namespace", "456")
    helm.run(
        "install", "123", str(CHART), *here, "--create-namespace", *options, "--set-json", 'watchNamespaces=["456"]'
    )
    assert deployment(cluster, "456", "regsweep-123")["replicas"] == 2
    helm.run("uninstall", "123", *here, "--wait")
    cluster.kubectl("delete", "namespace", "456", "--wait=false")


def test_uninstalling_leaves_the_crds_and_nothing_else(cluster: Cluster, helm: Helm) -> None:
    """It takes the first release away."""
    helm.run("uninstall", "regsweep", "--namespace", FIRST, "--wait")
    wide = "clusterrole,clusterrolebinding,flowschema,prioritylevelconfiguration"
    left = cluster.kubectl("get", wide, "-l", "app.kubernetes.io/part-of=regsweep", "-o", "name")
    assert [name for name in left.split() if name.endswith(f".{FIRST}")] == []
    left = cluster.kubectl("-n", FIRST, "get", "all,role,rolebinding,poddisruptionbudget,sa,cm", "-o", "name")
    assert [name for name in left.split() if "regsweep" in name and not name.startswith("pod/")] == []
    assert "kept" in cluster.kubectl("-n", TEAM, "get", "rsweep", "-o", "name")


def test_a_release_of_another_name_takes_the_crds_over_when_it_is_told_to(cluster: Cluster, helm: Helm) -> None:
    """The last test of this file: it needs the CRDs that the first release has left."""
    install = ("install", "other", str(CHART), "--namespace", SECOND)
    with pytest.raises(HelmRefusedError, match="cannot be imported into the current release"):
        helm.run(*install)
    helm.run(*install, "--take-ownership")
    owner = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}"
    assert cluster.kubectl("get", "crd", "regularizationsweeps.regsweep.dev", "-o", owner) == "other"
    assert "kept" in cluster.kubectl("-n", TEAM, "get", "rsweep", "-o", "name")
    helm.run("uninstall", "other", "--namespace", SECOND, "--wait")
