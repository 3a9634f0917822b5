"""The hooks of `helm test`: a sweep where the operator sees it, and a pod that may read and nothing else."""

from __future__ import annotations

import pytest

from regsweep.api.validation import parse_sweep
from support.helm import Helm, one


@pytest.mark.parametrize(
    ("options", "namespace"),
    [
        pytest.param((), "regsweep-system", id="all namespaces are watched"),
        pytest.param(("--set", "watchNamespaces={ml,vision}"), "ml", id="listed namespaces are watched"),
    ],
)
def test_the_sweep_is_where_the_operator_watches(helm: Helm, options: tuple[str, ...], namespace: str) -> None:
    hooks = helm.hooks(*options)
    assert {hook["metadata"]["namespace"] for hook in hooks} == {namespace}
    spec = parse_sweep(one(hooks, "RegularizationSweep", "regsweep-test"))
    assert spec.trainer.gpus == 0 and spec.replicates == 2


def test_the_pod_comes_last_and_may_only_read(helm: Helm) -> None:
    hooks = helm.hooks()
    assert hooks[-1]["kind"] == "Pod"
    (rule,) = one(hooks, "Role", "regsweep-test")["rules"]
    assert set(rule["verbs"]) == {"get", "list", "watch"} and rule["apiGroups"] == ["regsweep.dev"]


def test_no_selector_of_the_operator_takes_the_pod_for_one_of_its_own(helm: Helm) -> None:
    pod = one(helm.hooks(), "Pod", "regsweep-test")
    selector = one(helm.template(), "Deployment", "regsweep")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= pod["metadata"]["labels"].items()


def test_an_installation_without_helm_has_none_of_it(helm: Helm) -> None:
    assert not [manifest for manifest in helm.template() if "helm.sh/hook" in str(manifest["metadata"])]
