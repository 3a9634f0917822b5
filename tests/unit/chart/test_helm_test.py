"""The hooks of `helm test`: a sweep where the operator sees it, and a pod that may read and nothing else."""

from __future__ import annotations

import pytest

from regsweep.api.validation import parse_sweep
from support.helm import Helm, one


@pytest.mark.parametrize(
    ("options", "watched"),
    [
        pytest.param((), "regsweep-system", id="all namespaces are watched"),
        pytest.param(("--set", "watchNamespaces={ml,vision}"), "ml", id="listed namespaces are watched"),
    ],
)
def test_the_sweep_is_where_the_operator_watches_and_the_pod_where_helm_looks_for_its_log(
    helm: Helm, options: tuple[str, ...], watched: str
) -> None:
    hooks = helm.hooks(*options, "--set", "imagePullSecrets[0].name=pull")
    places = {hook["kind"]: hook["metadata"]["namespace"] for hook in hooks}
    assert places == {
        **dict.fromkeys(("RegularizationSweep", "Role", "RoleBinding"), watched),
        **dict.fromkeys(("ServiceAccount", "Pod"), "regsweep-system"),
    }
    (subject,) = one(hooks, "RoleBinding", "regsweep-test")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "regsweep-test", "namespace": "regsweep-system"}
    pod = one(hooks, "Pod", "regsweep-test")["spec"]
    assert pod["containers"][0]["command"][-2:] == ["--namespace", watched]
    assert pod["imagePullSecrets"] == [{"name": "pull"}], "a Secret of the release's namespace"
    spec = parse_sweep(one(hooks, "RegularizationSweep", "regsweep-test"))
    assert spec.trainer.gpus == 0 and spec.replicates == 2


def test_an_admission_policy_finds_the_common_labels_on_each_of_them(helm: Helm) -> None:
    hooks = helm.hooks("--set", "commonLabels.team=ml,commonAnnotations.owner=ml")
    assert all(hook["metadata"]["labels"]["team"] == hook["metadata"]["annotations"]["owner"] == "ml" for hook in hooks)


def test_the_pod_comes_last_and_may_only_read(helm: Helm) -> None:
    hooks = helm.hooks()
    assert hooks[-1]["kind"] == "Pod"
    (rule,) = one(hooks, "Role", "regsweep-test")["rules"]
    assert set(rule["verbs"]) == {"get", "list", "watch"} and rule["apiGroups"] == ["regsweep.dev"]


def test_no_selector_of_the_operator_takes_the_pod_for_one_of_its_own(helm: Helm) -> None:
    pod = one(helm.hooks(), "Pod", "regsweep-test")
    selector = one(helm.template(), "Deployment", "regsweep")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize("name", ["regsweep.dev/operator", "regsweep.dev/team-a"])
def test_the_sweep_is_for_the_operator_of_this_release(helm: Helm, name: str) -> None:
    spec = parse_sweep(one(helm.hooks("--set", f"managedBy={name}"), "RegularizationSweep", "regsweep-test"))
    assert spec.managed_by == name


def test_the_policy_that_lets_the_operator_out_lets_the_pod_out(helm: Helm) -> None:
    manifests = helm.template("--set", "networkPolicy.operator.enabled=true")
    selector = one(manifests, "NetworkPolicy", "regsweep")["spec"]["podSelector"]
    (expression,) = selector["matchExpressions"]
    operator = one(manifests, "Deployment", "regsweep")["spec"]["template"]
    for pod in (operator, one(helm.hooks(), "Pod", "regsweep-test")):
        labels = pod["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert expression["operator"] == "In" and labels[expression["key"]] in expression["values"]


def test_an_installation_without_helm_has_none_of_it(helm: Helm) -> None:
    assert not [manifest for manifest in helm.template() if "helm.sh/hook" in str(manifest["metadata"])]
