"""A second release on the real node, in a cluster that trusts nobody: OpenShift's users, Pod Security, a quota, and no traffic by default.

Each namespace has a range of users; pods that name none run as one of them with group 0, and pods that name another one are refused. The
built-in cluster's network enforces no policies: of the NetworkPolicies this shows that the API server takes them, and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster import ClusterError, addons, images
from support import careful, openshift
from support.helm import CHART, CHECKOUT, Helm, find_helm
from support.logs import complaints
from support.stage import SWEEPS, TRAINING_SECONDS, Json, Lab, Stage, sweep

NAME = "arbitrary"
NEW_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "new"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


@dataclass(frozen=True, slots=True)
class Release:
    """An operator for one namespace, and that namespace."""

    helm: Helm
    system: Lab
    lab: Lab


def told_values() -> list[str]:
    """What docs/install.md says to set on OpenShift."""
    text = (CHECKOUT / "docs" / "install.md").read_text()
    (section,) = re.findall(r"^## OpenShift\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"--set (\S+)", section)


@pytest.fixture(scope="module")
def release(stage: Stage) -> Iterator[Release]:
    """The chart by the values of docs/install.md, beside the stage's own operator, which leaves its sweeps alone."""
    helm = find_helm()
    if helm is None:
        pytest.skip("Helm is not built here: `make programs` builds it, and `make test` does that first")
    system, lab = stage.lab(f"{NAME}-system"), stage.lab(NAME)
    stage.cluster.kubectl("apply", "-f", "-", input=as_list(openshift.policies()))
    for each in (system, lab):
        each.kubectl("label", "--overwrite", "namespace", each.namespace, openshift.LABEL)
        careful.guard(each)
        until_users_are_assigned(each)
    installed = Helm(helm.program, stage.cluster.kubeconfig)
    values = [option for value in values_of(stage, lab) for option in ("--set", value)]
    installed.run("install", NAME, str(CHART), "--namespace", system.namespace, *values)
    try:
        system.kubectl("rollout", "status", f"deployment/{NAME}-regsweep", "--timeout=120s")
        yield Release(installed, system, lab)
    finally:
        installed.run("uninstall", NAME, "--namespace", system.namespace)
        stage.cluster.kubectl("delete", "-f", "-", input=as_list(openshift.policies()))
        for each in (system, lab):
            each.remove()


def as_list(objects: list[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def until_users_are_assigned(lab: Lab) -> None:
    lab.until("users are assigned", lambda: assigned(lab) == openshift.FIRST)
    lab.until("others are refused", lambda: assigned(lab, runAsUser=65532) is None)


def assigned(lab: Lab, **context: int) -> int | None:
    """The user that a new pod gets; None: none, or it is refused since the policy that checks users is heard of first."""
    pod = restricted(NEW_POD, **context)
    try:
        created = lab.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=pod)
    except ClusterError:
        return None
    made = json.loads(created)
    user: int | None = made["spec"]["securityContext"].get("runAsUser")
    return user


def restricted(pod: Json, **context: int) -> str:
    """The pod as Pod Security wants it, with this in its security context."""
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **context}
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    containers = [{**container, "securityContext": closed} for container in pod["spec"]["containers"]]
    return json.dumps({**pod, "spec": {**pod["spec"], "securityContext": security, "containers": containers}})


def values_of(stage: Stage, lab: Lab) -> list[str]:
    """The values that are told, and those that let it stand beside the stage's release."""
    operator, trainer = (stage.references[image.name].rsplit(":", 1) for image in (images.OPERATOR, images.TRAINER))
    return [
        *told_values(),
        f"image.repository={operator[0]}",
        f"image.tag={operator[1]}",
        f"trainer.image.repository={trainer[0]}",
        f"trainer.image.tag={trainer[1]}",
        f"prometheus.url={addons.PROMETHEUS_URL}",
        f"watchNamespaces={{{lab.namespace}}}",
        f"managedBy=regsweep.dev/{NAME}",
        "networkPolicy.operator.enabled=true",
        "networkPolicy.trainers.enabled=true",
        "crds.enabled=false",
        "dashboards.enabled=false",
        "replicas=1",
    ]


def test_a_sweep_completes_and_nobody_chose_the_users(release: Release) -> None:
    lab, trained = release.lab, {"dataset": "iris", "units": [8], "epochs": 3}
    flags = [{"name": "l2", "values": [0, 0.01]}]
    made = sweep("s", flags=flags, replicates=2, parallelism=2, trainer={"parameters": trained})
    made["spec"]["managedBy"] = f"regsweep.dev/{NAME}"
    lab.apply(made)
    lab.until_condition("s", "Complete", seconds=TRAINING_SECONDS)
    assert {row["source"] for row in lab.status("s")["results"]} == {"Prometheus"}
    assert len(lab.created_jobs()) == 0, "the stage's operator has left it alone"
    for pod in (*lab.pods(), *release.system.pods("Running")):
        assert pod["spec"]["securityContext"]["runAsUser"] == openshift.FIRST
        (container,) = pod["status"]["containerStatuses"]
        user = container["user"]["linux"]
        assert (user["uid"], user["gid"]) == (openshift.FIRST, 0)
    assert complaints(release.system.kubectl("logs", f"deployment/{NAME}-regsweep", "--tail=-1")) == []


def test_any_other_user_is_refused_so_that_the_values_matter(release: Release) -> None:
    for each in (release.system, release.lab):
        with pytest.raises(ClusterError, match="must be in the ranges"):
            each.kubectl("create", "--dry-run=server", "-f", "-", input=restricted(NEW_POD, runAsUser=65532))


def test_the_policies_of_the_chart_stand_beside_those_that_deny_all(release: Release) -> None:
    for each, own in ((release.system, f"{NAME}-regsweep"), (release.lab, f"{NAME}-regsweep-trainers")):
        names = [policy["metadata"]["name"] for policy in each.all("apis/networking.k8s.io/v1/{}/networkpolicies")]
        assert sorted(names) == sorted((own, "default-deny"))


def test_helm_test_trains_by_this_release_and_shows_its_log(release: Release) -> None:
    printed = release.helm.run("test", NAME, "--namespace", release.system.namespace, "--logs", "--timeout", "5m")
    assert re.search(r"Phase: +Succeeded", printed)
    assert "regsweep-test · 2 combinations x 2 replicates" in printed
    trained = release.lab.get(SWEEPS, f"{NAME}-regsweep-test")
    assert trained and trained["spec"]["managedBy"] == f"regsweep.dev/{NAME}"
