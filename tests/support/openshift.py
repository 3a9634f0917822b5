"""OpenShift's restricted-v2, played by Kubernetes' own admission policies.

In namespaces with its label a pod that names no user gets one of the namespace's range, and the same number as group of its volumes; its
own group is then 0, as the container runtime has it for a user that no image knows. A pod that names another user is refused.
"""

from __future__ import annotations

from typing import Final

from support.stage import Json

FIRST: Final = 1_000_650_000
LAST: Final = FIRST + 9_999
LABEL: Final = "range-of-users=assigned"
_NAME: Final = "restricted-v2"
_MATCHED: Final[Json] = {
    "namespaceSelector": {"matchLabels": dict([LABEL.split("=")])},
    "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
}
_WITHIN: Final = f"({FIRST} <= id && id <= {LAST})"


def policies() -> list[Json]:
    """The policies with their bindings."""
    return [*_assigning(), *_refusing()]


def _assigning() -> list[Json]:
    assigned = (
        "Object{spec: Object.spec{securityContext: Object.spec.securityContext{"
        f"runAsUser: {FIRST}, fsGroup: object.spec.securityContext.?fsGroup.orValue({FIRST})"
        "}}}"
    )
    spec = {
        "matchConstraints": _MATCHED,
        "matchConditions": [{"name": "names-no-user", "expression": "!has(object.spec.securityContext.runAsUser)"}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": assigned}}],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1beta1", "metadata": {"name": _NAME}}
    return [
        {**kind, "kind": "MutatingAdmissionPolicy", "spec": spec},
        {**kind, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": _NAME}},
    ]


def _refusing() -> list[Json]:
    ids = "[object.spec.securityContext.?runAsUser, object.spec.securityContext.?fsGroup].map(id, id.orValue(0))"
    containers = f"object.spec.containers.map(c, c.?securityContext.?runAsUser.orValue({FIRST}))"
    words = f"must be in the ranges: [{FIRST}, {LAST}]"
    spec = {
        "matchConstraints": _MATCHED,
        "failurePolicy": "Fail",
        "validations": [{"expression": f"{each}.all(id, {_WITHIN})", "message": words} for each in (ids, containers)],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": _NAME}}
    bound = {"policyName": _NAME, "validationActions": ["Deny"]}
    return [
        {**kind, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
    ]
