"""What the operator may do, verb by verb. A right that is added stands here too, with the use that needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from support.helm import Helm, Manifest, one

Rights = dict[str, set[str]]

OPERATOR: Mapping[str, set[str]] = {
    "regsweep.dev/regularizationsweeps": {
        "delete",
        "get",
        "list",
        "watch",
    },  # delete: ttlSecondsAfterFinished; get: a live look before the first Job
    "regsweep.dev/regularizationsweeps/status": {"update"},
    "regsweep.dev/sweepresults": {"create", "list", "update"},
    "batch/jobs": {
        "create",
        "delete",
        "get",
        "list",
        "patch",
        "watch",
    },  # get: whose a Job of our name is; patch: suspend
    "/pods": {"list", "watch"},
    "/podtemplates": {"get"},
    "/configmaps": {"create", "get"},  # the script of a sweep, and its copy
    "/events": {"create", "list"},
    "coordination.k8s.io/leases": {"get"},  # of an operator that has claimed a sweep: does it still lead?
}


def rights(role: Manifest) -> Rights:
    granted: Rights = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                granted.setdefault(f"{group}/{resource}", set()).update(rule["verbs"])
    return granted


def test_the_operator_has_exactly_the_rights_that_it_uses(defaults: Sequence[Manifest]) -> None:
    assert rights(one(defaults, "ClusterRole", "regsweep.regsweep-system")) == OPERATOR


def test_kueue_is_touched_only_where_a_value_says_so(helm: Helm) -> None:
    manifests = helm.template("--set", "kueue.enabled=true")
    # list: what Jobs wait for; patch: spec.active
    allowed = {**OPERATOR, "kueue.x-k8s.io/workloads": {"list", "patch"}}
    assert rights(one(manifests, "ClusterRole", "regsweep.regsweep-system")) == allowed
    assert _kueue_version(manifests) == "v1beta2"
    assert _kueue_version(helm.template()) == ""


def _kueue_version(manifests: Sequence[Manifest]) -> str:
    (container,) = one(manifests, "Deployment", "regsweep")["spec"]["template"]["spec"]["containers"]
    return str(next(entry["value"] for entry in container["env"] if entry["name"] == "REGSWEEP_KUEUE_VERSION"))


def test_one_lease_in_its_own_namespace_is_all_that_leading_needs(defaults: Sequence[Manifest]) -> None:
    role = one(defaults, "Role", "regsweep-leader")
    assert role["metadata"]["namespace"] == "regsweep-system"
    assert rights(role) == {"coordination.k8s.io/leases": {"create", "get", "update"}}
    unnamed = [rule for rule in role["rules"] if "resourceNames" not in rule]
    assert [rule["verbs"] for rule in unnamed] == [["create"]], "RBAC can name objects for all verbs but create"


def test_each_binding_gives_its_role_to_the_operator_alone(defaults: Sequence[Manifest]) -> None:
    account = {"kind": "ServiceAccount", "name": "regsweep", "namespace": "regsweep-system"}
    bindings = [m for m in defaults if m["kind"].endswith("Binding")]
    assert {b["metadata"]["name"]: b["roleRef"]["name"] for b in bindings} == {
        "regsweep.regsweep-system": "regsweep.regsweep-system",
        "regsweep-leader": "regsweep-leader",
    }
    assert all(b["subjects"] == [account] for b in bindings)


def test_one_value_keeps_the_operator_inside_its_namespaces(helm: Helm) -> None:
    manifests = helm.template("--set", "watchNamespaces={ml,vision}")
    assert not [m for m in manifests if m["kind"] == "ClusterRoleBinding"]
    roles = [m for m in manifests if m["kind"] == "Role" and m["metadata"]["name"] == "regsweep"]
    assert [role["metadata"]["namespace"] for role in roles] == ["ml", "vision"]
    assert all(rights(role) == OPERATOR for role in roles)
    bound = [m for m in manifests if m["kind"] == "RoleBinding" and m["metadata"]["name"] == "regsweep"]
    assert [binding["metadata"]["namespace"] for binding in bound] == ["ml", "vision"]
    assert one(
        helm.template("--set", "watchNamespaces={ml},podMonitors.trainers.enabled=true"),
        "PodMonitor",
        "regsweep-trainers",
    )["spec"]["namespaceSelector"] == {"matchNames": ["ml"]}


@pytest.mark.parametrize("role", ["regsweep-view", "regsweep-edit"])
def test_people_may_read_or_write_sweeps_and_templates_but_never_write_results(
    defaults: Sequence[Manifest], role: str
) -> None:
    granted = rights(one(defaults, "ClusterRole", f"{role}.regsweep-system"))
    read = {"get", "list", "watch"}
    write = {"create", "delete", "deletecollection", "patch", "update"}
    expected = {
        "regsweep-view": {
            "regsweep.dev/regularizationsweeps": read,
            "regsweep.dev/regularizationsweeps/status": read,
            "regsweep.dev/sweepresults": read,
            "/podtemplates": read,
        },
        "regsweep-edit": {"regsweep.dev/regularizationsweeps": write, "/podtemplates": write},
    }
    assert granted == expected[role]


def test_importing_takes_a_role_that_is_not_there_by_default_and_that_nobody_is_bound_to(
    defaults: Sequence[Manifest], helm: Helm
) -> None:
    assert not [m for m in defaults if m["metadata"]["name"].startswith("regsweep-import")]
    manifests = helm.template("--set", "rbac.importer.create=true")
    role = one(manifests, "ClusterRole", "regsweep-import.regsweep-system")
    assert rights(role) == {
        "regsweep.dev/regularizationsweeps": {"create", "get", "patch"},
        "regsweep.dev/regularizationsweeps/status": {"update"},
        "regsweep.dev/sweepresults": {"create", "get", "update"},
    }
    assert not [label for label in role["metadata"].get("labels", {}) if "aggregate" in label]
    assert not [m for m in manifests if m["kind"].endswith("Binding") and "import" in m["roleRef"]["name"]]


def test_no_rule_has_a_wildcard(defaults: Sequence[Manifest]) -> None:
    rules = [rule for m in defaults if m["kind"] in ("Role", "ClusterRole") for rule in m["rules"]]
    assert not [rule for rule in rules if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])]


def test_the_operator_renews_the_lease_that_its_role_names(helm: Helm) -> None:
    manifests = helm.template("--set", "fullnameOverride=other")
    (container,) = one(manifests, "Deployment", "other")["spec"]["template"]["spec"]["containers"]
    lease = next(entry["value"] for entry in container["env"] if entry["name"] == "REGSWEEP_LEASE_NAME")
    (named,) = [rule for rule in one(manifests, "Role", "other-leader")["rules"] if "resourceNames" in rule]
    assert named["resourceNames"] == [lease] == ["other-operator"]


def test_roles_can_be_left_to_somebody_else(helm: Helm) -> None:
    manifests = helm.template("--set", "rbac.create=false,aggregateRoles=false")
    assert not [m for m in manifests if m["apiVersion"].startswith("rbac.")]
