"""What an installation decides for all training pods: above the operator's defaults, under a namespace's template."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.errors import InvalidTemplate
from support.training_pods import pod_of


def test_the_installations_template_lies_between_the_operators_defaults_and_the_shared_one() -> None:
    template: dict[str, Any] = {
        "metadata": {"annotations": {"mesh": "off"}},
        "spec": {
            "securityContext": {"$patch": "replace", "runAsNonRoot": True},
            "nodeSelector": {"pool": "gpu", "zone": "a"},
            "containers": [{"name": "trainer", "securityContext": None}],
        },
    }
    pod: Any = pod_of(template, {"spec": {"nodeSelector": {"zone": "b"}, "containers": [{"name": "trainer"}]}})
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True}
    assert pod["spec"]["nodeSelector"] == {"pool": "gpu", "zone": "b"}
    assert "securityContext" not in pod["spec"]["containers"][0]
    assert pod["metadata"]["annotations"]["mesh"] == "off"


def test_what_the_operator_owns_is_not_the_installations_to_say() -> None:
    pod: Any = pod_of({"spec": {"restartPolicy": "Always", "automountServiceAccountToken": True}})
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_wrong_template_of_the_installation_is_named_by_its_variable() -> None:
    with pytest.raises(InvalidTemplate, match=r"^REGSWEEP_TRAINER_TEMPLATE\.containers: did you mean"):
        pod_of({"containers": []})
